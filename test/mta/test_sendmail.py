#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The daemon in a real Sendmail, with its default time-outs (F=T)."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mtacases
import needs
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


if __name__ == "__main__":
    testmain.main(needs.daemon, sendmail.unpacked)
