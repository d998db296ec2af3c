# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Held mail, in whichever MTA: accepted at once, delivered if it is clean.

The reply deadline of a submission is 3 s here, of which the last second is
for making the mail safe on disk; the scans take 6 s.
"""

import os
import time

import lateness
import logcheck
import mails
import signatures
from waiting import wait_until

# Errors and warnings: of a mail that was held and is refused now, of a service
# that is away, and of what is ended here.
EXPECTED_LOG = (
    *logcheck.ODD_SCANS, *logcheck.ENGINE_KILLED, *logcheck.FILTER_KILLED,
    *logcheck.SUPERVISOR_KILLED, r"held: key=\w+, ",
    "vscan-release can't be asked", "no engine in service", "engine.database",
    "libclamav: ")

SCAN_SECONDS = 6
DEADLINE = 3.0
RELEASED_WITHIN = 3.0

SETTINGS = {
    "deadline": {"reply": "2s", "reply_submission": "3s",
                 "reply_local": "3s"},
    "action": {"late_submission": "hold"},
    "hold": {"commit": "1s"},
    "drain_timeout": "1s",
}


def slow_clean():
    """A mail that takes long and has nothing in it."""
    return signatures.slow_mail(SCAN_SECONDS)


def slow_infected():
    """A mail that takes long, and has a virus in a part behind that."""
    ticks = mails.split(slow_clean())[1]
    return mails.multipart(
        ("text/plain", "7bit", ticks),
        ("application/octet-stream", "base64", signatures.EICAR))


class HoldTests:
    """To be mixed into an MtaCase that has submit(mail) for an authenticated
    client, held() for the queue IDs in quarantine, and .release."""

    files = frozenset()

    def hold(self, mail):
        """Submits it; returns its line in the log once it is held."""
        since = self.daemon.mark()
        before, spooled = set(self.held()), self.spooled()
        answer = self.submit(mail)
        self.assertEqual(answer.code, 250, answer)
        self.assertLess(answer.seconds, DEADLINE + lateness.after_deadline())
        message_id, = mails.fields_named(mail, "Message-ID")
        line = self.daemon.wait_message(message_id, since)
        self.assertEqual((line.verdict, line.action), ("late", "hold"))
        wait_until("a mail in quarantine",
                   lambda: len(set(self.held()) - before) == 1)
        self.assert_not_delivered(mail)
        self.files = self.spooled() - spooled
        self.assertEqual(len(self.files), 2)
        return line

    def spooled(self):
        """The names of the files of held mail."""
        return set(os.listdir(self.daemon.state / "held"))

    def wait_scanned(self, line, since=0):
        """Waits for the end of its scan; returns when that was seen."""
        wait_until(f"the scan of {line.key}",
                   lambda: self.daemon.scans(line.key, since), 60)
        return time.monotonic()

    def assert_released(self, mail, scanned_at):
        """It is delivered, soon after its scan has ended, and but once."""
        self.sink.wait_for(self.own_word(mail))
        self.assertLess(time.monotonic() - scanned_at, RELEASED_WITHIN)
        got = self.sink.wait_for(self.own_word(mail)).data
        status, = mails.fields_named(got, "X-Virus-Status")
        self.assertRegex(status, r"^Held \([0-9a-f]{32}\)$")
        self.assert_forgotten()
        self.assertEqual(len(self.sink.holding(self.own_word(mail))), 1)

    def assert_forgotten(self):
        """Nothing of what hold() held last is left in our directory."""
        wait_until("the end of its files",
                   lambda: not self.files & self.spooled())

    def assert_left(self, mail, queue_ids):
        """It stays in quarantine and is forgotten by us."""
        self.assert_forgotten()
        self.assertEqual(set(self.held()), queue_ids)
        self.assert_not_delivered(mail)

    def kill_everything(self):
        """kill -9 of filter, engine, workers, supervisor, release service;
        returns a mark in the log, behind the last words of the first."""
        self.daemon.kill_all()
        since = self.daemon.mark()
        self.release.kill()
        self.release.start()
        self.daemon.start()
        return since

    def test_clean_mail_is_delivered_after_its_scan(self):
        mail = slow_clean()
        line = self.hold(mail)
        self.assert_released(mail, self.wait_scanned(line))
        self.assertEqual(len(self.daemon.scans(line.key)), 1)

    def test_infected_mail_is_never_delivered(self):
        before = set(self.held())
        mail = slow_infected()
        line = self.hold(mail)
        queue_ids = set(self.held())
        self.wait_scanned(line)
        self.daemon.wait_log(rf"held: key={line.key}, verdict=infected, "
                             r".*action=leave")
        self.assert_left(mail, queue_ids)
        self.assertEqual(len(queue_ids - before), 1)

    def test_all_killed_while_clean_mail_is_scanned(self):
        mail = slow_clean()
        line = self.hold(mail)
        since = self.kill_everything()
        self.assert_released(mail, self.wait_scanned(line, since))

    def test_all_killed_while_infected_mail_is_scanned(self):
        mail = slow_infected()
        line = self.hold(mail)
        queue_ids = set(self.held())
        self.wait_scanned(line, self.kill_everything())
        self.assert_left(mail, queue_ids)

    def test_mail_waits_for_a_release_service_that_is_not_there(self):
        mail = slow_clean()
        self.release.stop()
        line = self.hold(mail)
        self.wait_scanned(line)
        self.daemon.wait_log("vscan-release can't be asked")
        self.assert_not_delivered(mail)
        self.release.start()
        self.sink.wait_for(self.own_word(mail))
        self.assert_forgotten()

    def test_quick_mail_is_not_held(self):
        mail = mails.plain()
        before = self.held()
        self.assertEqual(self.submit(mail).code, 250)
        got = self.assert_delivered(mail)
        self.assertEqual(mails.fields_named(got, "X-Virus-Status"), ["Clean"])
        self.assertEqual(self.held(), before)
