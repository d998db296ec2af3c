#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""SIGTERM while 50 sessions are open: no command goes without its reply."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import signatures
import testmain
from daemoncase import DaemonCase

WAITING, IN_BODY, IDLE = 20, 15, 15
SLOW_SECONDS = 4


class DrainCase(DaemonCase):
    """Sessions whose mail is scanned, is on its way, or is yet to come."""

    settings = {
        "limits": {"sessions": 100, "waiting": 100},
        "deadline": {"reply": "60s"},
        "drain_timeout": "40s",
    }

    def begin(self, mail):
        """A session with all of a mail but its end."""
        client = self.session()
        client.envelope()
        client.content(mail)
        return client

    def assert_deferred(self, clients):
        """Each has its reply, at once."""
        milterclient.collect(clients, 10)
        for client in clients:
            self.assertEqual(client.outcome.action, "tempfail")
            self.assertRegex(client.outcome.reply, r"^451 4\.7\.1 ")

    def test_every_command_gets_its_reply(self):
        slow = [signatures.slow_mail(SLOW_SECONDS) for _ in range(2)]
        waiting = [self.begin(slow[n % 2]) for n in range(WAITING)]
        in_body = [self.begin(mails.plain()) for _ in range(IN_BODY)]
        idle = [self.session() for _ in range(IDLE)]
        for client in waiting:
            client.send_end()
        self.daemon.busy_worker()
        since = self.daemon.mark()
        self.daemon.ask_to_end()
        self.daemon.wait_log("draining", since)
        self.assert_deferred(waiting)
        for client in idle:
            self.assertRegex(client.mail(), r"^421 4\.3\.2 ")
        for client in in_body:
            client.body(b"the rest\r\n")
            client.send_end()
        self.assert_deferred(in_body)
        self.assertEqual(self.daemon.wait_end(60), 0)
        # The scans went on meanwhile, and what they found is known now.
        self.daemon.start()
        since = self.daemon.mark()
        for mail in slow:
            self.assertEqual(self.deliver(mail).action, "accept")
        self.assertEqual([line.source for line in
                          self.daemon.wait_messages(2, "", since)],
                         ["store", "store"])


if __name__ == "__main__":
    testmain.main(needs.daemon)
