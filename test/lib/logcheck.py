# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The errors and warnings in a log of the service.

A test that sees the service complain about something it was not made to
complain about must fail, whatever else it looks at.
"""

import re

# On standard error a line shows its level in a word of its own.  What came by
# syslog begins with a priority, whose lower three bits are the level: this
# sees also what a library writes.
_MARKED = re.compile(r"\S+ [\w/-]+\[\d+\]: (?:error|warning): ")
_PRIORITY = re.compile(r"<(\d{1,3})>")
_WARNING = 4


def is_complaint(line):
    """True if the line has the level of an error or a warning."""
    priority = _PRIORITY.match(line)
    if priority is not None:
        return int(priority[1]) & 7 <= _WARNING
    return _MARKED.match(line) is not None


# What the machine is too small for says nothing of the product.
_MACHINE = (r"may take \d+ MB", )


class ExpectedLog:
    """What errors and warnings a test asks for: regular expressions, each for
    the whole log or for a part of it."""

    def __init__(self, patterns=()):
        self._always = [*_MACHINE, *patterns]
        self._parts = []

    def allow(self, pattern, begin, end):
        """Between these places in the log, in bytes."""
        self._parts.append((pattern, begin, end))

    def unexpected(self, log, since=0):
        """The complaints in the log, which is bytes, from since on, that
        nothing here matches."""
        found, at = [], 0
        for line in log.splitlines(keepends=True):
            text = line.decode(errors="replace").rstrip("\n")
            if at >= since and is_complaint(text) and \
                    not self._matches(text, at):
                found.append(text)
            at += len(line)
        return found

    def _matches(self, text, at):
        return any(re.search(pattern, text) for pattern in self._always) or \
            any(begin <= at < end and re.search(pattern, text)
                for pattern, begin, end in self._parts)


# What tests of several files ask for.
ODD_SCANS = (r"scan: key=\w+, .*, ended=",)
BAD_SIGNATURES = ("libclamav: .*database", "the new signature set is not used",
                  "no engine in service, mail is deferred: signatures in")
ENGINE_KILLED = (r"engine \S+ died of signal 9", r"engine \S+ is lost",
                 "no engine in service$", "ended=engine-died")
FILTER_KILLED = ("the filter ended .*: died of signal 9",)
SUPERVISOR_KILLED = (
    "the filter has lost the supervisor, and ends: the other end is closed",
    "the filter can't report to the supervisor: the other end is closed")
