#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Whatever dies costs at most the mail that it held."""

import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import lateness
import logcheck
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemoncase import DaemonCase, fresh_daemon
from waiting import wait_until

# From the engine's having loaded until mail is scanned again.


class KillCase(DaemonCase):
    """kill -9, in the middle of scans, of every process but the first."""

    settings = {"deadline": {"reply": "30s"}}
    expected_log = (*logcheck.ODD_SCANS, *logcheck.ENGINE_KILLED,
                    *logcheck.FILTER_KILLED)

    def begin(self, seconds):
        """A session whose mail is being scanned for that long."""
        client = self.session()
        client.envelope()
        client.content(signatures.slow_mail(seconds))
        client.send_end()
        return client

    def deliver_or_none(self, mail):
        """The outcome, or None while nobody answers."""
        try:
            outcome = milterclient.deliver(self.daemon.socket, mail)
        except (OSError, milterclient.MilterClosed):
            return None
        return outcome if outcome.action == "accept" else None

    def assert_back(self, since):
        """Mail is scanned soon after an engine is in service again."""
        self.daemon.wait_in_service(since)
        wait_until("a clean mail", lambda: self.deliver_or_none(
            mails.plain()), 1 + lateness.at_once())
        self.assert_in_service()

    def test_killed_worker_costs_one_tempfail(self):
        victim = self.begin(20)
        worker = self.daemon.busy_worker()
        other = self.begin(4)
        time.sleep(0.5)
        os.kill(worker, signal.SIGKILL)
        milterclient.collect([victim], 15)
        self.assertEqual(victim.outcome.action, "tempfail")
        self.assertRegex(victim.outcome.reply, r"^451 4\.7\.1 ")
        self.assert_in_service()
        milterclient.collect([other])
        self.assertEqual(other.outcome.action, "accept")
        self.assertEqual(other.outcome.header("X-Virus-Status"), ["Clean"])
        self.daemon.wait_log("scan: .*ended=.*KILL")

    def test_killed_worker_does_not_count_against_the_mail(self):
        mail = signatures.slow_mail(3)
        for _ in range(3):
            client = self.session()
            client.envelope()
            client.content(mail)
            client.send_end()
            os.kill(self.daemon.busy_worker(), signal.SIGKILL)
            milterclient.collect([client], 15)
            self.assertEqual(client.outcome.action, "tempfail")
            client.quit()
        self.assertEqual(self.deliver(mail).action, "accept")

    def test_killed_engine_costs_what_it_scanned(self):
        victim = self.begin(20)
        self.daemon.busy_worker()
        workers, since = self.daemon.workers(), self.daemon.mark()
        os.kill(self.daemon.engine(), signal.SIGKILL)
        milterclient.collect([victim], 15)
        self.assertEqual(victim.outcome.action, "tempfail")
        procs.wait_gone(workers)
        self.assert_back(since)

    def test_killed_filter_is_replaced(self):
        victim = self.begin(20)
        self.daemon.busy_worker()
        workers, since = self.daemon.workers(), self.daemon.mark()
        os.kill(self.daemon.filter(), signal.SIGKILL)
        with self.assertRaises((milterclient.MilterClosed, OSError)):
            milterclient.collect([victim], 15)
        procs.wait_gone(workers)
        self.assert_back(since)


class SupervisorKillCase(unittest.TestCase):
    """Its death is everybody's: nothing is left that would serve blindly."""

    def test_killed_supervisor_takes_all_with_it(self):
        with fresh_daemon(
                expected_log=logcheck.SUPERVISOR_KILLED) as served:
            family = procs.descendants(served.pid)
            os.kill(served.pid, signal.SIGKILL)
            procs.wait_gone(family)
            again = daemon.Daemon(served.directory, served.database)
            with again:
                self.assertEqual(milterclient.deliver(
                    again.socket, mails.plain()).action, "accept")


if __name__ == "__main__":
    testmain.main(needs.daemon)
