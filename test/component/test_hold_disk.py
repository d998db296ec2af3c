#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mail is held only if it is safe on disk, and the disk delays no reply."""

import contextlib
import pathlib
import sqlite3
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import faultdisk
import lateness
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

REPLY = 3.0
SCAN_SECONDS = 8


class HoldDiskCase(unittest.TestCase):
    """A service whose state lies on a disk of its own; an MTA's client is
    enough for it, since nothing is released here."""

    def setUp(self):
        path = self.enterContext(scratch_dir())
        self.disk = self.enterContext(
            faultdisk.FaultDisk(path / "daemon" / "state", 16))
        self.daemon = self.enterContext(daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            expected_log=["No space left on device", "the disk hangs",
                          "vscan-release can't be asked"],
            deadline={"reply": f"{REPLY:.0f}s"}, action={"late": "hold"},
            hold={"commit": "1s", "release_socket": str(path / "none")}))
        self.held = self.disk.directory / "held"
        # Before the daemon ends: a thread of it may hang there.
        self.addCleanup(self.disk.thaw)
        wait_until("the directory for held mail", self.held.is_dir)

    def deliver(self, mail):
        """One mail in a session of its own; returns its Outcome."""
        outcome = milterclient.deliver(self.daemon.socket, mail)
        self.assertLess(outcome.seconds, REPLY + lateness.after_deadline())
        return outcome

    def assert_deferred(self, reason):
        """A slow mail isn't held, for this reason; but quick mail passes."""
        mail = signatures.slow_mail(SCAN_SECONDS)
        outcome = self.deliver(mail)
        self.assertEqual(outcome.action, "tempfail")
        self.assertEqual(outcome.quarantine, "")
        message_id, = mails.fields_named(mail, "Message-ID")
        line = self.daemon.wait_message(message_id)
        self.assertEqual((line.verdict, line.name, line.action),
                         ("late", reason, "tempfail"))
        self.assertEqual(self.deliver(mails.plain()).action, "accept")

    def files(self):
        """The names of what is there."""
        return sorted(path.name for path in self.held.iterdir())

    def test_mail_is_on_disk_before_it_is_accepted(self):
        outcome = self.deliver(signatures.slow_mail(SCAN_SECONDS))
        files = self.files()
        self.assertEqual(outcome.action, "quarantine")
        status, = outcome.header("X-Virus-Status")
        self.assertEqual(outcome.quarantine, status)
        mark = status.removeprefix("Held (").removesuffix(")")
        self.assertEqual(files, [mark, f"{mark}.eml"])
        self.assert_nothing_is_deferred()

    def assert_nothing_is_deferred(self):
        """What is held is known to the ledger, but nobody sends it again."""
        def count():
            with contextlib.closing(sqlite3.connect(
                    f"file:{ledger}?mode=ro", uri=True)) as database:
                return database.execute(
                    "SELECT count(*) FROM contents").fetchone()[0]

        ledger = self.daemon.state / "ledger.sqlite"
        wait_until("its row on disk", count)
        done = procs.run([needs.build() / "sbin/vscanctl", "-c",
                          self.daemon.config_file, "deferred", "--json"])
        self.assertEqual(done.stdout, "")

    def test_hanging_disk(self):
        self.disk.hang()
        self.assert_deferred("hold-slow")
        # A second one finds no writer at all, beside the two that hang.
        self.assert_deferred("hold-slow")
        self.assert_deferred("hold-slow")
        self.disk.thaw()
        wait_until("nothing of them on disk", lambda: not self.files())
        self.assertEqual(self.deliver(signatures.slow_mail(
            SCAN_SECONDS)).action, "quarantine")

    def test_full_disk(self):
        self.disk.fill()
        self.assert_deferred("hold-failed")
        self.assertEqual(self.files(), [])
        self.disk.empty()
        self.assertEqual(self.deliver(signatures.slow_mail(
            SCAN_SECONDS)).action, "quarantine")


if __name__ == "__main__":
    testmain.main(needs.daemon, faultdisk.needed)
