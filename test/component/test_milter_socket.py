#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The milter socket is there as long as the service is."""

import os
import pathlib
import shutil
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import logcheck
import mails
import milterclient
import needs
import ports
import procs
import testmain
from daemoncase import fresh_daemon
from waiting import wait_until


class MilterSocketCase(unittest.TestCase):
    """The milter socket outlives the filter."""

    def assert_waits_for_the_next_filter(self, **settings):
        """Who connects while there is no filter is served by the next."""
        with fresh_daemon(expected_log=logcheck.FILTER_KILLED,
                          **settings) as daemon:
            for _ in range(3):
                filter_pid = daemon.filter()
                os.kill(filter_pid, signal.SIGKILL)
                procs.wait_gone([filter_pid])
                outcome = milterclient.deliver(daemon.socket, mails.plain())
                self.assertEqual(outcome.action, "accept")

    def test_who_connects_over_a_unix_socket_waits_for_the_next_filter(self):
        self.assert_waits_for_the_next_filter()

    def test_who_connects_over_tcp_waits_for_the_next_filter(self):
        self.assert_waits_for_the_next_filter(
            socket=f"inet:{ports.free_port()}@127.0.0.1")

    def assert_comes_back(self, daemon, path, remove):
        """A socket that is removed is made anew, and the log says so."""
        owner = path.stat()
        with milterclient.MilterClient(daemon.socket) as before:
            before.connect()
            remove()
            daemon.wait_log("the milter socket .* is opened again")
            outcome = milterclient.deliver(daemon.socket, mails.plain())
            self.assertEqual(outcome.action, "accept")
            self.assertEqual(before.deliver(mails.plain()).action, "accept")
        self.assertEqual(path.stat().st_mode, owner.st_mode)
        self.assertEqual(path.stat().st_uid, owner.st_uid)

    def test_removed_socket_is_made_anew(self):
        with fresh_daemon(expected_log=["opened again"]) as daemon:
            path = pathlib.Path(daemon.socket.removeprefix("unix:"))
            self.assert_comes_back(daemon, path, path.unlink)

    def test_removed_directory_of_the_socket_is_made_anew(self):
        with fresh_daemon(expected_log=["opened again"]) as daemon:
            path = pathlib.Path(daemon.socket.removeprefix("unix:"))
            self.assert_comes_back(daemon, path,
                                   lambda: shutil.rmtree(path.parent))

    def test_socket_is_removed_at_the_end(self):
        with fresh_daemon() as daemon:
            path = pathlib.Path(daemon.socket.removeprefix("unix:"))
            self.assertTrue(path.is_socket())
            self.assertEqual(daemon.terminate(), 0)
            wait_until("the end of the socket", lambda: not path.exists())


if __name__ == "__main__":
    testmain.main(needs.daemon)
