#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Sixteen ends of message in one poll batch, each with a slow scan.

libmilter's pool of workers leaves sessions that are ready unserved while
callbacks block.  All of the ends of message come while the filter is stopped,
so that it sees them at once, which is the worst case.
"""

import os
import pathlib
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemoncase
import lateness
import milterclient
import needs
import ports
import signatures
import testmain

BURST = 16
SCAN_SECONDS = 3
REPLY_DEADLINE = 5.0
_TIME_WAIT = "06"


def time_waits(address):
    """How many connections to the milter's port linger in TIME_WAIT."""
    port = f"{int(address.split(':')[1].partition('@')[0]):04X}"
    count = 0
    for table in ("tcp", "tcp6"):
        for row in pathlib.Path("/proc/net", table).read_text().splitlines():
            fields = row.split()
            count += (fields[3] == _TIME_WAIT and
                      port in (fields[1][-4:], fields[2][-4:]))
    return count


class BurstCase(unittest.TestCase):
    """The same over every kind of socket."""

    def burst_over(self, address=None):
        """The whole test over one socket; None is the usual UNIX one."""
        settings = {"deadline": {"reply": f"{REPLY_DEADLINE:.0f}s"},
                    # The sessions that there are, and no wake-up among them.
                    "limits": {"sessions": BURST + 1}}
        if address:
            settings["socket"] = address
        with daemoncase.fresh_daemon(**settings) as daemon:
            sessions = [self.opened(daemon) for _ in range(BURST)]
            other = milterclient.MilterClient(daemon.socket)
            other.connect()
            self.send_ends_at_once(daemon.filter(), sessions)
            started = time.monotonic()
            self.assert_other_is_served(other, started)
            milterclient.collect(sessions, 60)
            for session in sessions:
                self.assertLess(session.outcome.seconds,
                                REPLY_DEADLINE + lateness.after_deadline())
                self.assertIn(session.outcome.action, ("accept", "tempfail"))
            if address:
                self.assertEqual(time_waits(address), 0)
            for session in sessions + [other]:
                session.close()

    def opened(self, daemon):
        """A session that has sent all of a slow mail but its end."""
        client = milterclient.MilterClient(daemon.socket)
        client.connect()
        client.envelope()
        client.content(signatures.slow_mail(SCAN_SECONDS))
        return client

    @staticmethod
    def send_ends_at_once(pid, sessions):
        """Lets the filter see the ends of message in one batch."""
        time.sleep(0.2)
        os.kill(pid, signal.SIGSTOP)
        for session in sessions:
            session.send_end()
        os.kill(pid, signal.SIGCONT)

    def assert_other_is_served(self, other, started):
        """While the others wait, a further session is answered at once."""
        while time.monotonic() - started < REPLY_DEADLINE - 1:
            before = time.monotonic()
            self.assertEqual(other.mail(), "accept")
            self.assertLess(time.monotonic() - before, lateness.at_once())
            other.abort()
            time.sleep(0.1)

    def test_unix_socket(self):
        self.burst_over()

    def test_inet_socket(self):
        self.burst_over(f"inet:{ports.free_port()}@127.0.0.1")

    def test_inet6_socket(self):
        port = ports.free_port("::1", socket.AF_INET6)
        self.burst_over(f"inet6:{port}@::1")


if __name__ == "__main__":
    testmain.main(needs.daemon)
