#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What a peer makes the filter keep beside the text of its mail has a bound,
and goes back to the system."""

import contextlib
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import testmain
from daemoncase import DaemonCase
from waiting import wait_until

MIB = 1 << 20
NEGOTIATE = b"O" + struct.pack("!III", 6, milterclient.ACTIONS,
                               milterclient.STEPS)
CONNECT, MAIL = b"Cclient.example\0U", b"M<a@example.com>\0"
END = [b"LSubject\0 x\0", b"N", b"Bbody\r\n", b"DEi\0QUEUEID\0", b"E"]
ADDRESS_SIZE = 500
STAGES = b"CHMRTNE"


def frame(command):
    """A command as it goes over the wire."""
    return struct.pack("!I", len(command)) + command


def recipients(count):
    """So many of them, each of another, long address."""
    return b"".join(
        frame(b"R" + b"%d@" % number + ADDRESS_SIZE * b"x" + b"\0")
        for number in range(count))


def macros(size):
    """As many as fit, for each stage that there is."""
    return b"".join(
        frame(b"D" + bytes([stage]) + b"x\0" * (size // 4 * 2))
        for stage in STAGES)


class EnvelopeCase(DaemonCase):
    @classmethod
    def setUpClass(cls):
        # AddressSanitizer keeps this much of what was freed, else 256 MB.
        os.environ["ASAN_OPTIONS"] = ":".join(
            [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=4"])
        super().setUpClass()

    def setUp(self):
        self.assert_in_service()
        self.filter = self.daemon.filter()
        self.since = self.daemon.mark()
        self.before = self.memory()

    def memory(self):
        """What the filter has for itself, in bytes."""
        return int(procs.status(self.filter)["RssAnon"].split()[0]) * 1024

    def peer(self, data):
        """A connection over which this was sent, as far as it was taken."""
        link = self.enterContext(contextlib.closing(
            milterclient.open_socket(self.daemon.socket)))
        link.settimeout(30)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            link.sendall(frame(NEGOTIATE) + frame(CONNECT) + data)
        return link

    def replies(self, link):
        """What comes after the end of its sending."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := link.recv(65536):
                data += part
        return data

    def assert_unharmed(self):
        """It is the same filter, and mail with recipients is scanned."""
        self.assert_in_service()
        self.assertEqual(self.daemon.filter(), self.filter)


class BoundCase(EnvelopeCase):
    """Each sends the filter far more than it may keep."""

    settings = {"buffer": {"envelope": "2M"}}
    expected_log = ("buffer.envelope", "reason=envelope-memory",
                    "it doesn't finish a command",
                    "broke the protocol")
    SENT = 64 * MIB

    def assert_bounded(self):
        """It has hardly taken any of it, and said so once at least."""
        self.daemon.wait_log("buffer.envelope allows no more")
        self.assertLess(self.memory() - self.before, self.SENT // 4)

    def test_recipients(self):
        count = MIB // ADDRESS_SIZE
        links = [self.peer(frame(MAIL) + recipients(count))
                 for _ in range(self.SENT // MIB)]
        self.assert_bounded()
        for link in links:
            link.sendall(b"".join(map(frame, [*END, b"Q"])))
        answers = [self.replies(link) for link in links]
        refused = [answer for answer in answers if b"451 4.7.1" in answer]
        self.assertGreater(len(refused), len(links) // 2)
        line = self.daemon.wait_message("envelope-memory", self.since)
        self.assertEqual(line.action, "tempfail")
        self.assert_unharmed()

    def test_macros(self):
        for _ in range(self.SENT // (7 * 65536)):
            self.peer(macros(65534))
        self.assert_bounded()

    def test_a_mail_whose_macros_are_lost_is_deferred(self):
        for _ in range(16):
            self.peer(macros(65534))
        late = self.peer(macros(65534) + b"".join(map(frame, [
            MAIL, b"R<b@example.com>\0", *END, b"Q"])))
        self.assertIn(b"451 4.7.1", self.replies(late))

    def test_commands_that_are_not_finished(self):
        half = frame(MAIL) + frame(b"L" + b"x" * (MIB - 2))[:-1]
        for _ in range(self.SENT // MIB):
            self.peer(half)
        # 64 KB of each are let out of the count.
        self.assert_bounded()

    def tearDown(self):
        self.doCleanups()
        wait_until("the end of all sessions", lambda: self.deliver(
            mails.plain()).action == "accept")
        self.assert_unharmed()


class ReturnCase(EnvelopeCase):
    settings = {"buffer": {"envelope": "1G"}}
    SESSIONS, COUNT, SPARE = 100, 2000, 8

    def test_memory_and_descriptors_go_back_to_the_system(self):
        # Workers that come and go have some too.
        descriptors = len(procs.fd_targets(self.filter)) + self.SPARE
        links = [self.peer(frame(MAIL) + recipients(self.COUNT)
                           + macros(20000)) for _ in range(self.SESSIONS)]
        wait_until("all recipients", lambda: self.memory() - self.before >
                   self.SESSIONS * self.COUNT * ADDRESS_SIZE * 3 // 4)
        # In another order than that of their coming, as happens.
        for link in links[::2] + links[1::2]:
            link.close()
        try:
            wait_until("what was held", lambda: (
                self.memory() - self.before < 32 * MIB and
                len(procs.fd_targets(self.filter)) <= descriptors),
                interval=0.2)
        except AssertionError:
            self.fail(f"{self.memory() - self.before} bytes more than before, "
                      f"descriptors: {procs.fd_targets(self.filter)}, "
                      f"at most {descriptors}")
        self.assert_unharmed()


if __name__ == "__main__":
    testmain.main(needs.daemon)
