# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""An SMTP client that measures what a mail program would wait for."""

import dataclasses
import re
import smtplib
import time

import mails


@dataclasses.dataclass(frozen=True)
class Answer:
    """The reply to the final dot, and how long it took to come."""
    code: int
    text: str
    seconds: float


class Client(smtplib.SMTP):
    """A session that stays open between mails; use it in a with block."""

    def __init__(self, port, timeout=120):
        super().__init__("127.0.0.1", port, timeout=timeout,
                         local_hostname="client.example")
        self.ehlo()

    def begin(self, sender=mails.SENDER, recipients=(mails.RECIPIENT,),
              bare=False):
        """MAIL and RCPT; bare without angle brackets around the sender."""
        self._expect(250, self.docmd("MAIL", f"FROM:{sender}") if bare
                     else self.mail(sender))
        for recipient in recipients:
            self._expect(250, self.rcpt(recipient))

    def end(self, mail):
        """DATA and the mail; takes the time from the final dot."""
        self.putcmd("data")
        self._expect(354, self.getreply())
        if not mail.endswith(b"\r\n"):
            mail += b"\r\n"
        self.send(re.sub(rb"(?m)^\.", b"..", mail))
        self.send(b".\r\n")
        started = time.monotonic()
        code, text = self.getreply()
        return Answer(code, text.decode(), time.monotonic() - started)

    def deliver(self, mail, **envelope):
        """One whole mail."""
        self.begin(**envelope)
        return self.end(mail)

    @staticmethod
    def _expect(code, reply):
        if reply[0] != code:
            raise AssertionError(f"{reply} where {code} was expected")


def deliver(port, mail, **envelope):
    """One mail in a session of its own."""
    with Client(port) as client:
        return client.deliver(mail, **envelope)
