# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""An SMTP server that takes every mail and keeps it, byte for byte.

What an MTA delivers here is what it made of the mail that it was given.
"""

import dataclasses
import socketserver
import threading

from running import Running
from waiting import PATIENCE, wait_until


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One mail as it was delivered, dots unstuffed."""
    sender: str
    recipients: tuple
    data: bytes


def _path(line):
    return line.partition(":")[2].split()[0].strip("<>")


class _Session(socketserver.StreamRequestHandler):
    """One connection; no more of SMTP than Postfix and Sendmail use."""

    def _reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def _data(self):
        self._reply("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if line:
            self.server.deliveries.append(Delivery(
                self.sender, tuple(self.recipients), b"".join(lines)))
            self._reply("250 kept")

    def _command(self, line):
        verb = line[:4].upper()
        if verb == "EHLO":
            self.wfile.write(b"250-sink\r\n250-8BITMIME\r\n250 SIZE\r\n")
        elif verb == "DATA":
            self._data()
        else:
            if verb == "MAIL":
                self.sender, self.recipients = _path(line), []
            elif verb == "RCPT":
                self.recipients.append(_path(line))
            self._reply("250 ok")

    def handle(self):
        self.sender, self.recipients = "", []
        self._reply("220 sink ESMTP")
        while line := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            if line[:4].upper() == "QUIT":
                self._reply("221 bye")
                return
            self._command(line)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Sink(Running):
    """Serves on a port of its own, .port."""

    def __init__(self):
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.deliveries = self.deliveries = []
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05},
                                        daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        # Of a server that was never started it would wait for ever.
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def holding(self, text):
        """The deliveries with text in them, so far."""
        return [delivery for delivery in list(self.deliveries)
                if text in delivery.data]

    def wait_for(self, text, timeout=PATIENCE):
        """Waits for the delivery of a mail with text in it."""
        return wait_until(f"a delivery with {text!r}",
                          lambda: self.holding(text), timeout)[0]
