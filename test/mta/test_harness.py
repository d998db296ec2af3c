#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the tests' own helpers do when something goes wrong: they end."""

import pathlib
import signal
import subprocess
import sys
import unittest

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
sys.path.insert(0, str(LIB))

import postfix
import procs
import testmain
from scratchdir import scratch_dir
from sink import Sink
from waiting import wait_until

# A test that goes on for ever, with a sink; %s is where.
_ENDLESS = """
import pathlib, sys, time, unittest
sys.path.insert(0, sys.argv.pop(1))
directory = pathlib.Path(sys.argv.pop(1))
import testmain
from sink import Sink

def go_on():
    (directory / "began").touch()
    time.sleep(600)

class EndlessCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(Sink())
        cls.addClassCleanup((directory / "cleaned").touch)
        "%s" == "class" and go_on()
    def test_first(self):
        "%s" == "test" and go_on()
    def test_second(self):
        (directory / "second").touch()

testmain.main()
"""


class HarnessCase(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(scratch_dir())

    def test_postfix_that_greets_nobody_ends_the_test(self):
        with Sink() as sink:
            bad = postfix.Postfix(self.directory / "postfix", sink.port,
                                  "unix:vscan/milter.sock",
                                  smtpd_recipient_limit="x")
            with self.assertRaisesRegex(AssertionError,
                                        "fatal: .*smtpd_recipient_limit"):
                with bad:
                    pass

    def test_sink_that_was_not_started_can_be_stopped(self):
        Sink().stop()

    def test_signal_ends_a_test_through_its_clean_up(self):
        for where in ("class", "test"):
            with self.subTest(where):
                for path in self.directory.iterdir():
                    path.unlink()
                test = procs.start(
                    [sys.executable, "-B", "-c", _ENDLESS % (where, where),
                     LIB, self.directory], stderr=subprocess.DEVNULL)
                self.addCleanup(test.kill)
                wait_until("its start",
                           (self.directory / "began").exists)
                test.send_signal(signal.SIGTERM)
                self.assertNotEqual(test.wait(20), 0)
                self.assertTrue((self.directory / "cleaned").exists())
                self.assertFalse((self.directory / "second").exists())


if __name__ == "__main__":
    testmain.main(postfix.needed)
