# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The end of every test program: exit codes, and logs where one failed."""

import signal
import sys
import unittest

import scratchdir
from needs import Missing

SKIPPED = 77
_TAIL = 60


def _print_logs(stream):
    for log in scratchdir.logs():
        lines = log.read_text(errors="replace").splitlines()
        print(f"--- the last lines of {log}", *lines[-_TAIL:], sep="\n",
              file=stream)


class _Result(unittest.TextTestResult):
    """Prints the logs while their directories still exist."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, signum, _frame):
        """Ends the test that runs, through its clean-up, and begins no
        other.  (unittest takes an exit within a test for a failure of it.)"""
        self.stop()
        sys.exit(128 + signum)

    def _explain(self, test, err):
        if issubclass(err[0], Missing):
            return
        print(f"\n=== {test}", file=sys.stderr)
        _print_logs(sys.stderr)

    def addError(self, test, err):
        self._explain(test, err)
        super().addError(test, err)

    def addFailure(self, test, err):
        self._explain(test, err)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._explain(subtest, err)
        super().addSubTest(test, subtest, err)


def _classes(above=unittest.TestCase):
    for below in above.__subclasses__():
        yield below
        yield from _classes(below)


def main(*needs):
    """Runs the tests of the calling program, if all that it needs is there.

    needs are functions of needs.py (or like them) to be called first.
    SIGTERM (a runner's time limit) ends the test through its clean-up.
    """
    try:
        for need in needs:
            need()
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(SKIPPED)
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=2)
    try:
        program = unittest.main(module="__main__", testRunner=runner,
                                exit=False)
    finally:
        # unittest leaves this out where a signal came in setUpClass().
        for test_class in _classes():
            test_class.doClassCleanups()
    sys.exit(0 if program.result.wasSuccessful() else 1)
