#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Held mail in a real Sendmail, let out by the real vscan-release."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import holdcases
import needs
import release
import sendmail
import smtpclient
import testmain
from daemoncase import MtaCase


class SendmailHoldCase(holdcases.HoldTests, MtaCase):
    """Clients that log in with AUTH."""

    @classmethod
    def enter_mta(cls):
        directory = cls.scratch / "sendmail"
        cls.release = release.Release(cls.scratch / "release", {"hold": {
            "mta": [f"sendmail:{directory}/sendmail.cf"],
            "sendmail": f"{directory}/program"}})
        settings = daemon.merged(holdcases.SETTINGS, cls.release.settings)
        served = cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            expected_log=holdcases.EXPECTED_LOG, **settings))
        socket = served.socket.removeprefix("unix:")
        mta = cls.enterClassContext(sendmail.Sendmail(
            directory, cls.sink.port, f"local:{socket}"))
        mta.make_program()
        cls.enterClassContext(cls.release)
        return served, mta

    def held(self):
        return self.mta.quarantined()

    def submit(self, mail, **envelope):
        """One mail of a client that has authenticated itself."""
        with smtpclient.Client(self.mta.port) as client:
            client.login(sendmail.LOGIN, sendmail.PASSWORD)
            return client.deliver(mail, **envelope)


if __name__ == "__main__":
    testmain.main(needs.daemon, sendmail.unpacked)
