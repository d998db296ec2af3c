#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A TCP socket: whom it lets in, and that it is no slower than a Unix one.

The tests run in a network namespace of their own, in which the machine has
some addresses more, so that one of them can be another host.
"""

import contextlib
import ctypes
import functools
import pathlib
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import needs
import procs
import testmain
from daemoncase import DaemonCase, fresh_daemon
from milterclient import MilterClient
from waiting import wait_until

CLONE_NEWNET = 0x40000000
PORT = 8890
HERE, STRANGER, FRIEND = "10.9.0.1", "10.9.0.2", "10.9.0.3"
ROUNDS = 30


def setUpModule():
    """Nothing of the machine's own network is in reach from here on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    procs.run([needs.program("ip"), "link", "set", "lo", "up"])
    for address in (HERE, STRANGER, FRIEND):
        procs.run([needs.program("ip"), "address", "add", f"{address}/32",
                   "dev", "lo"])


def is_served(source, target):
    """Whether a negotiation from this address to that one is answered."""
    with contextlib.closing(socket.socket()) as link:
        link.settimeout(30)
        link.bind((source, 0))
        link.connect((target, PORT))
        try:
            link.sendall(b"\0\0\0\x0dO\0\0\0\6\0\0\1\xff\0\x1f\xff\xff")
            return link.recv(5)[4:5] == b"O"
        except (ConnectionResetError, BrokenPipeError):
            return False


class AccessCase(DaemonCase):
    settings = {"socket": f"inet:{PORT}@0.0.0.0"}
    expected_log = ("was closed: `access` doesn't name this host",
                    "connections of hosts that `access` doesn't name",
                    "0.0.0.0")

    def test_only_this_machine_and_who_is_named_may_connect(self):
        since = self.daemon.mark()
        self.assertTrue(is_served("127.0.0.1", "127.0.0.1"))
        self.assertTrue(is_served("127.0.0.2", "127.0.0.1"))
        self.assertTrue(is_served(HERE, HERE))
        self.assertFalse(is_served(STRANGER, HERE))
        self.daemon.wait_log(
            f"the connection of {STRANGER} was closed: `access` doesn't name "
            "this host", since)
        self.assertFalse(is_served(FRIEND, HERE))
        self.daemon.configure(access=[f"{FRIEND}/32"])
        self.daemon.reload()
        wait_until("the new access", lambda: is_served(FRIEND, HERE))
        self.assertFalse(is_served(STRANGER, HERE))


class SpeedCase(DaemonCase):
    settings = {"socket": f"inet:{PORT}@127.0.0.1"}

    @staticmethod
    def reply_time(address):
        """The median of the time from the end of a mail to its reply."""
        mail = mails.plain()
        with MilterClient(address) as client:
            client.connect()
            client.deliver(mail)
            times = []
            for _ in range(ROUNDS):
                began = time.monotonic()
                client.deliver(mail)
                times.append(time.monotonic() - began)
            client.quit()
        return statistics.median(times)

    def test_a_host_that_has_gone_is_noticed(self):
        """The kernel asks whether it is there: its timer runs (02) on the
        filter's side of a connection."""
        with MilterClient(self.daemon.socket) as client:
            client.connect()
            rows = [row.split() for row in pathlib.Path(
                f"/proc/{self.daemon.filter()}/net/tcp"
                ).read_text().splitlines()[1:]]
            timers = [row[5] for row in rows if row[3] == "01" and
                      row[1].endswith(f":{PORT:04X}")]
            self.assertEqual([timer[:2] for timer in timers], ["02"])

    def test_a_reply_over_tcp_takes_no_longer_than_over_a_unix_socket(self):
        """Replies that wait for an acknowledgement take 40 ms each."""
        with fresh_daemon() as other:
            unix = self.reply_time(other.socket)
            tcp = self.reply_time(self.daemon.socket)
        print(f"a mail takes {1000 * unix:.1f} ms over a Unix socket, "
              f"{1000 * tcp:.1f} ms over TCP", file=sys.stderr)
        self.assertLess(tcp, 5 * unix + 0.01)


if __name__ == "__main__":
    testmain.main(needs.daemon, functools.partial(needs.program, "ip"))
