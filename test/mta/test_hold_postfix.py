#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Held mail in a real Postfix, let out by the real vscan-release."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import holdcases
import mails
import needs
import postfix
import release
import signatures
import smtpclient
import testmain
from daemoncase import MtaCase
from waiting import wait_until


class _PostfixCase(MtaCase):
    SETTINGS = {}

    @classmethod
    def enter_mta(cls):
        # Postfix takes a client's login from XCLIENT, and then treats it as
        # one that has authenticated itself.
        mta = postfix.Postfix(
            cls.scratch / "postfix", cls.sink.port, "unix:vscan/milter.sock",
            smtpd_authorized_xclient_hosts="127.0.0.0/8",
            smtpd_sasl_auth_enable="yes")
        socket = mta.make_socket_directory()
        cls.release = release.Release(cls.scratch / "release", {
            "hold": {"mta": [f"postfix:{mta.config}"]}})
        settings = daemon.merged(
            holdcases.SETTINGS, cls.SETTINGS,
            cls.release.settings)
        served = cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            expected_log=holdcases.EXPECTED_LOG,
            socket=f"unix:{socket}/milter.sock", **settings))
        cls.enterClassContext(mta)
        cls.enterClassContext(cls.release)
        return served, mta

    def held(self):
        return self.mta.waiting_in("hold")

    def submit(self, mail, **envelope):
        """One mail of a client that has authenticated itself."""
        with smtpclient.Client(self.mta.port) as client:
            code, text = client.docmd("XCLIENT", "LOGIN=user")
            self.assertEqual(code, 220, text)
            client.ehlo()
            return client.deliver(mail, **envelope)


class PostfixHoldCase(holdcases.HoldTests, _PostfixCase):
    """Mail that is left where it is, if it is infected."""

    def test_local_submission_is_held_and_delivered(self):
        mail = holdcases.slow_clean()
        sender, spooled = f"{mails.token()}@local.example", self.spooled()
        self.mta.submit(mail, sender, mails.RECIPIENT)
        line = self.daemon.wait_message(sender)
        self.assertEqual((line.verdict, line.action), ("late", "hold"))
        wait_until("an empty maildrop",
                   lambda: not self.mta.waiting_in("maildrop"))
        self.files = self.spooled() - spooled
        self.assert_released(mail, self.wait_scanned(line))
        self.assertEqual(len(self.daemon.scans(line.key)), 1)

    def test_mail_that_an_administrator_released_is_left_alone(self):
        mail = holdcases.slow_clean()
        before = set(self.held())
        line = self.hold(mail)
        queue_id, = set(self.held()) - before
        self.mta.release(queue_id)
        self.sink.wait_for(self.own_word(mail))
        self.wait_scanned(line)
        self.daemon.wait_log(f"{queue_id}: held: key=")
        self.assertEqual(len(self.sink.holding(self.own_word(mail))), 1)

    def test_mail_of_another_mta_is_deferred_as_before(self):
        """Late, and not a submission: nobody said that it is to be held."""
        self.assertEqual(self.deliver(holdcases.slow_clean()).code, 451)


class PostfixDeleteCase(_PostfixCase):
    """hold.infected = "delete"; and no room for a second mail."""

    SETTINGS = {"hold": {"infected": "delete", "disk": "1M"}}

    def test_infected_mail_is_deleted(self):
        mail = holdcases.slow_infected()
        self.assertEqual(self.submit(mail).code, 250)
        self.daemon.wait_log("verdict=infected, .*action=delete", timeout=60)
        wait_until("an empty hold queue", lambda: not self.held())
        self.assert_not_delivered(mail)

    def test_mail_beyond_the_disk_space_is_deferred(self):
        mail = holdcases.slow_clean() + mails.lines(1 << 20)
        answer = self.submit(mail)
        self.assertEqual(answer.code, 451, answer)
        message_id, = mails.fields_named(mail, "Message-ID")
        line = self.daemon.wait_message(message_id)
        self.assertEqual((line.name, line.action),
                         ("hold-disk", "tempfail"))
        self.assertEqual(self.held(), [])


class PostfixErrorCase(_PostfixCase):
    """action.error = "hold": mail that nobody can scan at the moment."""

    SETTINGS = {"action": {"error": "hold"}}

    def test_mail_is_held_until_there_is_an_engine_again(self):
        broken = self.database / "broken.ndb"
        broken.write_text("no signature\n")
        os.kill(self.daemon.engine(), signal.SIGKILL)
        self.daemon.wait_log("no engine in service")
        clean = mails.plain()
        infected = mails.plain(signatures.EICAR + b"\r\n")
        for mail in (clean, infected):
            answer = self.deliver(mail)
            self.assertEqual(answer.code, 250, answer)
        wait_until("both mails in quarantine", lambda: len(self.held()) == 2)
        broken.unlink()
        self.daemon.reload()
        self.sink.wait_for(self.own_word(clean))
        self.daemon.wait_log("held: .*verdict=infected, .*action=leave")
        self.assertEqual(len(self.held()), 1)
        self.assert_not_delivered(infected)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
