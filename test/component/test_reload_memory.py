#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""New signatures where memory holds one set, and not two."""

import os
import pathlib
import signal
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import memorygroup
import milterclient
import needs
import procs
import signatures
import testmain
from daemon import Daemon
from scratchdir import scratch_dir
from waiting import wait_until

MB = 1 << 20


def add_ballast(database, name):
    """Signatures that match nothing and take some 100 MB."""
    with (database / name).open("w", encoding="ascii") as file:
        for number in range(1_000_000):
            file.write(f"{number:032x}:{number + 1000}:Ballast-{number}\n")


class MemoryCase(unittest.TestCase):
    """A large set, in a group of its own."""

    def serve(self, expected_log=(), **engine):
        path = self.enterContext(scratch_dir())
        self.group = self.enterContext(memorygroup.MemoryGroup())
        self.database = signatures.make_set(path / "signatures")
        add_ballast(self.database, "ballast.hdb")
        self.daemon = self.enterContext(Daemon(
            path / "daemon", self.database, run_with=self.group.run_with,
            expected_log=expected_log, engine=engine))
        self.taken = MB * int(self.daemon.wait_log(
            r"is ready: .* (\d+) MB of memory").group(1))

    def mail(self, word):
        return mails.plain(f"{word}\r\n".encode())

    def change(self):
        """Changes the set; returns a word that it finds now."""
        word = mails.token()
        (self.database / "new.ndb").write_text(
            signatures.body_signature("Vscan.Test.New", word.encode()))
        return word

    def loads(self, since=0):
        return self.daemon.log(since).count(": an engine loads ")

    def send_until(self, stop, outcomes):
        while not stop.is_set():
            outcomes.append(milterclient.deliver(
                self.daemon.socket, mails.plain()))

    def reload_under_load(self):
        """Returns what became of mail meanwhile, and where the log began."""
        outcomes, stop = [], threading.Event()
        thread = threading.Thread(target=self.send_until,
                                  args=(stop, outcomes))
        thread.start()
        try:
            word = self.change()
            since = self.daemon.mark()
            self.daemon.reload()
            self.daemon.wait_in_service(since)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(milterclient.deliver(
            self.daemon.socket, self.mail(word)).action, "reject")
        return {outcome.action for outcome in outcomes}, since

    def test_old_engine_ends_first_where_two_do_not_fit(self):
        self.serve()
        self.group.limit(self.group.usage() + self.taken // 2)
        actions, since = self.reload_under_load()
        self.daemon.wait_log("ends before its successor is loaded, and mail "
                             "waits: it needs ", since)
        self.assertEqual(actions, {"accept"})
        self.assertEqual(self.loads(since), 1)
        self.assertNotIn("signal 9", self.daemon.log())

    def test_both_live_where_they_fit(self):
        self.serve()
        self.group.limit(self.group.usage() + 4 * self.taken)
        actions, since = self.reload_under_load()
        self.assertNotIn("ends before", self.daemon.log(since))
        self.assertEqual(actions, {"accept"})

    def test_old_engine_ends_first_where_it_is_set_so(self):
        self.serve(reload="instead")
        actions, since = self.reload_under_load()
        self.daemon.wait_log(r"mail waits: engine\.reload is", since)
        self.assertEqual(actions, {"accept"})

    def test_engine_that_dies_while_the_next_loads_costs_no_third(self):
        self.serve([r"error: engine \w+ died of signal 9",
                    r"error: engine \w+ is lost"])
        old = self.daemon.engine()
        since = self.daemon.mark()
        self.change()
        self.daemon.reload()
        wait_until("the next engine",
                   lambda: len(self.daemon.engines()) == 2)
        os.kill(old, signal.SIGKILL)
        self.daemon.wait_in_service(since)
        procs.wait_gone([old])
        # One that was wanted now would be started at once.
        self.daemon.reload()
        self.daemon.wait_log("the signature set has not changed", since)
        self.assertEqual(self.loads(since), 1)


if __name__ == "__main__":
    testmain.main(needs.daemon, memorygroup.needed)
