# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The MTA's side of the milter protocol, version 6.

For what no MTA can be made to do at will: sessions opened beforehand, many
ends of message at the same instant, a mail cut off in its middle, replies
timed one by one.
"""

import dataclasses
import select
import socket
import struct
import time

import mails
from waiting import PATIENCE

# Of <libmilter/mfdef.h>: what the MTA offers, and what it may leave out.
ACTIONS = 0x1FF
STEPS = 0x1FFFFF
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT = 0x1, 0x2, 0x4, 0x8
NO_BODY, NO_HEADERS, NO_EOH = 0x10, 0x20, 0x40
NO_UNKNOWN, NO_DATA = 0x100, 0x200
NR_HEADER, NR_CONNECT, NR_HELO, NR_MAIL = 0x80, 0x1000, 0x2000, 0x4000
NR_RCPT, NR_DATA, NR_EOH, NR_BODY = 0x8000, 0x10000, 0x40000, 0x80000
LEADING_SPACE = 0x100000

_ADD_HEADER, _INSERT_HEADER, _CHANGE_HEADER = b"h", b"i", b"m"
_QUARANTINE, _PROGRESS = b"q", b"p"
_CONTINUE, _ACCEPT, _REJECT, _TEMPFAIL = b"c", b"a", b"r", b"t"
_DISCARD, _REPLY_CODE = b"d", b"y"
_MODIFICATIONS = {_ADD_HEADER, _INSERT_HEADER, _CHANGE_HEADER, _QUARANTINE,
                  b"b", b"e", b"+", b"-", b"2"}
_NAMES = {_CONTINUE: "accept", _ACCEPT: "accept", _REJECT: "reject",
          _TEMPFAIL: "tempfail", _DISCARD: "discard"}


class MilterClosed(Exception):
    """The milter has closed the session."""


@dataclasses.dataclass
class Outcome:
    """What an end of message led to: the action, the SMTP reply if there was
    one of its own, the time until then and to each progress, headers added
    and deleted (name, index), the reason of a quarantine."""
    action: str = ""
    reply: str = ""
    seconds: float = 0.0
    progress: list = dataclasses.field(default_factory=list)
    headers: list = dataclasses.field(default_factory=list)
    deleted: list = dataclasses.field(default_factory=list)
    quarantine: str = ""

    def header(self, name):
        """The values of the headers of that name that it added."""
        return [value.strip() for field, value in self.headers
                if field.lower() == name.lower()]


def open_socket(address):
    """A socket to a milter whose address is spelt as in its configuration:
    unix:PATH, inet:PORT@HOST or inet6:PORT@HOST."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        link = socket.socket(socket.AF_UNIX)
        link.connect(rest)
    else:
        port, _, host = rest.partition("@")
        link = socket.socket(socket.AF_INET6 if kind == "inet6"
                             else socket.AF_INET)
        link.connect((host, int(port)))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _strings(*texts):
    return b"".join((text if isinstance(text, bytes) else text.encode())
                    + b"\0" for text in texts)


