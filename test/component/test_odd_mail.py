#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mail that is out of the ordinary gets its answer and leaves nothing."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import holdings
import mails
import needs
import signatures
import testmain
from daemoncase import DaemonCase
from waiting import wait_until

MIB = 1 << 20
HUGE = 150 * MIB


class OddMailCase(DaemonCase):
    """Each test compares the filter's holdings with those before it."""

    settings = {"buffer": {"message_memory": "1M"}}

    @classmethod
    def setUpClass(cls):
        # AddressSanitizer keeps this much of what was freed, else 256 MB.
        os.environ["ASAN_OPTIONS"] = ":".join(
            [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=8"])
        super().setUpClass()

    def setUp(self):
        for _ in range(3):
            self.assert_in_service()
        self.filter = self.daemon.filter()
        self.before = holdings.measure(self.daemon)
        self.addCleanup(self.assert_returned)

    def assert_returned(self):
        """All of that is as it was, soon."""
        self.assertEqual(self.filter, self.daemon.filter())
        try:
            wait_until("what was held", lambda: holdings.measure(
                self.daemon).within(self.before), interval=0.2)
        except AssertionError:
            self.fail(f"held before: {self.before}, now: "
                      f"{holdings.measure(self.daemon)}")

    def assert_status(self, outcome, pattern):
        """It was accepted with such an X-Virus-Status."""
        self.assertEqual(outcome.action, "accept", outcome)
        status, = outcome.header("X-Virus-Status")
        self.assertRegex(status, pattern)

    def test_a_hundred_thousand_header_lines(self):
        self.assert_status(self.deliver(mails.many_headers(100_000)),
                           r"^(Clean|Incomplete \(.+\))$")

    def test_eicar_behind_many_header_lines(self):
        mail = mails.many_headers(2000) + signatures.EICAR + b"\r\n"
        self.assertEqual(self.deliver(mail).action, "reject")

    def test_an_empty_mail(self):
        self.assert_status(self.deliver(b""), "^Clean$")

    def test_a_mail_without_a_body(self):
        self.assert_status(self.deliver(mails.headers()), "^Clean$")

    def test_a_mail_without_headers(self):
        self.assert_status(self.deliver(b"\r\nno headers\r\n"), "^Clean$")

    def test_nuls_in_the_body(self):
        body = b"\0" * 1000 + mails.token().encode() + b"\0\r\n"
        self.assert_status(self.deliver(mails.plain(body)), "^Clean$")

    def test_forged_headers_in_bulk_are_refused_and_a_few_removed(self):
        forged = b"X-Virus-Status: Clean\r\n"
        few = self.deliver(50 * forged + mails.plain())
        self.assertEqual(few.action, "accept")
        self.assertEqual(few.header("X-Virus-Status"), ["Clean"])
        many = self.deliver(51 * forged + mails.plain())
        self.assertEqual(many.action, "reject")
        self.assertRegex(many.reply, r"^554 5\.7\.1 .*foreign-virus-headers")

    def test_eicar_behind_nuls(self):
        body = b"\0" * 1000 + signatures.EICAR + b"\0\r\n"
        self.assertEqual(self.deliver(mails.plain(body)).action, "reject")

    def test_a_mail_of_150_megabytes(self):
        mail = mails.plain(mails.lines(HUGE))
        self.assert_status(self.deliver(mail),
                           r"^Incomplete \(.+\)$")

    def test_a_mail_cut_off_in_its_body(self):
        for size in (1000, 4 * MIB):
            client = self.session()
            client.envelope()
            client.content(mails.plain(mails.lines(size)))
            client.close()
        self.assert_in_service()

    def test_a_client_that_leaves_during_the_scan(self):
        client = self.session()
        client.envelope()
        client.content(signatures.slow_mail(1))
        client.send_end()
        self.daemon.busy_worker()
        client.close()
        self.assert_in_service()

    def test_a_mail_reset_in_its_body(self):
        client = self.session()
        client.envelope()
        client.content(mails.plain(mails.lines(4 * MIB)))
        client.abort()
        client.abort()
        self.assertEqual(client.deliver(mails.plain()).action, "accept")


if __name__ == "__main__":
    testmain.main(needs.daemon)
