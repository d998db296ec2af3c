#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Every end of message is answered by the deadline of who waits for it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import lateness
import mails
import milterclient
import needs
import signatures
import testmain
from daemoncase import DaemonCase

PROGRESS = 1.0
REPLY, SUBMISSION, LOCAL = 6.0, 4.0, 2.0


class DeadlineCase(DaemonCase):
    """All three kinds of client wait for the same scan."""

    settings = {"deadline": {
        "reply": f"{REPLY:.0f}s", "reply_submission": f"{SUBMISSION:.0f}s",
        "reply_local": f"{LOCAL:.0f}s", "progress": f"{PROGRESS:.0f}s"}}

    def begin(self, mail, macros=None, command=False, **envelope):
        """A session that waits for the verdict on the mail."""
        client = self.enterContext(
            milterclient.MilterClient(self.daemon.socket))
        if command:
            client.connect_command()
        else:
            client.connect()
            client.define("M", **(macros or {}))
        client.envelope(**envelope)
        client.content(mail)
        client.send_end()
        return client

    def test_each_client_is_answered_at_its_own_deadline(self):
        mail = signatures.slow_mail(20)
        authenticated = {"auth_type": "PLAIN", "auth_authen": "someone"}
        waiting = [
            (REPLY, self.begin(mail)),
            (SUBMISSION, self.begin(mail, macros=authenticated)),
            (LOCAL, self.begin(mail, command=True, sender=mails.SENDER,
                               recipients=[mails.RECIPIENT])),
            # No brackets are no sign of local mail: Postfix hands on what
            # its client wrote.
            (REPLY, self.begin(mail, sender=mails.SENDER)),
        ]
        milterclient.collect([client for _, client in waiting])
        for deadline, client in waiting:
            outcome = client.outcome
            self.assertEqual(outcome.action, "tempfail")
            self.assertRegex(outcome.reply, r"^451 4\.7\.1 ")
            self.assertGreater(outcome.seconds, deadline - 0.1)
            self.assertLess(outcome.seconds, deadline + lateness.after_deadline())
            self.assert_progress(outcome)

    def assert_progress(self, outcome):
        """The MTA heard something at least once in every interval."""
        moments = [0.0, *outcome.progress, outcome.seconds]
        gaps = [after - before
                for before, after in zip(moments, moments[1:])]
        self.assertLess(max(gaps), PROGRESS + lateness.at_once())

    def test_known_verdict_is_given_while_others_wait(self):
        known = mails.plain()
        self.assertEqual(self.deliver(known).action, "accept")
        slow = [self.begin(signatures.slow_mail(4))
                for _ in range(4)]
        for _ in range(10):
            outcome = self.deliver(known)
            self.assertEqual(outcome.action, "accept")
            self.assertLess(outcome.seconds, lateness.at_once())
        milterclient.collect(slow)


if __name__ == "__main__":
    testmain.main(needs.daemon)
