#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What a filter that was taken over can do to the supervisor, which is root."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import testmain
from waiting import wait_until
from wickedfilter import wicked

# Lines for one filter that has gone wrong: its start, its end, an engine's.
LINES = 40


class WickedFilterCase(unittest.TestCase):
    """It is killed, another one is started, and the log stays readable."""

    def assert_replaced(self, deed):
        """The log has few lines until the second one has ended as well."""
        with wicked(deed) as daemon:
            wait_until("the end of two filters", lambda: daemon.log().count(
                "the filter ended") >= 2)
            self.assertLess(len(daemon.log().splitlines()), LINES)
            # Where no filter is left to drain, the end waits for none.
            self.assertEqual(daemon.terminate(30), 0)

    def test_that_listens_again_and_again_is_replaced(self):
        self.assert_replaced("listens")

    def test_that_loses_engines_again_and_again_is_replaced(self):
        self.assert_replaced("lost")

    def test_that_closes_its_socket_is_replaced(self):
        self.assert_replaced("closes")


class FailedStartCase(unittest.TestCase):
    """A start that fails says so once, and why."""

    def test_filter_that_cannot_start_is_one_error(self):
        with wicked("fails") as daemon:
            self.assertNotEqual(daemon.wait_end(), 0)
            lines = [line for line in daemon.log().splitlines()
                     if "error: " in line]
            self.assertEqual(len(lines), 1, lines)
            self.assertRegex(
                lines[0], "vscan-milter ends: the filter can't start: "
                "what it needs is not there")
            self.assertNotIn("starting it again", daemon.log())


if __name__ == "__main__":
    testmain.main(needs.daemon)
