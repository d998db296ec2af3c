#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mail that comes while no engine is in service waits for one, as it waits
for its scan."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import signatures
import testmain
from daemon import Daemon
from scratchdir import scratch_dir
from waiting import wait_until

SHORT, LONG = 1, 60


class NoEngineCase(unittest.TestCase):
    """A daemon that is started before its signatures are there."""

    def start(self, reply):
        """Returns it; nothing can be loaded yet."""
        path = self.enterContext(scratch_dir())
        self.database = path / "signatures"
        served = Daemon(path / "daemon", self.database,
                        expected_log=["no engine in service", "engine.database"],
                        deadline={"reply": f"{reply}s"})
        self.addCleanup(served.stop)
        served.launch()
        wait_until("its socket", lambda: self.connects(served))
        return served

    def connects(self, served):
        """True once somebody listens."""
        try:
            client = milterclient.MilterClient(served.socket)
        except OSError:
            return False
        client.close()
        return True

    def send(self, served, mail):
        """A session in which that mail's end was sent."""
        client = self.enterContext(milterclient.MilterClient(served.socket))
        client.connect()
        client.envelope()
        client.content(mail)
        client.send_end()
        return client

    def bring(self, served):
        """The signatures come."""
        signatures.make_set(self.database)
        served.reload()

    def test_mail_waits_for_the_engine(self):
        served = self.start(LONG)
        clients = [self.send(served, mails.plain()),
                   self.send(served, mails.plain(signatures.EICAR + b"\r\n"))]
        self.bring(served)
        milterclient.collect(clients, LONG)
        self.assertEqual([client.outcome.action for client in clients],
                         ["accept", "reject"])

    def test_mail_is_deferred_at_its_deadline_and_scanned_later(self):
        served = self.start(SHORT)
        mail = mails.plain()
        client = self.send(served, mail)
        milterclient.collect([client], LONG)
        self.assertEqual(client.outcome.action, "tempfail")
        line = served.wait_message("no-engine")
        self.assertGreaterEqual(line.ms("total"), 1000 * SHORT)
        self.bring(served)
        wait_until("its scan", lambda: served.scans(line.key))
        again = self.send(served, mail)
        milterclient.collect([again], LONG)
        self.assertEqual(again.outcome.action, "accept")
        self.assertEqual(len(served.scans(line.key)), 1)


if __name__ == "__main__":
    testmain.main(needs.daemon)
