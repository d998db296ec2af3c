# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A wall clock that can be stepped, for the daemon's processes alone.

The machine's own clock is everybody's, and a time namespace has none for the
wall.  So a library stands before the calls that ask for it and adds what a
file says at the moment.  It is preloaded, which a sanitizer's runtime wants
to be itself.
"""

import mmap
import struct

import needs

DAY = 86400


def library():
    """The library, or None where the daemon can't have it preloaded."""
    path = needs.build() / "component" / "libclock-step.so"
    return path if path.exists() else None


def needed():
    """For testmain.main()."""
    if library() is None:
        raise needs.Missing("no clock steps in this build: a sanitizer's "
                            "runtime must be preloaded first")


class WallClock:
    """environment is what a process is to be started with."""

    def __init__(self, path):
        self._path = path
        path.write_bytes(struct.pack("=q", 0))
        path.chmod(0o644)
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library()),
                            "VSCAN_CLOCK_STEP": str(path)}

    def step(self, seconds):
        """Moves the clock by so much, in processes that run, too."""
        now, = struct.unpack("=q", self._shared)
        self._shared[:] = struct.pack("=q", now + seconds)
