#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A peer that breaks the milter protocol costs its own session, and nobody
else's; and one that says nothing keeps nobody out."""

import contextlib
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemoncase import DaemonCase
from waiting import wait_until

NEGOTIATE = b"O" + struct.pack("!III", 6, milterclient.ACTIONS,
                               milterclient.STEPS)
CONNECT = b"Cclient.example\0" + b"4\0\x19192.0.2.1\0"
MAIL, RECIPIENT = b"M<a@example.com>\0", b"R<b@example.com>\0"
HEADER, END_OF_HEADERS, BODY, END = b"LSubject\0 x\0", b"N", b"Bbody\r\n", b"E"
MACROS = b"DEi\0QUEUEID\0"
WHOLE = [NEGOTIATE, CONNECT, MAIL, RECIPIENT, HEADER, END_OF_HEADERS, BODY,
         MACROS, END]
LIMIT = 40


def frame(command):
    """A command as it goes over the wire."""
    return struct.pack("!I", len(command)) + command


def frames(commands):
    """Several of them."""
    return b"".join(map(frame, commands))


class Peer:
    """A connection that anything can be sent over."""

    def __init__(self, address):
        self._link = milterclient.open_socket(address)
        self._link.settimeout(30)

    def close(self):
        self._link.close()

    def send(self, data):
        self._link.sendall(data)

    def receive_all(self):
        """What comes until the filter closes."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self._link.recv(65536):
                data += part
        return data

    def is_closed(self):
        """True if the filter has closed it, now."""
        self._link.setblocking(False)
        try:
            return self._link.recv(1, 2) == b""     # MSG_PEEK
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self._link.settimeout(30)


class HostileCase(DaemonCase):
    settings = {"limits": {"sessions": LIMIT}}
    expected_log = ("it breaks the milter protocol",
                    "more (connections|sessions) were (closed|ended)",
                    "the connection of .* was closed")

    def setUp(self):
        self.filter = self.daemon.filter()
        self.since = self.daemon.mark()

    def peer(self, data=b""):
        """A connection over which this was sent; closed at the end."""
        peer = self.enterContext(contextlib.closing(
            Peer(self.daemon.socket)))
        peer.send(data)
        return peer

    def assert_unharmed(self):
        """It is the same filter, and it scans."""
        self.assert_in_service()
        self.assertEqual(self.daemon.filter(), self.filter)


class BrokenProtocolCase(HostileCase):
    def test_macros_without_a_value_end_the_session(self):
        for broken in (b"DEx\0", b"DE\0", b"DEi\0Q\0{auth_type}\0",
                       b"DEi\0Q", b"DMx\0", b"D"):
            with self.subTest(broken):
                self.peer(frames([*WHOLE[:-2], broken, END])).receive_all()
                self.assert_unharmed()
        self.daemon.wait_log(
            r"the session of process \d+ of uid 0 was ended: it breaks the "
            r"milter protocol: a macro has no value", self.since)

    def test_a_host_without_an_end_ends_the_session(self):
        for broken in (b"Cclient.example", b"C" + b"x" * 65535,
                       b"Cclient.example\0", b"Cclient.example\0004\0\x19"):
            with self.subTest(broken[:20]):
                self.peer(frames([NEGOTIATE, broken, MAIL])).receive_all()
                self.assert_unharmed()

    def test_who_does_not_negotiate_first_gets_no_answer(self):
        for commands in (WHOLE[1:], [MAIL], [END], [NEGOTIATE, NEGOTIATE]):
            data = self.peer(frames(commands)).receive_all()
            self.assertNotIn(data[4:5], (b"t", b"y", b"c"))
        self.assert_unharmed()

    def test_lengths_that_cannot_be_end_the_session(self):
        for length in (0, 0x7fffffff, 0x80000000, 0xffffffff, 0x100001):
            with self.subTest(length):
                self.peer(frame(NEGOTIATE) + struct.pack("!I", length)
                          + MAIL * 10).receive_all()
                self.assert_unharmed()

    def test_a_command_that_is_not_finished_holds_up_nobody(self):
        """Also not those that libmilter finds ready at the same moment."""
        for _ in range(8):
            self.peer(frame(NEGOTIATE) + b"\0\0\1\0M<a@")
        clients = [self.session() for _ in range(8)]
        for client in clients:
            client.envelope()
            client.content(mails.plain())
            client.send_end()
        milterclient.collect(clients)
        self.assert_unharmed()

    def test_a_peer_that_does_not_read_holds_up_nobody(self):
        many = frames([MAIL, b"A"] * 4000)
        for _ in range(4):
            peer = self.peer(frames([NEGOTIATE, CONNECT]))
            peer._link.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while many:
                    peer._link.send(many)
        self.assert_unharmed()

    def test_a_header_without_a_name_is_a_part_of_the_mail(self):
        for header, action in ((b"L\0no name\0", "a"), (b"L\0\0", "a")):
            peer = self.peer(frames([*WHOLE[:4], header, *WHOLE[4:], b"Q"]))
            self.assertIn(frame(b"c"), peer.receive_all()[-10:], action)
        line, = self.daemon.wait_messages(2, "size=", self.since)[-1:]
        self.assertEqual(line.verdict, "clean")
        self.assert_unharmed()

    def test_a_virus_behind_a_header_without_a_name_is_found(self):
        eicar = b"B" + signatures.EICAR + b"\r\n"
        peer = self.peer(frames([*WHOLE[:4], b"L\0no name\0", *WHOLE[4:6],
                                 eicar, MACROS, END, b"Q"]))
        self.assertIn(b"550 5.7.1", peer.receive_all())

    def test_the_end_of_a_message_may_bring_the_rest_of_its_body(self):
        peer = self.peer(frames([*WHOLE[:6], b"E" + signatures.EICAR, b"Q"]))
        self.assertIn(b"550 5.7.1", peer.receive_all())

    def test_a_second_client_in_one_connection_is_served(self):
        peer = self.peer(frames([*WHOLE, b"K", *WHOLE[1:], b"Q"]))
        peer.receive_all()
        lines = self.daemon.wait_messages(2, "", self.since)
        self.assertEqual([line.action for line in lines],
                         ["accept", "accept"])


class SilentPeersCase(HostileCase):
    """More connections than there may be."""

    def test_silent_connections_give_way_and_are_closed(self):
        silent = [self.peer() for _ in range(4 * LIMIT)]
        self.assert_unharmed()
        self.daemon.wait_log(
            "it has said nothing, and others need its place", self.since)
        wait_until("the end of all that say nothing", lambda: all(
            peer.is_closed() for peer in silent))
        self.daemon.wait_log("it has said nothing for 10 s", self.since)
        self.assertLess(self.daemon.log(self.since).count("said nothing"), 40)

    def test_a_first_command_that_is_not_finished_is_silence(self):
        peer = self.peer(frame(NEGOTIATE)[:-1])
        self.assertEqual(peer.receive_all(), b"")
        self.daemon.wait_log("it has said nothing for 10 s", self.since)
        self.assert_unharmed()


class CrowdCase(HostileCase):
    def test_sessions_over_the_limit_are_refused_at_once_and_said(self):
        peers, refused = [], 0
        for _ in range(4 * LIMIT):
            try:
                peers.append(self.peer(frame(NEGOTIATE)))
            except BrokenPipeError:
                refused += 1
        wait_until("refused connections", lambda: refused + sum(
            peer.is_closed() for peer in peers) >= 2 * LIMIT)
        self.daemon.wait_log("limits.sessions allows no more", self.since)
        for peer in peers:
            peer.close()
        wait_until("room", lambda: len(procs.fd_targets(self.filter)) < LIMIT)
        self.assert_unharmed()


if __name__ == "__main__":
    testmain.main(needs.daemon)
