# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A small disk of the test's own that can be full, and can hang.

An ext4 file system on a loop device.  It hangs by fsfreeze(8): who writes to
it then sleeps, uninterruptibly, until it is thawed, and can't even be killed;
reading goes on.  A process of its own thaws and unmounts it when the test is
done with it or has died, however it died: else writers would hang for ever.
"""

import os
import pathlib
import subprocess

import needs
import procs
from running import Running

_FILLER = "filler"
_CHUNK = 1 << 16

# Ends with its standard input, that is with the test at the latest.  Who
# still has files open there is about to be killed, thus the lazy unmount.
_GUARDIAN = """
trap '' HUP INT TERM
read -r _
fsfreeze -u "$1" 2>/dev/null
umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null
"""


def needed():
    """For testmain.main(): loop devices, and what makes use of them."""
    needs.root()
    for program in ("mkfs.ext4", "mount", "umount", "fsfreeze"):
        needs.program(program)
    done = procs.run([needs.program("losetup"), "--find"], check=False)
    if done.returncode != 0:
        raise needs.Missing(f"no loop devices: {done.stderr.strip()}")


class FaultDisk(Running):
    """Mounted at directory in the with block; belongs to root."""

    def __init__(self, directory, mebibytes):
        self.directory = pathlib.Path(directory)
        self._image = self.directory.with_name(
            f"{self.directory.name}.ext4")
        self._size = mebibytes << 20
        self._guardian = None
        self.hangs = False

    def start(self):
        self.directory.mkdir(mode=0o755, parents=True)
        with self._image.open("wb") as image:
            image.truncate(self._size)
        # Nothing of it is kept back for root: full is full.
        procs.run([needs.program("mkfs.ext4"), "-q", "-m", "0", self._image])
        self._guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "guardian", self.directory],
            stdin=subprocess.PIPE, start_new_session=True)
        done = procs.run([needs.program("mount"), "-o", "loop", self._image,
                          self.directory], check=False)
        if done.returncode != 0:
            raise needs.Missing(f"no loop mount: {done.stderr.strip()}")
        (self.directory / "lost+found").rmdir()

    def stop(self):
        if self._guardian is not None:
            self._guardian.stdin.close()
            self._guardian.wait(30)
            self._image.unlink()

    def fill(self):
        """Leaves no byte of room."""
        with open(self.directory / _FILLER, "wb", buffering=0) as filler:
            size = _CHUNK
            while size > 0:
                try:
                    filler.write(bytes(size))
                except OSError:
                    size //= 2

    def empty(self):
        """Makes room again."""
        (self.directory / _FILLER).unlink(missing_ok=True)

    def hang(self):
        """From now on nobody returns from a write."""
        procs.run([needs.program("fsfreeze"), "-f", self.directory])
        self.hangs = True

    def thaw(self):
        """The disk is back."""
        if self.hangs:
            procs.run([needs.program("fsfreeze"), "-u", self.directory])
        self.hangs = False

    def repair(self):
        """Whatever was done to it is undone."""
        self.thaw()
        self.empty()

    def files(self):
        """How many files there are, by name."""
        return sum(len(names) for _, _, names in os.walk(self.directory))
