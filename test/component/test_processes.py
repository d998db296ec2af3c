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
import signatures
import testmain
from daemon import Daemon
from daemoncase import fresh_daemon
from scratchdir import scratch_dir
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


class FailedStartCase(unittest.TestCase):
    """A start that fails says so once, and why."""

    def test_filter_that_cannot_start_is_one_error(self):
        with scratch_dir() as path:
            database = signatures.make_set(path / "signatures")
            daemon = Daemon(path / "daemon", database,
                            buffer={"directory": "/proc"})
            daemon.launch()
            self.assertNotEqual(daemon.wait_end(), 0)
            lines = [line for line in daemon.log().splitlines()
                     if "error: " in line and "buffer.directory" not in line]
            self.assertEqual(len(lines), 1, lines)
            self.assertRegex(
                lines[0], "vscan-milter ends: the filter can't start: "
                "opening a file in /proc: ")
            self.assertNotIn("starting it again", daemon.log())


if __name__ == "__main__":
    testmain.main(needs.daemon)
