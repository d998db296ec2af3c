# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A control group of the test's own, with a limit on memory."""

import os
import pathlib

import needs
from waiting import wait_until

_V1 = pathlib.Path("/sys/fs/cgroup/memory")
_V2 = pathlib.Path("/sys/fs/cgroup")
_LIMITS = {_V1: "memory.limit_in_bytes", _V2: "memory.max"}
_USAGES = {_V1: "memory.usage_in_bytes", _V2: "memory.current"}


def _top():
    """The directory in which a group can be made, or None."""
    if (_V1 / "memory.limit_in_bytes").exists():
        return _V1
    control = _V2 / "cgroup.subtree_control"
    return _V2 if (control.exists() and
                   "memory" in control.read_text().split()) else None


def needed():
    """For testmain.main()."""
    if _top() is None or not os.access(_top(), os.W_OK):
        raise needs.Missing("no control group with a limit on memory can be "
                            "made here")


class MemoryGroup:
    """run_with is a command that starts the program that follows it in the
    group."""

    def __init__(self):
        self._top = _top()
        self._path = self._top / f"vscan-test-{os.getpid()}"
        self._path.mkdir()
        self.run_with = ("sh", "-c", 'echo $$ >"$0" && exec "$@"',
                         self._path / "cgroup.procs")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        wait_until("the end of all in the group", self._removed)

    def _removed(self):
        try:
            self._path.rmdir()
        except OSError:
            return False
        return True

    def usage(self):
        """Bytes that are taken now, and not only cached."""
        stat = dict(line.split() for line in (
            self._path / "memory.stat").read_text().splitlines())
        prefix = "total_" if self._top == _V1 else ""
        return (int((self._path / _USAGES[self._top]).read_text()) -
                int(stat[f"{prefix}inactive_file"]) -
                int(stat[f"{prefix}active_file"]))

    def limit(self, size):
        """From now on no more than so many bytes."""
        (self._path / _LIMITS[self._top]).write_text(str(size))
