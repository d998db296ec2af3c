#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The disk of buffer.directory hangs: only mail that memory has no room for
waits, and no longer than it may."""

import os
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import faultdisk
import lateness
import logcheck
import mails
import milterclient
import needs
import signatures
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

MIB = 1 << 20
# The memory for all mail is full with two of these.
HEAVY = 5 * MIB
MANY = 20
REPLY = 3.0
# filter/msgpool.h: MSGPOOL_PATIENCE.
PATIENCE = 5.0


class HangingSpillCase(unittest.TestCase):
    """A service whose spill files lie on a disk of its own."""

    def setUp(self):
        path = self.enterContext(scratch_dir())
        self.disk = self.enterContext(
            faultdisk.FaultDisk(path / "daemon" / "buffers", 64))
        self.daemon = self.enterContext(daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            expected_log=["the disk hangs", *logcheck.FILTER_KILLED],
            deadline={"reply": f"{REPLY:.0f}s"},
            buffer={"memory": "8M", "message_memory": "1M", "disk": "40M",
                    "message_max": "20M"}))
        self.tolerance = lateness.after_deadline()
        # Before the daemon ends: a thread of it may hang there.
        self.addCleanup(self.disk.thaw)

    def action(self, mail):
        """What is done about a mail in a session of its own; "" if there is
        nobody."""
        try:
            return milterclient.deliver(self.daemon.socket, mail,
                                        timeout=20).action
        except (OSError, milterclient.MilterClosed):
            return ""

    def begin(self, mail):
        """A session with a mail's headers; the session, and the body."""
        client = self.enterContext(
            milterclient.MilterClient(self.daemon.socket, timeout=60))
        client.connect()
        client.envelope()
        fields, body = mails.split(mail)
        client.head(fields)
        return client, body

    def send_at_once(self, sessions):
        """All bodies, which the filter sees in one batch; how long each took
        to arrive.  Ends of message follow."""
        seconds = []

        def send(client, body):
            started = time.monotonic()
            client.body(body)
            seconds.append(time.monotonic() - started)
            client.send_end()
        threads = [threading.Thread(target=send, args=session)
                   for session in sessions]
        os.kill(self.daemon.filter(), signal.SIGSTOP)
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        os.kill(self.daemon.filter(), signal.SIGCONT)
        for thread in threads:
            thread.join()
        return seconds

    def test_heavy_mail_waits_beside_each_other_and_not_in_turn(self):
        sessions = [self.begin(mails.plain(mails.lines(HEAVY)))
                    for _ in range(MANY)]
        self.disk.hang()
        seconds = self.send_at_once(sessions)
        self.assertEqual(len(seconds), MANY)
        self.assertLess(max(seconds), 0.5 + PATIENCE + self.tolerance)
        milterclient.collect([client for client, _ in sessions],
                             REPLY + self.tolerance)
        for client, _ in sessions:
            self.assertEqual(client.outcome.action, "tempfail")

    def test_light_mail_is_served_once_heavy_mail_was_deferred(self):
        sessions = [self.begin(mails.plain(mails.lines(HEAVY)))
                    for _ in range(MANY)]
        self.disk.hang()
        self.send_at_once(sessions)
        milterclient.collect([client for client, _ in sessions],
                             REPLY + self.tolerance)
        for _ in range(20):
            self.assertEqual(self.action(mails.plain()), "accept")
        self.assertEqual(self.action(
            mails.plain(signatures.EICAR + b"\r\n")), "reject")
        self.disk.thaw()
        wait_until("heavy mail", lambda: self.action(
            mails.plain(mails.lines(HEAVY))) == "accept")

    def test_filter_starts_while_the_disk_hangs(self):
        self.disk.hang()
        died = time.monotonic()
        os.kill(self.daemon.filter(), signal.SIGKILL)
        wait_until("a clean mail",
                   lambda: self.action(mails.plain()) == "accept")
        self.assertLess(time.monotonic() - died, 2 + self.tolerance)
        wait_until("heavy mail, from memory", lambda: self.action(
            mails.plain(mails.lines(HEAVY))) == "accept")
        self.daemon.wait_log(
            "warning: buffer.directory: .*: the disk hangs or is slow")
        self.disk.thaw()
        wait_until("heavy mail", lambda: self.action(
            mails.plain(mails.lines(HEAVY))) == "accept")


if __name__ == "__main__":
    testmain.main(needs.daemon, faultdisk.needed)
