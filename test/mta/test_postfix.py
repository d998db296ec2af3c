#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The daemon in a real Postfix, with smtpd in its chroot."""

import concurrent.futures
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import lateness
import mails
import mtacases
import needs
import postfix
import signatures
import smtpclient
import testmain
from daemoncase import MtaCase
from waiting import wait_until

TRUSTED = "198.51.100.7"
STRANGER = "203.0.113.9"
LOCAL_DEADLINE = 1.0


class PostfixCase(mtacases.MtaTests, MtaCase):
    """Every mail is asked about over SMTP and after local submission."""

    REJECTED = (r"milter-reject: END-OF-MESSAGE .*: 5\.7\.1 100% a virus: "
                r"Vscan\.Test\.Eicar")
    DEFERRED = r"milter-reject: END-OF-MESSAGE .*: 4\.7\.1 "
    DISCARDED = r"milter-discard: END-OF-MESSAGE "
    QUARANTINED = r"milter-hold: END-OF-MESSAGE "
    SLOW = 8

    @classmethod
    def enter_mta(cls):
        mta = postfix.Postfix(
            cls.scratch / "postfix", cls.sink.port,
            "unix:vscan/milter.sock", milter_content_timeout="5s",
            smtpd_authorized_xclient_hosts="127.0.0.0/8",
            mynetworks=f"127.0.0.0/8 {TRUSTED} {STRANGER}")
        socket = mta.make_socket_directory()
        settings = daemon.merged(mtacases.SETTINGS, {
            "socket": f"unix:{socket}/milter.sock",
            "socket_mode": "0660",  # Postfix gets in by its group
            "deadline": {"reply_local": f"{LOCAL_DEADLINE:.0f}s"},
            "headers": {"keep_from": [f"{TRUSTED}/32"]}})
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database, **settings)),
                cls.enterClassContext(mta))

    def held(self):
        return self.mta.waiting_in("hold")

    def submit_until_known(self, mail):
        """A slow local mail: deferred, joined, and then delivered."""
        sender = f"{mails.token()}@local.example"
        self.mta.submit(mail, sender, mails.RECIPIENT)
        first = self.daemon.wait_message(sender)
        self.assertEqual((first.verdict, first.action),
                         ("late", "tempfail"))
        self.assertLess(first.ms("total"),
                        1000 * (LOCAL_DEADLINE + lateness.after_deadline()))
        second = self.retry(sender)
        self.assertEqual((second.verdict, second.key), ("late", first.key))
        self.daemon.wait_log(f"scan: key={first.key}", timeout=60)
        known = self.retry(sender)
        self.assertEqual((known.verdict, known.source, known.key),
                         ("clean", "cache", first.key))
        self.assertLess(known.ms("total"), 1000 * lateness.at_once())
        self.assertEqual(len(self.daemon.scans(first.key)), 1)
        got = self.sink.wait_for(self.own_word(mail))
        self.assertEqual(got.sender, sender)
        self.assertEqual(len(self.sink.holding(self.own_word(mail))), 1)

    def retry(self, sender):
        """Has maildrop looked through; returns the line of the next try.
        Pickup may have made others by itself."""
        since = self.daemon.mark()
        self.mta.kick_pickup()
        return self.daemon.wait_message(sender, since)

    def test_infected_local_submission_is_not_delivered(self):
        mail = mails.attached(signatures.EICAR, "eicar.com")
        sender = f"{mails.token()}@local.example"
        self.mta.submit(mail, sender, mails.RECIPIENT)
        line = self.daemon.wait_message(sender)
        self.assertEqual((line.verdict, line.action), ("infected", "reject"))
        self.assert_not_delivered(mail)

    def test_local_submission_is_delivered_byte_for_byte(self):
        mail = mtacases.delicate()
        self.mta.submit(mail, mails.SENDER, mails.RECIPIENT)
        self.assert_delivered(mail)

    def test_late_local_submission_is_scanned_once(self):
        self.submit_until_known(signatures.slow_mail(8))

    def test_late_local_submission_without_message_id_is_scanned_once(self):
        self.submit_until_known(signatures.slow_mail(8, Message_ID=None))

    def test_quick_local_mail_is_not_held_up_by_slow_ones(self):
        for _ in range(3):
            self.mta.submit(signatures.slow_mail(self.SLOW), mails.SENDER,
                            mails.RECIPIENT)
        quick = mails.plain()
        self.mta.submit(quick, mails.SENDER, mails.RECIPIENT)
        started = time.monotonic()
        self.sink.wait_for(self.own_word(quick))
        self.assertLess(time.monotonic() - started, 10)

    def test_headers_from_a_trusted_network_are_kept(self):
        mail = mtacases.delicate(X_Virus_Status="Clean (gateway)")
        with smtpclient.Client(self.mta.port) as client:
            code, _ = client.docmd("XCLIENT", f"ADDR={TRUSTED}")
            self.assertEqual(code, 220)
            client.ehlo()
            self.assertEqual(client.deliver(mail).code, 250)
        got = self.sink.wait_for(self.own_word(mail)).data
        self.assertIn("Clean (gateway)",
                      mails.fields_named(got, "X-Virus-Status"))

    # (XCLIENT's attributes, what the log has of the client)
    STRANGERS = (
        (None, "unknown[127.0.0.1]"),
        (f"NAME=mx.example ADDR={STRANGER}", f"mx.example[{STRANGER}]"),
        ("NAME=localhost ADDR=127.0.0.1 PORT=[UNAVAILABLE]",
         "localhost[127.0.0.1]"),
    )

    def deliver_as_stranger(self, attributes, mail):
        """The second mail of a session, since Postfix has named a queue ID
        in it by then; and with a sender as local mail has it."""
        with smtpclient.Client(self.mta.port) as client:
            if attributes:
                self.assertEqual(
                    client.docmd("XCLIENT", attributes)[0], 220)
                client.ehlo("localhost")
            self.assertEqual(client.deliver(mails.plain()).code, 250)
            return client.deliver(mail, bare=True)

    def test_no_smtp_client_passes_for_local_mail(self):
        """Whatever it writes, and whatever a proxy says of it, it gets the
        deadline of MTAs."""
        mail = signatures.slow_mail(self.SLOW)
        message_id, = mails.fields_named(mail, "Message-ID")
        since = self.daemon.mark()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(
                lambda stranger: self.deliver_as_stranger(stranger[0], mail),
                self.STRANGERS))
        lines = {line.client: line for line in self.daemon.wait_messages(
            len(self.STRANGERS), message_id, since)}
        for answer in answers:
            self.assert_in_time(answer)
        for _, client in self.STRANGERS:
            self.assertGreater(lines[client].ms("total"),
                               1000 * mtacases.REPLY_DEADLINE - 100)

    def test_held_mail_is_released_by_postfix(self):
        mail = mtacases.locked()
        before = set(self.held())
        self.assertEqual(self.deliver(mail).code, 250)
        queue_id, = set(self.held()) - before
        self.mta.release(queue_id)
        got = self.assert_delivered(mail)
        self.assertRegex(mails.fields_named(got, "X-Virus-Status")[0],
                         r"^Encrypted \(.+\)$")


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
