# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Waiting for something to become so, with a limit, never blindly."""

import time

# A bound on what hangs, not a measure: so long that a busy machine fails no
# test.
PATIENCE = 60.0


def wait_until(what, predicate, timeout=PATIENCE, interval=0.02):
    """Polls predicate until it is true and returns what it returned.

    what names it for the failure, so that a time-out says what was missing.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)
