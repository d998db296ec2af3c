#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The wall clock is stepped by days and years, and no session notices."""

import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import lateness
import mails
import milterclient
import needs
import signatures
import testmain
import wallclock
from scratchdir import scratch_dir

REPLY, PROGRESS = 4.0, 1.0
SLOW = 20


class ClockCase(unittest.TestCase):
    """A daemon with a wall clock of its own."""

    def setUp(self):
        path = self.enterContext(scratch_dir())
        self.daemon = daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            deadline={"reply": f"{REPLY:.0f}s",
                      "progress": f"{PROGRESS:.0f}s"})
        self.clock = wallclock.WallClock(path / "clock-step")
        self.daemon.environment = self.clock.environment
        self.enterContext(self.daemon)

    def begin(self, mail):
        """A session in the middle of a mail; and the rest of that."""
        client = self.enterContext(
            milterclient.MilterClient(self.daemon.socket))
        client.connect()
        client.envelope()
        fields, body = mails.split(mail)
        client.head(fields)
        return client, body

    def step(self, days):
        """The step, and time and cause for libmilter to look at its
        clock."""
        time.sleep(0.3)
        self.clock.step(days * wallclock.DAY)
        for _ in range(2):
            self.assertEqual(milterclient.deliver(
                self.daemon.socket, mails.plain()).action, "accept")

    def test_session_between_two_commands_lives_on(self):
        client, body = self.begin(mails.plain())
        for days in (1, 400, -401, 1):
            self.step(days)
        client.body(body)
        self.assertEqual(client.end().action, "accept")
        self.assertEqual(client.deliver(mails.plain()).action, "accept")

    def test_reply_that_waits_keeps_its_deadline(self):
        client, body = self.begin(signatures.slow_mail(SLOW))
        client.body(body)
        client.send_end()
        for days in (1, -2, 1):
            self.step(days)
        milterclient.collect([client], REPLY + lateness.after_deadline())
        outcome = client.outcome
        self.assertEqual(outcome.action, "tempfail")
        self.assertGreater(outcome.seconds, REPLY - 0.1)
        self.assertLess(outcome.seconds, REPLY + lateness.after_deadline())
        moments = [0.0, *outcome.progress, outcome.seconds]
        self.assertLess(max(after - before for before, after in
                            zip(moments, moments[1:])),
                        PROGRESS + lateness.after_deadline())


class AgeCase(unittest.TestCase):
    """An official file whose updates have stopped coming."""

    def test_age_that_passes_its_limit_is_an_error(self):
        path = self.enterContext(scratch_dir())
        database = signatures.make_set(path / "signatures")
        built = int(time.time()) - 3 * wallclock.DAY
        (database / "daily.cvd").write_text(
            f"ClamAV-VDB:x:27456:2066985:90:x:x:neo:{built}".ljust(512))
        clock = wallclock.WallClock(path / "clock-step")
        faults = needs.build() / "component" / "libengine-faults.so"
        served = daemon.Daemon(path / "daemon", database,
                               expected_log=["the signatures are out of date"],
                               engine={"max_age": "4d"})
        served.environment = clock.environment | {
            "LD_PRELOAD": f"{clock.environment['LD_PRELOAD']}:{faults}"}
        with served:
            served.wait_log(r"the newest official signature file, "
                            r"daily\.cvd, .* 3 days ago")
            since = served.mark()
            clock.step(wallclock.DAY + 60)
            # Otherwise the engine looks every ten minutes.
            os.kill(served.workers()[0], signal.SIGKILL)
            served.wait_log(r"error: the signatures are out of date: .*"
                            r"daily\.cvd, .* 4 days ago", since)


if __name__ == "__main__":
    testmain.main(needs.daemon, wallclock.needed)