class MilterClient:
    """One session; a command waits for its reply if the milter gives one."""

    def __init__(self, address, timeout=60, queue_id="TESTQUEUEID"):
        self._link = open_socket(address)
        self._link.settimeout(timeout)
        self._received = b""
        self._queue_id = queue_id
        self._eom_at = None
        self.outcome = None
        self._negotiate()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        """Leaves without a word, as an MTA that has crashed."""
        self._link.close()

    def quit(self):
        """Leaves politely."""
        self._send(b"Q")
        self.close()

    def fileno(self):
        """For poll()."""
        return self._link.fileno()

    # Frames

    def _send(self, command, data=b""):
        self._link.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def _complete_frame(self):
        """The next frame if all of it has been received, else None."""
        if len(self._received) < 4:
            return None
        length = struct.unpack("!I", self._received[:4])[0]
        if len(self._received) < 4 + length:
            return None
        frame = self._received[4:4 + length]
        self._received = self._received[4 + length:]
        return frame[:1], frame[1:]

    def _receive(self):
        data = self._link.recv(65536)
        if not data:
            raise MilterClosed
        self._received += data

    def _frame(self):
        while (frame := self._complete_frame()) is None:
            self._receive()
        return frame

    # Commands

    def _negotiate(self):
        self._send(b"O", struct.pack("!III", 6, ACTIONS, STEPS))
        command, data = self._frame()
        assert command == b"O", command
        self.version, self.actions, self.steps = struct.unpack(
            "!III", data[:12])
        self.macros = self._macro_lists(data[12:])

    @staticmethod
    def _macro_lists(data):
        """Stage number to list of macros, as the milter asked for them."""
        lists = {}
        while data:
            stage = struct.unpack("!I", data[:4])[0]
            names, _, data = data[4:].partition(b"\0")
            lists[stage] = names.decode().split()
        return lists

    def _command(self, command, data, left_out, no_reply):
        """Sends it unless the milter does not want it; returns the reply
        or "accept" where there is none."""
        if self.steps & left_out:
            return "accept"
        self._send(command, data)
        if self.steps & no_reply:
            return "accept"
        answer, text = self._frame()
        return _NAMES.get(answer) or text.rstrip(b"\0").decode()

    def define(self, stage, **values):
        """Macros for a stage, named by its command letter."""
        pairs = [item for name, value in values.items()
                 for item in (name if len(name) == 1 else f"{{{name}}}",
                              value)]
        self._send(b"D", stage.encode() + _strings(*pairs))

    def connect(self, host="client.example", address="192.0.2.1",
                port=12345):
        """A client of the MTA has connected; and HELO."""
        self.define("C", j="mta.example", daemon_name="test",
                    _=f"{host} [{address}]")
        self._command(b"C", _strings(host) + b"4" +
                      struct.pack("!H", port) + _strings(address),
                      NO_CONNECT, NR_CONNECT)
        self._command(b"H", _strings(host), NO_HELO, NR_HELO)

    def connect_command(self):
        """As Postfix shows mail of its sendmail command: no port, and the
        queue ID is there at MAIL."""
        self.connect("localhost", "127.0.0.1", port=0)
        self.define("M", i=self._queue_id)
    def mail(self, sender=f"<{mails.SENDER}>"):
        """MAIL."""
        return self._command(b"M", _strings(sender), NO_MAIL, NR_MAIL)

    def rcpt(self, recipient=f"<{mails.RECIPIENT}>"):
        """RCPT."""
        return self._command(b"R", _strings(recipient), NO_RCPT, NR_RCPT)

    def envelope(self, sender=f"<{mails.SENDER}>",
                 recipients=(f"<{mails.RECIPIENT}>",)):
        """MAIL, RCPT and DATA.  Postfix leaves the angle brackets out where
        the mail comes from its sendmail command."""
        self.mail(sender)
        for recipient in recipients:
            self.rcpt(recipient)
        self._command(b"T", b"", NO_DATA, NR_DATA)

    def header(self, name, value):
        """One header field."""
        if not self.steps & LEADING_SPACE:
            value = value.removeprefix(b" ")
        return self._command(b"L", _strings(name, value), NO_HEADERS,
                             NR_HEADER)

    def head(self, fields):
        """All header fields, and their end."""
        for name, value in fields:
            self.header(name, value)
        self.define("N", i=self._queue_id)
        self._command(b"N", b"", NO_EOH, NR_EOH)

    def body(self, data):
        """The body in chunks, as an MTA cuts it."""
        for at in range(0, len(data), mails.MILTER_CHUNK):
            self._command(b"B", data[at:at + mails.MILTER_CHUNK], NO_BODY,
                          NR_BODY)

    def content(self, mail):
        """All of the mail but its end."""
        fields, body = mails.split(mail)
        self.head(fields)
        self.body(body)

    def abort(self):
        """RSET."""
        self._send(b"A")

    # End of message

    def send_end(self):
        """The end of message; take_replies() sees what comes of it."""
        self.define("E", i=self._queue_id)
        self.outcome = Outcome()
        self._eom_at = time.monotonic()
        self._send(b"E")

    def take_replies(self):
        """Reads what is there; True once the outcome is complete."""
        self._receive()
        while (frame := self._complete_frame()) is not None:
            if self._take(*frame):
                return True
        return False

    def _take(self, command, data):
        elapsed = time.monotonic() - self._eom_at
        outcome = self.outcome
        if command == _PROGRESS:
            outcome.progress.append(elapsed)
        elif command in _MODIFICATIONS:
            self._take_modification(command, data)
        else:
            outcome.seconds = elapsed
            if command == _REPLY_CODE:
                outcome.reply = data.rstrip(b"\0").decode()
                outcome.action = ("tempfail" if outcome.reply[0] == "4"
                                  else "reject")
            else:
                outcome.action = _NAMES[command]
                if outcome.quarantine and outcome.action == "accept":
                    outcome.action = "quarantine"
            return True
        return False

    def _take_modification(self, command, data):
        if command == _QUARANTINE:
            self.outcome.quarantine = data.rstrip(b"\0").decode()
        elif command == _ADD_HEADER:
            self._take_header(self.outcome.headers, data)
        elif command == _INSERT_HEADER:
            self._take_header(self.outcome.headers, data[4:])
        elif command == _CHANGE_HEADER:
            index = struct.unpack("!I", data[:4])[0]
            name, value = data[4:].split(b"\0")[:2]
            assert value == b"", "the milter changes a header"
            self.outcome.deleted.append((name.decode(), index))
        else:
            raise AssertionError(f"modification {command} was not expected")

    @staticmethod
    def _take_header(headers, data):
        name, value = data.split(b"\0")[:2]
        headers.append((name.decode(), value.decode()))

    def end(self):
        """The end of message and what came of it."""
        self.send_end()
        while not self.take_replies():
            pass
        return self.outcome

    def deliver(self, mail, **envelope):
        """One whole mail in this session."""
        self.envelope(**envelope)
        self.content(mail)
        return self.end()


def collect(clients, timeout=PATIENCE):
    """Polls clients that have sent their end of message until each has its
    outcome."""
    waiting = {client.fileno(): client for client in clients}
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + timeout
    while waiting:
        left = deadline - time.monotonic()
        assert left > 0, f"{len(waiting)} sessions have no reply"
        for descriptor, _ in poll.poll(left * 1000):
            if waiting[descriptor].take_replies():
                poll.unregister(descriptor)
                del waiting[descriptor]


def deliver(address, mail, **options):
    """One mail in a session of its own."""
    with MilterClient(address, **options) as client:
        client.connect()
        outcome = client.deliver(mail)
        client.quit()
        return outcome
