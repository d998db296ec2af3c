#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The moment in which the filter ends: commands come until the very last.

Over a Unix socket each command that could be sent has its reply, and a
connection is refused or served.  Over TCP sending always succeeds, and what
arrives when the session has just been closed is reset: there the MTA looks
whether the session still stands before it sends, no reply may be cut in its
middle, and hardly any may be missing.
"""

import contextlib
import errno
import pathlib
import random
import select
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import milterclient
import needs
import ports
import signatures
import testmain
from scratchdir import scratch_dir

SESSIONS, ROUNDS = 40, 8
# Without care it is four of five.
TCP_PAUSE, TCP_LOST = 0.005, SESSIONS * ROUNDS // 4
MAIL = b"M" + f"<{mails.SENDER}>".encode() + b"\0"
NEGOTIATE = b"O" + struct.pack("!III", 6, milterclient.ACTIONS,
                               milterclient.STEPS)
REFUSED = {errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET}


def frame(command):
    """A command as it goes over the wire."""
    return struct.pack("!I", len(command)) + command


class Idle:
    """A session between two messages whose MTA sends MAIL, and MAIL again up
    to so many seconds after its reply, until the session is over."""

    def __init__(self, address, pause):
        self._link = milterclient.open_socket(address)
        self._link.settimeout(10)
        self._link.sendall(frame(NEGOTIATE))
        self._received = b""
        while self._reply() is None:
            self._received += self._link.recv(65536)
        self._link.setblocking(False)
        self._pause = pause
        self.next_at = 0.0      # MAIL, unless it waits
        self.replies = 0
        self.waits = False      # for a reply
        self.over = False
        self.lost = ""          # why it got none

    def fileno(self):
        """For poll()."""
        return self._link.fileno()

    def close(self):
        """Frees the socket."""
        self._link.close()

    def _reply(self):
        """The next complete frame."""
        size = 4 + int.from_bytes(self._received[:4], "big")
        if len(self._received) < 4 or len(self._received) < size:
            return None
        reply, self._received = self._received[4:size], self._received[size:]
        return reply

    def _end(self, why):
        self.over = True
        if self._received:
            self.lost = f"{why} in the middle of a reply"
        elif self.waits:
            self.lost = f"{why} instead of a reply"

    def send(self):
        """MAIL, if that can still be sent."""
        self.receive()
        if self.over:
            return
        try:
            self._link.sendall(frame(MAIL))
            self.waits = True
        except OSError as error:
            self._end(str(error))

    def receive(self):
        """What there is."""
        try:
            data = self._link.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if not data:
            self._end("end of file")
            return
        self._received += data
        reply = self._reply()
        if reply is not None:
            assert reply[:1] in b"cy", reply
            self.replies += 1
            self.waits = False
            self.next_at = time.monotonic() + random.uniform(0, self._pause)


def hammer(sessions):
    """All of them, until each is over."""
    poll = select.poll()
    open_ = {session.fileno(): session for session in sessions}
    for descriptor in open_:
        poll.register(descriptor, select.POLLIN)
    heard_at = time.monotonic()
    while open_:
        for descriptor, _ in poll.poll(1):
            open_[descriptor].receive()
            heard_at = time.monotonic()
        for session in open_.values():
            if not session.waits and time.monotonic() >= session.next_at:
                session.send()
        for descriptor in [descriptor for descriptor, session
                           in open_.items() if session.over]:
            poll.unregister(descriptor)
            del open_[descriptor]
        assert time.monotonic() - heard_at < 30, "sessions hear nothing"


class Comers(threading.Thread):
    """One new session after another; counts those that were served, and notes
    those that had neither a reply nor a refusal."""

    def __init__(self, address):
        super().__init__()
        self._address = address
        self.served = 0
        self.lost = []
        self.ended = False

    def _come(self):
        try:
            link = milterclient.open_socket(self._address)
        except OSError as error:
            assert error.errno in REFUSED, error
            return
        with contextlib.closing(link):
            link.settimeout(10)
            try:
                link.sendall(frame(NEGOTIATE))
            except BrokenPipeError:
                return
            try:
                if link.recv(4):
                    self.served += 1
                else:
                    self.lost.append("end of file")
            except OSError as error:
                self.lost.append(str(error))

    def run(self):
        while not self.ended:
            self._come()

    def end(self):
        """Stops it."""
        self.ended = True
        self.join()


class HangupCase(unittest.TestCase):
    """A service that is ended again and again."""

    def serve(self, **settings):
        """Makes a service that isn't started yet."""
        path = self.enterContext(scratch_dir())
        return daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            limits={"sessions": 200}, **settings)

    def round(self, served, pause):
        """Starts it, ends it, and returns the sessions when they are over."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(served)
            sessions = [
                stack.enter_context(contextlib.closing(
                    Idle(served.socket, pause)))
                for _ in range(SESSIONS)]
            threading.Timer(0.3, served.ask_to_end).start()
            hammer(sessions)
            self.assertEqual(served.wait_end(), 0)
            self.assertNotIn("cut off", served.log())
            return sessions

    def test_each_command_over_a_unix_socket_gets_its_reply(self):
        served = self.serve()
        for number in range(ROUNDS):
            sessions = self.round(served, 0)
            self.assertEqual(
                [session.lost for session in sessions if session.lost], [],
                f"in round {number}")
            self.assertGreater(sum(session.replies for session in sessions),
                               SESSIONS)

    def test_each_connection_over_a_unix_socket_is_served_or_refused(self):
        served = self.serve()
        for number in range(ROUNDS):
            with served:
                comers = [Comers(served.socket) for _ in range(4)]
                for comer in comers:
                    comer.start()
                threading.Timer(0.3, served.ask_to_end).start()
                self.assertEqual(served.wait_end(), 0)
                for comer in comers:
                    comer.end()
            self.assertEqual([comer.lost for comer in comers], 4 * [[]],
                             f"in round {number}")
            self.assertGreater(sum(comer.served for comer in comers), 1)

    def test_over_tcp_no_reply_is_cut_and_hardly_any_is_missing(self):
        served = self.serve(
            socket=f"inet:{ports.free_port()}@127.0.0.1")
        lost = []
        for _ in range(ROUNDS):
            sessions = self.round(served, TCP_PAUSE)
            lost += [session.lost for session in sessions if session.lost]
        print(f"over TCP {len(lost)} of {ROUNDS * SESSIONS} sessions ended "
              "without a last reply", file=sys.stderr)
        self.assertEqual([why for why in lost if "middle" in why], [])
        self.assertLessEqual(len(lost), TCP_LOST)


if __name__ == "__main__":
    testmain.main(needs.daemon)
