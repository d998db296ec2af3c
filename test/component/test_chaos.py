#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Everything goes wrong at once, and what is promised holds.

For a minute (VSCAN_CHAOS_SECONDS) clients send mail of all kinds, leave in
its middle and bring back what was deferred, while processes are killed and
stopped, disks are full and hang, files are damaged, signatures broken and the
clock stepped.  Then the faults stop, and the service has to be as it was.
VSCAN_CHAOS_SEED gives the same run again.
"""

import dataclasses
import functools
import os
import pathlib
import random
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import chaosclient
import chaosfaults
import chaosmail
import daemon
import faultdisk
import holdings
import lateness
import milterclient
import needs
import procs
import signatures
import testmain
import wallclock
from chaosrun import FilterLife, Run
from scratchdir import scratch_dir
from waiting import wait_until

SECONDS = float(os.environ.get("VSCAN_CHAOS_SECONDS", "60"))
SEED = os.environ.get("VSCAN_CHAOS_SEED") or str(random.randrange(1 << 32))

WORKERS = 2
ROLES = {"quick": 4, "heavy": 2, "slow": 2}
# A worker that was stopped for good is noticed after this time.
SCAN_WALL = 60.0
REPLY = {"mta": 4.0, "submission": 3.0, "local": 2.0}
PROGRESS = 1.0
# filter/msgbuf.h: MSGPOOL_PATIENCE.
ARRIVAL = 5.0
# On top of each promise, on a busy machine; sanitizers make everything many
# times slower.
# From the end of the faults until all mail has its verdict and nothing is
# held any more: two scans that are ended by scan_wall, and some work.
RECOVERY = 2 * SCAN_WALL + 60.0
# From the death of a filter until another answers; where a thread of the dead
# one writes to a disk that hangs, the kernel keeps it until the disk is back.
FILTER_BACK = 5.0
# Descriptors that come and go: the store's journal, a lane in the making.
SPARE_DESCRIPTORS = 4

SETTINGS = {
    "deadline": {
        "reply": f"{REPLY['mta']:.0f}s",
        "reply_submission": f"{REPLY['submission']:.0f}s",
        "reply_local": f"{REPLY['local']:.0f}s",
        "progress": f"{PROGRESS:.0f}s", "slow_after": "1s",
        "scan_cpu": f"{SCAN_WALL:.0f}s", "scan_wall": f"{SCAN_WALL:.0f}s"},
    "engine": {"workers": WORKERS, "background": 3},
    # So little that heavy mail meets every one of these limits.
    "buffer": {"memory": "8M", "message_memory": "1M", "disk": "40M",
               "message_max": "20M"},
}

# What a worker of this service never dies of, whatever is done to it.
ODD_DEATHS = r"ended=(SIG(?!KILL)\w+|exit-\d+|worker-talked-nonsense)"


class ChaosCase(unittest.TestCase):
    """One run."""

    def setUp(self):
        print(f"chaos: {SECONDS:.0f} s, again with VSCAN_CHAOS_SEED={SEED}",
              file=sys.stderr, flush=True)
        self.run_ = Run(SEED, SECONDS)
        self.life = FilterLife()
        path = self.enterContext(scratch_dir())
        self.disks = {
            name: self.enterContext(faultdisk.FaultDisk(
                path / "daemon" / directory, size))
            for name, directory, size in (("state", "state", 16),
                                          ("spill", "buffers", 64))}
        self.daemon = daemon.Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            expected_log=["."],     # all is broken; see the end of the run
            **daemon.merged(SETTINGS, chaosmail.SETTINGS))
        self.clock = self.make_clock(path)
        self.enterContext(self.daemon)
        self.faults = chaosfaults.Faults(
            self.run_, self.life, self.daemon, self.disks, self.clock)
        self.addCleanup(self.faults.repair_all)

    def make_clock(self, path):
        """The daemon's wall clock, if it can have one of its own."""
        if wallclock.library() is None:
            print("chaos: no clock steps, since a sanitizer must be preloaded "
                  "first", file=sys.stderr)
            return None
        clock = wallclock.WallClock(path / "clock-step")
        self.daemon.environment = clock.environment
        return clock

    def test_what_is_promised_holds_under_faults(self):
        self.warm_up()
        before = holdings.measure(self.daemon)
        clients = self.start_clients()
        try:
            self.make_faults()
            self.recover(clients)
        finally:
            for client in clients:
                client.end()
            for client in clients:
                client.join()
            print(*self.run_.table(), *(
                f"{seconds:6.1f}  seconds without a filter: {fault}"
                for fault, seconds in self.faults.downs),
                sep="\n", file=sys.stderr)
        self.assert_returned(before)
        self.assert_exercised()
        self.assert_log_is_sound()

    # Before

    def warm_up(self):
        """Every kind of mail gets its verdict while nothing is wrong."""
        rng = self.run_.random("warm-up")
        for _ in range(3):
            for kind, form in chaosmail.FORMS:
                card = chaosmail.Card(kind, form)
                self.deliver_calmly(card, chaosmail.make(card, rng).data)
        self.wait_processes()

    def deliver_calmly(self, card, data):
        """It is late at most, and known then."""
        def delivered():
            outcome = milterclient.deliver(self.daemon.socket, data)
            self.assertEqual(chaosmail.wrong(card, outcome), "")
            return outcome.action != "tempfail"
        wait_until(f"the verdict on {card}", delivered, 60, 0.1)

    def wait_processes(self, timeout=30.0):
        """What writes the log, one filter, one engine, and its workers."""
        def family():
            return [f"{procs.name(pid)} {pid}, child of {procs.parent(pid)}"
                    for pid in procs.descendants(self.daemon.pid)]
        try:
            wait_until("the usual number of processes",
                       lambda: len(family()) == 3 + WORKERS, timeout)
        except AssertionError:
            self.fail(f"[seed {SEED}] processes: {family()}")

    def start_clients(self):
        """All of them, sending."""
        promises = chaosclient.Promises(
            REPLY, PROGRESS, ARRIVAL,
            lateness.after_deadline())
        clients = [
            chaosclient.Client(f"{role}-{number}", role, self.run_,
                               self.life, self.daemon.socket, promises)
            for role, count in ROLES.items() for number in range(count)]
        for client in clients:
            client.start()
        return clients

    # Meanwhile

    def kinds(self):
        """The faults that can be made here."""
        return chaosfaults.KINDS + (
            chaosfaults.CLOCK_KINDS if self.clock else ())

    def make_faults(self):
        """The schedule; stops at once when something does not hold."""
        started = time.monotonic()
        steps = chaosfaults.schedule(self.run_.random("schedule"), SECONDS,
                                     self.kinds())
        for step in steps:
            self.watch_until(started + step.at)
            self.faults.make(step)
        self.watch_until(started + SECONDS)
        for step in filter(chaosfaults.Step.is_whole, steps):
            wait_until(f"something for {step.fault}", functools.partial(
                self.is_made, step), interval=1)

    def is_made(self, step):
        """Whether its fault was made, now if not before.  On a busy machine
        there may have been nothing to do it to whenever its turn came."""
        if self.run_.counted("fault", step.fault) == 0:
            self.run_.check()
            self.faults.make(step)
        return self.run_.counted("fault", step.fault) > 0

    def watch_until(self, moment):
        """Sleeps, and looks whether all is well."""
        while time.monotonic() < moment:
            self.run_.check()
            self.assertTrue(self.daemon.running(), "the daemon has ended")
            time.sleep(min(0.1, max(0.0, moment - time.monotonic())))

    # After

    def recover(self, clients):
        """No more faults: all mail gets its verdict."""
        self.faults.repair_all()
        self.run_.note("the faults have ended")
        started = time.monotonic()
        for client in clients:
            client.settle()
        while any(client.is_alive() for client in clients):
            self.run_.check()
            self.assertLess(
                time.monotonic() - started, RECOVERY,
                {client.name: client.waiting() for client in clients
                 if client.is_alive()})
            time.sleep(0.1)
        self.run_.check()
        print(f"chaos: all mail had its verdict "
              f"{time.monotonic() - started:.1f} s after the last fault",
              file=sys.stderr)

    def assert_returned(self, before):
        """What was held is given back."""
        before = dataclasses.replace(
            before, descriptors=before.descriptors + SPARE_DESCRIPTORS)
        self.wait_processes(SCAN_WALL + 20)
        try:
            wait_until("what was held", lambda: holdings.measure(
                self.daemon).within(before), interval=0.2)
        except AssertionError:
            self.fail(f"[seed {SEED}] held before: {before}, now: "
                      f"{holdings.measure(self.daemon)}")
        print(f"chaos: held at most {before}, now "
              f"{holdings.measure(self.daemon)}", file=sys.stderr)

    def assert_exercised(self):
        """Nothing of all this was left out."""
        counted = self.run_.counted
        for kind in self.kinds():
            self.assertGreater(counted("fault", kind), 0, kind)
        for step in chaosmail.STEPS:
            self.assertGreater(counted("left", step), 0, step)
        for kind in chaosmail.KINDS:
            final = "reject" if kind == "infected" else "accept"
            self.assertGreater(counted("mail", kind, final), 0, kind)
        for kind in ("small", "large", "slow", "infected"):
            self.assertGreater(counted("mail", kind, "tempfail"), 0, kind)
        for kind, form in chaosmail.FORMS:
            if kind == "infected":
                self.assertGreater(counted("form", form, "reject"), 0, form)
        for outcome in ("accept", "reject", "tempfail"):
            self.assertGreater(counted("returned", outcome), 0, outcome)
        for fault, seconds in self.faults.downs:
            # Another one of that disk may follow on its heels.
            hung = 2 * chaosfaults.LASTING[1] if "hangs" in fault else 0
            self.assertLess(seconds, FILTER_BACK + hung, fault)

    def assert_log_is_sound(self):
        """Processes died of what was done to them, and of nothing else."""
        log = self.daemon.log()
        kills = len(re.findall("the filter ended .*: died of signal 9 ", log))
        self.assertEqual(len(re.findall("the filter ended", log)), kills)
        self.assertEqual(kills, self.run_.counted("step", "kill_filter"))
        self.assertNotRegex(log, r"died of signal (?!9\b)")
        self.assertNotRegex(log, ODD_DEATHS)


if __name__ == "__main__":
    testmain.main(needs.daemon, faultdisk.needed)
