#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the administrator sees of the processes: in ps, and of their ends."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import procs
import testmain
from daemoncase import fresh_daemon
from waiting import wait_until


def title(pid):
    """What ps shows as its command."""
    return (procs.PROC / str(pid) / "cmdline").read_bytes().replace(
        b"\0", b" ").decode().rstrip()


class TitleCase(unittest.TestCase):
    """Each process says what it is."""

    def test_each_process_has_a_title_of_its_own(self):
        with fresh_daemon() as daemon:
            generation = re.search(r"engine ([0-9a-f]{16}) in service",
                                   daemon.log()).group(1)
            self.assertEqual(title(daemon.filter()),
                             "vscan-filter: serves the MTA")
            self.assertEqual(title(daemon.engine()),
                             f"vscan-engine: generation {generation}")
            workers = wait_until("two workers", lambda: (
                pids if len(pids := daemon.workers()) == 2 else None))
            self.assertEqual(
                {title(pid) for pid in workers},
                {f"vscan-worker: worker {number} of generation {generation}"
                 for number in (1, 2)})
            self.assertEqual({procs.name(pid) for pid in workers},
                             {"vscan-worker"})


if __name__ == "__main__":
    testmain.main(needs.daemon)
