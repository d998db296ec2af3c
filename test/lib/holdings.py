# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the service holds, to be compared with what it held before."""

import dataclasses
import os
import pathlib

import procs

# What the C library may keep of memory that was given back.
SLACK_KIB = 24 * 1024


def scratch_files(pid):
    """How many files lie in the tmpfs mounts that a worker alone has."""
    try:
        mounts = pathlib.Path(f"/proc/{pid}/mountinfo").read_text()
        return sum(
            sum(len(names) for _, _, names in os.walk(
                f"/proc/{pid}/root{row.split()[4]}"))
            for row in mounts.splitlines()
            if " - tmpfs scratch" in row)
    except (FileNotFoundError, ProcessLookupError):
        return 0


@dataclasses.dataclass(frozen=True)
class Holdings:
    """The filter's descriptors; spill files, with a name or without; files in
    the workers' scratch; the filter's share of memory."""
    descriptors: int
    spilled: int
    scratch: int
    memory_kib: int

    def within(self, before):
        """True if nothing is held that was not held before."""
        return (self.descriptors <= before.descriptors and
                self.spilled <= before.spilled and
                self.scratch <= before.scratch and
                self.memory_kib <= before.memory_kib + SLACK_KIB)


def measure(daemon):
    """What this daemon holds now."""
    pid = daemon.filter()
    targets = procs.fd_targets(pid)
    spilled = sum(str(daemon.buffers) in target for target in targets)
    return Holdings(
        descriptors=len(targets),
        spilled=spilled + len(list(daemon.buffers.iterdir())),
        scratch=sum(map(scratch_files, daemon.workers())),
        memory_kib=procs.pss_kib(pid))
