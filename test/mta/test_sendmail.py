#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The daemon in a real Sendmail, with its default time-outs (F=T)."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import mtacases
import needs
import procs
import sendmail
import signatures
import testmain
from daemoncase import MtaCase


class _SendmailCase(MtaCase):
    SETTINGS = {}

    @classmethod
    def enter_mta(cls):
        served = cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database, **cls.SETTINGS))
        socket = served.socket.removeprefix("unix:")
        return served, cls.enterClassContext(sendmail.Sendmail(
            cls.scratch / "sendmail", cls.sink.port, f"local:{socket}"))

    def held(self):
        return self.mta.quarantined()


class SendmailCase(mtacases.MtaTests, _SendmailCase):
    """The five actions; a scan longer than Sendmail's R=10s."""

    SETTINGS = mtacases.SETTINGS
    REJECTED = (r"Milter: data, reject=550 5\.7\.1 100%+ a virus: "
                r"Vscan\.Test\.Eicar")
    DEFERRED = r"Milter: data, reject=451 4\.7\.1 "
    DISCARDED = r"Milter.*discard"
    QUARANTINED = r"milter=vscan, quarantine="
    SLOW = 14


class PatienceCase(_SendmailCase):
    """The reply comes after more than R=10s: only progress, which comes
    more often, keeps Sendmail waiting."""

    SETTINGS = {"deadline": {"reply": "40s", "progress": "3s"}}

    def test_progress_keeps_sendmail_waiting_for_the_verdict(self):
        mail = signatures.slow_mail(14)
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        self.assertGreater(answer.seconds, 10.5)
        self.assert_delivered(mail)


class StandardInputCase(_SendmailCase):
    """Mail over SMTP on the standard input of a command is local."""

    SETTINGS = {"deadline": {"reply": "8s", "reply_local": "1s"}}

    def talk(self, mail):
        """One mail by sendmail -bs, line by line; the last reply."""
        with procs.start([self.mta.make_program(), "-C", self.mta.cf, "-bs"],
                         stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE) as sendmail_bs:
            def reply():
                while (line := sendmail_bs.stdout.readline())[3:4] == b"-":
                    pass
                return line.decode()
            reply()
            for line in ("EHLO client.example", f"MAIL FROM:<{mails.SENDER}>",
                         f"RCPT TO:<{mails.RECIPIENT}>", "DATA"):
                sendmail_bs.stdin.write(line.encode() + b"\r\n")
                sendmail_bs.stdin.flush()
                reply()
            sendmail_bs.stdin.write(mail + b"\r\n.\r\n")
            sendmail_bs.stdin.flush()
            return reply()

    def test_command_is_answered_at_the_local_deadline(self):
        mail = signatures.slow_mail(4)
        message_id, = mails.fields_named(mail, "Message-ID")
        self.assertRegex(self.talk(mail), "^451 4.7.1 ")
        line = self.daemon.wait_message(message_id)
        self.assertEqual((line.client, line.verdict),
                         ("localhost[local]", "late"))
        self.assertLess(line.ms("total"), 8000 - 100)


if __name__ == "__main__":
    testmain.main(needs.daemon, sendmail.unpacked)
