#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The disk of state_directory hangs while the filter dies and starts again."""

import os
import pathlib
import signal
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import faultdisk
import logcheck
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

REPLY, SCAN_SECONDS = 2, 4
# From the filter's death: it waits 3 s for the disk.
SERVES_WITHIN = 8.0

# Dies in the middle of a transaction: whoever opens the file next has to undo
# that, and so to write, before a row can be read.
_BEGIN_AND_DIE = """
import os, sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("PRAGMA journal_mode = TRUNCATE")
ledger.execute("PRAGMA cache_size = 1")
ledger.execute("BEGIN IMMEDIATE")
columns = [row[1] for row in ledger.execute("PRAGMA table_info(contents)")]
values = ["hex(randomblob(32))" if name == "key" else name for name in columns]
for _ in range(10):
    ledger.execute(f"INSERT INTO contents SELECT {', '.join(values)} "
                   "FROM contents")
os._exit(0)
"""


class HangingDiskCase(unittest.TestCase):
    """A service whose state lies on a disk of its own."""

    def setUp(self):
        path = self.enterContext(scratch_dir())
        self.disk = self.enterContext(
            faultdisk.FaultDisk(path / "daemon" / "state", 16))
        self.daemon = self.enterContext(daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            expected_log=["the disk hangs", "rows may not have been written",
                          *logcheck.FILTER_KILLED],
            deadline={"reply": f"{REPLY}s"}))
        self.ledger = self.disk.directory / "ledger.sqlite"
        # Before the daemon ends: a thread of it may hang there.
        self.addCleanup(self.disk.thaw)

    def deliver(self, mail):
        """One mail in a session of its own; returns its Outcome."""
        return milterclient.deliver(self.daemon.socket, mail)

    def rows(self, condition):
        """How many rows of the ledger's file are like that."""
        ledger = sqlite3.connect(self.ledger)
        try:
            return ledger.execute("SELECT count(*) FROM contents WHERE "
                                  + condition).fetchone()[0]
        finally:
            ledger.close()

    def defer(self, mail):
        """Its scan takes too long; returns its key."""
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail).action, "tempfail")
        return self.daemon.wait_message("verdict=late", since).key

    def kill_filter(self):
        """kill -9; returns when, and since when the log is a new one's."""
        died, since = time.monotonic(), self.daemon.mark()
        os.kill(self.daemon.filter(), signal.SIGKILL)
        return died, since

    def assert_serves(self, died, since):
        """The new filter scans mail, soon after the old one's death."""
        self.daemon.wait_in_service(since)
        wait_until("a clean mail",
                   lambda: self.deliver(mails.plain()).action == "accept")
        self.assertLess(time.monotonic() - died, SERVES_WITHIN)

    def test_mail_is_served_and_what_was_known_comes_back(self):
        late = signatures.slow_mail(SCAN_SECONDS)
        key = self.defer(late)
        wait_until("the late verdict on disk",
                   lambda: self.rows("verdict = 'clean'") == 1)
        procs.run([sys.executable, "-c", _BEGIN_AND_DIE, self.ledger])
        self.disk.hang()
        died, since = self.kill_filter()
        self.assert_serves(died, since)
        self.assertEqual(self.daemon.log(since).count(
            "the disk hangs or is slow"), 1)
        self.defer(signatures.slow_mail(SCAN_SECONDS))
        self.assertNotIn("read at last", self.daemon.log(since))

        self.disk.thaw()
        self.daemon.wait_log("read at last", since)
        again = self.daemon.mark()
        self.assertEqual(self.deliver(late).action, "accept")
        self.assertEqual(
            self.daemon.wait_message(key, again).source, "store")
        self.assertEqual(self.daemon.scans(key, since), [])
        wait_until("both rows on disk", lambda: self.rows("true") == 2)
        self.assertEqual(list(self.ledger.parent.glob("*.bad-*")), [])


if __name__ == "__main__":
    testmain.main(needs.daemon, faultdisk.needed)
