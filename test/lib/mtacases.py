# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The tests that every MTA must pass.

One daemon shows all five actions: its settings give each verdict another.
"""

import lateness
import mails
import signatures
import smtpclient

SETTINGS = {
    "deadline": {"reply": "2s", "reply_submission": "2s",
                 "reply_local": "2s"},
    "engine": {"max_recursion": 4},
    "action": {"infected": "reject", "late": "tempfail",
               "late_submission": "tempfail", "encrypted": "quarantine",
               "incomplete": "discard"},
    "reply": {"infected": "100%% a virus: %v"},
}

REPLY_DEADLINE = 2.0


def locked():
    """A mail that nobody can look into."""
    return mails.attached(mails.encrypted_zip(), "locked.zip")


def too_deep():
    """A mail that exceeds max_recursion."""
    return mails.attached(mails.zipped(mails.token().encode(), 8), "deep.zip")


def delicate(**changes):
    """A mail in which a careless relay would change some byte."""
    return mails.plain(
        f"{mails.token()}\r\n".encode() +
        b".\r\n..two dots\r\ntrailing space \r\n\ttab\r\n\r\n" +
        b"x" * 900 + b"\r\n\xe4\xf6\xfc \xff\r\n\r\n",
        X_Folded="one\r\n\ttwo\r\n three", **changes)


class MtaTests:
    """To be mixed into an MtaCase that has SETTINGS, and says how its MTA
    logs what a milter told it, and which mails it holds."""

    def assert_in_time(self, answer):
        """The answer is ours, and came at the reply deadline."""
        self.assertEqual(answer.code, 451, answer)
        self.assertIn("4.7.1", answer.text)
        self.assertGreater(answer.seconds, REPLY_DEADLINE - 0.1)
        self.assertLess(answer.seconds, REPLY_DEADLINE + lateness.after_deadline())

    def test_clean_mail_is_delivered_byte_for_byte(self):
        mail = delicate()
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        got = self.assert_delivered(mail)
        self.assertEqual(mails.fields_named(got, "X-Virus-Status"), ["Clean"])
        self.assertRegex(mails.fields_named(got, "X-Virus-Scanned")[0],
                         r"^vscan-milter [0-9.]+ at \S+$")

    def test_forged_headers_are_removed(self):
        mail = delicate(X_Virus_Status="Clean",
                        X_Virus_Scanned="by somebody",
                        x_virus_STATUS="Clean")
        self.assertEqual(self.deliver(mail).code, 250)
        got = self.assert_delivered(mail)
        self.assertNotIn(b"by somebody", got)

    def test_infected_mail_is_rejected(self):
        mail = mails.attached(mails.zipped(signatures.EICAR), "eicar.zip")
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 550, answer)
        self.assertEqual(answer.text, "5.7.1 100% a virus: "
                         + signatures.EICAR_FOUND)
        self.mta.wait_log(self.REJECTED)
        self.assert_not_delivered(mail)

    def test_late_mail_is_deferred_scanned_once_and_then_known(self):
        mail = signatures.slow_mail(self.SLOW)
        word = self.own_word(mail)
        start = self.daemon.mark()
        self.assert_in_time(self.deliver(mail))
        self.mta.wait_log(self.DEFERRED)
        self.assert_in_time(self.deliver(mail))
        message_id, = mails.fields_named(mail, "Message-ID")
        first, second = self.daemon.wait_messages(2, message_id, start)
        for line in (first, second):
            self.assertEqual((line.verdict, line.action, line.key),
                             ("late", "tempfail", first.key))
        self.daemon.wait_log(f"scan: key={first.key}", start, 60)
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        known = self.daemon.wait_messages(3, message_id, start)[-1]
        self.assertEqual((known.verdict, known.source, known.key),
                         ("clean", "cache", first.key))
        self.assertLess(known.ms("total"), 1000 * lateness.at_once())
        self.assertEqual(len(self.daemon.scans(first.key)), 1)
        self.sink.wait_for(word)

    def test_discarded_mail_is_taken_and_gone(self):
        mail = too_deep()
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        self.mta.wait_log(self.DISCARDED)
        self.assert_not_delivered(mail)

    def test_quarantined_mail_is_held_by_the_mta(self):
        mail = locked()
        before = self.held()
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        self.mta.wait_log(self.QUARANTINED)
        self.assertEqual(len(self.held()), len(before) + 1)
        self.assert_not_delivered(mail)

    def test_two_mails_in_a_session_and_a_reset(self):
        first, second = delicate(), delicate()
        infected = mails.plain(signatures.EICAR + b"\r\n")
        with smtpclient.Client(self.mta.port) as client:
            self.assertEqual(client.deliver(first).code, 250)
            client.begin()
            client.rset()
            self.assertEqual(client.deliver(infected).code, 550)
            self.assertEqual(client.deliver(second).code, 250)
        self.assert_delivered(first)
        self.assert_delivered(second)
