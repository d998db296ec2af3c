# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What all parts of one chaos run share.

The seed gives each part a random generator of its own, so that the sequence
of faults, and of each client's mails and manners, follows from it; only the
words that make each mail unlike any other, and the moments at which the
machine gets to it all, do not.
"""

import collections
import random
import threading
import time

_RECENT = 12


class Run:
    """One run: its seed, its clock, its counts and its failures."""

    def __init__(self, seed, seconds):
        self.seed = seed
        self.seconds = seconds
        self.counts = collections.Counter()
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._notes = collections.deque(maxlen=_RECENT)
        self._failures = []

    def random(self, part):
        """The generator of one part of the run."""
        return random.Random(f"{self.seed}/{part}")

    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self._started

    def count(self, *what):
        """One more of these."""
        with self._lock:
            self.counts[what] += 1

    def counted(self, *what):
        """How many there were whose names begin so."""
        with self._lock:
            return sum(count for name, count in self.counts.items()
                       if name[:len(what)] == what)

    def note(self, text):
        """What was done, for the message of a failure."""
        with self._lock:
            self._notes.append(f"{self.elapsed():.1f} s: {text}")

    def fail(self, text):
        """Something does not hold; check() raises it."""
        with self._lock:
            self._failures.append(
                f"[seed {self.seed}, {self.elapsed():.1f} s] {text}")

    def check(self):
        """Raises an AssertionError if anything has failed so far."""
        with self._lock:
            if self._failures:
                raise AssertionError("\n".join(
                    self._failures + ["after:"] + list(self._notes)))

    def table(self):
        """All counts, as lines."""
        with self._lock:
            return [f"{count:6d}  {' '.join(what)}"
                    for what, count in sorted(self.counts.items())]


class FilterLife:
    """When the filter was down because it was killed: a connection of that
    time may be lost."""

    def __init__(self):
        self._lock = threading.Lock()
        self._downs = []

    def killed(self):
        """Right before it is killed."""
        with self._lock:
            self._downs.append([time.monotonic(), None])

    def back(self):
        """It answers again; returns how long it did not."""
        with self._lock:
            down = self._downs[-1]
            down[1] = time.monotonic()
            return down[1] - down[0]

    def is_down(self):
        """True between killed() and back()."""
        with self._lock:
            return bool(self._downs) and self._downs[-1][1] is None

    def excuses(self, began):
        """True if what began then (monotonic clock) may have been lost."""
        with self._lock:
            return any(end is None or began <= end
                       for _, end in self._downs)
