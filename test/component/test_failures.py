#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mail that can't be scanned by its own doing gets a final answer; what is
our fault only ever defers it, however often."""

import contextlib
import os
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import lateness
import logcheck
import mails
import milterclient
import needs
import signatures
import testmain
from daemoncase import DaemonCase
from scratchdir import scratch_dir
from waiting import wait_until

SCAN_CPU = 2
# More than deadline.failures, so that each of our faults would be final if it
# counted.
TRIES = 3
# For the reply to any other mail meanwhile.
SETTINGS = {
    "deadline": {"reply": "300s", "scan_cpu": f"{SCAN_CPU}s", "failures": 2},
    "drain_timeout": "1s",
}

LATER = r"^451 4\.7\.1 "
FINAL = r"^554 5\.7\.1 .*scan-cpu"


def endless():
    """A mail whose scan never ends."""
    return signatures.slow_mail(600)


def heavy():
    """A mail whose scan takes long, and not too long."""
    return signatures.slow_mail(SCAN_CPU / 3)


class Failures(DaemonCase):
    """Its workers have little CPU time for each mail."""

    settings = SETTINGS
    expected_log = logcheck.ODD_SCANS

    def assert_later(self, outcome):
        """Deferred."""
        self.assertEqual(outcome.action, "tempfail", outcome)
        self.assertRegex(outcome.reply, LATER)

    def assert_clean(self, outcome):
        """Delivered."""
        self.assertEqual(outcome.action, "accept", outcome)
        self.assertEqual(outcome.header("X-Virus-Status"), ["Clean"])

    def assert_final_after_two(self, mail):
        """Two scans of it fail; the second is the last."""
        if needs.has_thread_sanitizer():
            return
        self.assert_later(self.deliver(mail))
        outcome = self.deliver(mail)
        self.assertEqual(outcome.action, "reject", outcome)
        self.assertRegex(outcome.reply, FINAL)

    def key_of(self, mail):
        """The key that the log has for it."""
        message_id, = mails.fields_named(mail, "Message-ID")
        return self.daemon.wait_message(message_id).key


class EndlessCase(Failures):
    """Mails whose scan never ends."""

    settings = daemon.merged(SETTINGS, {"deadline": {"scan_cpu": "5s"}})

    @contextlib.contextmanager
    def other_mail(self):
        """Meanwhile other mail comes and goes, and is not affected."""
        outcomes, stop = [], threading.Event()

        def send():
            while not stop.wait(0.05):
                outcomes.append(self.deliver(mails.plain()))
        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertGreater(len(outcomes), 50)
        for outcome in outcomes:
            self.assert_clean(outcome)
            self.assertLess(outcome.seconds, lateness.at_once())

    def test_endless_mail_is_refused_and_other_mail_unaffected(self):
        if needs.has_thread_sanitizer():
            self.skipTest(needs.has_thread_sanitizer.__doc__)
        mail = endless()
        with self.other_mail():
            self.assert_final_after_two(mail)
            third = self.deliver(mail)
        self.assertEqual(third.action, "reject")
        self.assertRegex(third.reply, FINAL)
        key = self.key_of(mail)
        self.daemon.wait_messages(3, f"key={key}")
        self.assertEqual(len(self.daemon.scans(key)), 2)

    def test_final_answer_outlasts_the_processes(self):
        if needs.has_thread_sanitizer():
            self.skipTest(needs.has_thread_sanitizer.__doc__)
        mail = endless()
        self.assert_final_after_two(mail)
        time.sleep(1)   # it is written behind, within this time
        self.daemon.kill_all()
        self.daemon.start()
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail).action, "reject")
        self.assertEqual(self.daemon.wait_message("", since).source, "store")


# Mail waits for an engine until its reply is due.
SHORT = daemon.merged(SETTINGS, {"deadline": {"reply": "3s"}})


class FaultCase(Failures):
    """Faults of ours."""

    settings = SHORT
    expected_log = (*logcheck.ODD_SCANS, *logcheck.BAD_SIGNATURES,
                    *logcheck.ENGINE_KILLED)

    def assert_clean_at_last(self, mail):
        """Delivered, at once or when its scan has ended."""
        self.assert_clean(wait_until("the mail's delivery", lambda: (
            outcome if (outcome := self.deliver(mail)).action != "tempfail"
            else None), 60))

    def assert_final_after_two(self, mail):
        """Two scans of it fail; the second is the last."""
        if needs.has_thread_sanitizer():
            return
        outcome = wait_until("the final answer", lambda: (
            outcome if (outcome := self.deliver(mail)).action != "tempfail"
            else None), 60)
        self.assertEqual(outcome.action, "reject", outcome)
        self.assertRegex(outcome.reply, FINAL)

    def setUp(self):
        # Whatever a test has done to it, the next has a service again.
        self.addCleanup(self.mend_signatures)

    def break_signatures(self):
        """No engine can be started any more."""
        since = self.daemon.mark()
        signatures.break_set(self.daemon.database)
        self.daemon.reload()
        self.daemon.wait_log("the new signature set is not used: ", since)

    def mend_signatures(self):
        """One can again, and is if there is none."""
        since = self.daemon.mark()
        signatures.mend_set(self.daemon.database)
        self.daemon.reload()
        if not self.daemon.engines():
            self.daemon.wait_in_service(since)

    def lose_engine(self):
        """There is none, and none comes."""
        since = self.daemon.mark()
        os.kill(self.daemon.engine(), signal.SIGKILL)
        self.daemon.wait_log("no engine in service, mail is deferred", since)

    def test_broken_update_holds_up_no_mail(self):
        self.break_signatures()
        self.assert_clean_at_last(heavy())
        self.assert_final_after_two(endless())

    def test_mail_without_an_engine_is_only_deferred(self):
        self.break_signatures()
        self.lose_engine()
        scannable, hopeless = heavy(), endless()
        for _ in range(TRIES):
            self.assert_later(self.deliver(scannable))
            self.assert_later(self.deliver(hopeless))
        self.mend_signatures()
        self.assert_clean_at_last(scannable)
        self.assert_final_after_two(hopeless)

    def try_with_worker_killed(self, mail):
        """One try, whose worker is killed in the middle of the scan."""
        client = self.session()
        client.envelope()
        client.content(mail)
        client.send_end()
        os.kill(self.daemon.busy_worker(), signal.SIGKILL)
        milterclient.collect([client], 15)
        self.assert_later(client.outcome)
        client.quit()

    def test_mail_whose_worker_is_killed_is_only_deferred(self):
        scannable, hopeless = heavy(), endless()
        for _ in range(TRIES):
            self.try_with_worker_killed(scannable)
            self.try_with_worker_killed(hopeless)
        self.assert_clean_at_last(scannable)
        self.assert_final_after_two(hopeless)


class ColdStartCase(unittest.TestCase):
    """Nothing can be loaded from the first."""

    def test_mail_is_only_deferred_until_there_is_a_set(self):
        with scratch_dir() as path:
            database = signatures.make_set(path / "signatures")
            signatures.break_set(database)
            served = daemon.Daemon(path / "daemon", database,
                                   expected_log=logcheck.BAD_SIGNATURES,
                                   **SHORT)
            try:
                self.serve_later(served)
            finally:
                served.stop()

    def serve_later(self, served):
        """The whole test with this daemon."""
        since = served.launch()
        served.wait_log("no engine in service, mail is deferred", since)
        mail = heavy()
        for _ in range(TRIES):
            outcome = milterclient.deliver(served.socket, mail)
            self.assertEqual(outcome.action, "tempfail", outcome)
            self.assertRegex(outcome.reply, LATER)
        signatures.mend_set(served.database)
        served.reload()
        served.wait_in_service(since)
        outcome = wait_until("the mail's delivery", lambda: (
            outcome if (outcome := milterclient.deliver(
                served.socket, mail)).action != "tempfail" else None), 60)
        self.assertEqual(outcome.action, "accept", outcome)


if __name__ == "__main__":
    testmain.main(needs.daemon)
