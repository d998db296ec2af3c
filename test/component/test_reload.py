#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""New signatures come into service without the mail noticing."""

import os
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

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

# No mail may wait longer, whatever is being loaded.
# supervisor/generations.c
RETIRE_GRACE = 10


def add_signature(database, word):
    """Adds a file to the set that finds word; returns what it finds."""
    name = f"Vscan.Test.{mails.token()}"
    text = signatures.body_signature(name, word.encode())
    (database / f"{name}.ndb").write_text(text)
    return f"{name}.UNOFFICIAL"


def add_ballast(database, count):
    """Adds so many signatures that match nothing, for a longer load."""
    with (database / "ballast.hdb").open("w", encoding="ascii") as file:
        for number in range(count):
            file.write(f"{number:032x}:{number + 1000}:Ballast-{number}\n")


class ReloadCase(DaemonCase):
    """SIGHUP, on a daemon that would not look for an hour."""

    expected_log = (*logcheck.BAD_SIGNATURES, *logcheck.ENGINE_KILLED,
                    "should have ended, and is killed")

    def mail_with(self, word):
        """A mail that holds the word."""
        return mails.plain(f"{word}\r\n".encode())

    def reload(self):
        """Has new signatures loaded; returns the new generation's name."""
        since = self.daemon.mark()
        self.daemon.reload()
        return self.daemon.wait_in_service(since)

    def test_new_signature_is_in_service_after_a_hangup(self):
        word = mails.token()
        mail = self.mail_with(word)
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail).action, "accept")
        old = self.daemon.wait_message("verdict=clean", since).generation
        found = add_signature(self.daemon.database, word)
        self.assertNotEqual(self.reload(), old)
        # The verdict of the old generation must not answer for the new one.
        outcome = self.deliver(mail)
        self.assertEqual(outcome.action, "reject")
        self.assertIn(found, outcome.reply)
        wait_until("the end of the old engine",
                   lambda: len(self.daemon.engines()) == 1)

    def test_broken_set_leaves_the_old_one_in_service(self):
        engine = self.daemon.engine()
        broken = self.daemon.database / "broken.ndb"
        broken.write_text("this is no signature\n")
        self.addCleanup(broken.unlink)
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_log("the new signature set is not used: ", since)
        self.assert_in_service()
        wait_until("the end of the failed engine",
                   lambda: self.daemon.engines() == [engine])

    def test_scan_outlives_its_generation(self):
        client = self.session()
        client.envelope()
        client.content(signatures.slow_mail(3))
        client.send_end()
        self.daemon.busy_worker()
        add_signature(self.daemon.database, mails.token())
        self.reload()
        self.assertEqual(len(self.daemon.engines()), 2)
        self.assert_in_service()
        milterclient.collect([client])
        self.assertEqual(client.outcome.header("X-Virus-Status"), ["Clean"])
        wait_until("the end of the old engine",
                   lambda: len(self.daemon.engines()) == 1)

    def test_engine_that_hangs_when_it_should_end_is_killed(self):
        old = self.daemon.engine()
        os.kill(old, signal.SIGSTOP)
        add_signature(self.daemon.database, mails.token())
        self.reload()
        procs.wait_gone([old], RETIRE_GRACE + 5)
        # Its place is free for the next one.
        add_signature(self.daemon.database, mails.token())
        self.reload()
        self.assert_in_service()

    def test_no_mail_is_delayed_or_deferred_by_reloads(self):
        outcomes, stop = [], threading.Event()

        def send():
            while not stop.is_set():
                outcomes.append(self.deliver(mails.plain()))
        thread = threading.Thread(target=send)
        thread.start()
        try:
            for count in (100_000, 200_000, 300_000):
                add_ballast(self.daemon.database, count)
                self.reload()
                self.daemon.reload()
        finally:
            time.sleep(0.5)
            stop.set()
            thread.join()
        self.assertGreater(len(outcomes), 50)
        self.assertEqual({outcome.action for outcome in outcomes},
                         {"accept"})
        self.assertLess(max(outcome.seconds for outcome in outcomes),
                        lateness.at_once())


def virus():
    """A mail that is found infected."""
    return mails.plain(signatures.EICAR + b"\r\n")


class ConfigurationCase(DaemonCase):
    """SIGHUP reads the configuration."""

    expected_log = ("the old configuration stays in force",
                    "needs a restart of vscan-milter",
                    r"vscan-milter\.conf(:\d+)?: ",
                    *logcheck.BAD_SIGNATURES)
    IN_FORCE = "the new configuration is in force"

    def tearDown(self):
        self.daemon.configure(
            action={"infected": "reject"}, socket_mode="0666", user="nobody",
            engine={"database": [self.daemon.database], "max_files": 10000})
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_log(f"{self.IN_FORCE}|configuration stays as it is",
                             since)

    def change(self, **settings):
        """New settings, in force; returns the log of it."""
        since = self.daemon.mark()
        self.daemon.configure(**settings)
        self.daemon.reload()
        self.daemon.wait_log(self.IN_FORCE, since)
        return self.daemon.log(since)

    def refused(self):
        """A reload that changes nothing; returns the log of it."""
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_log("error: .*the old configuration stays in force",
                             since)
        return self.daemon.log(since)

    def answer(self):
        """What becomes of an infected mail."""
        return self.deliver(virus()).action

    def wait_answer(self, action):
        """The filter takes a snapshot over on a thread of its own."""
        wait_until(f"an infected mail to be answered {action}",
                   lambda: self.answer() == action)

    def test_action_changes_and_the_engine_stays(self):
        engine = self.daemon.engine()
        log = self.change(action={"infected": "tempfail"})
        self.assertIn('action.infected changes from "reject" to "tempfail"\n',
                      log)
        self.assertEqual(log.count(" changes from "), 1)
        self.wait_answer("tempfail")
        self.assertEqual(self.daemon.engines(), [engine])

    def test_message_keeps_the_snapshot_that_it_began_with(self):
        client = self.session()
        client.envelope()
        self.change(action={"infected": "tempfail"})
        self.wait_answer("tempfail")
        client.content(virus())
        client.send_end()
        milterclient.collect([client])
        self.assertEqual(client.outcome.action, "reject")

    def test_filter_that_is_started_again_has_what_is_in_force(self):
        self.change(action={"infected": "tempfail"})
        filter_pid = self.daemon.filter()
        since = self.daemon.mark()
        with self.daemon.expecting("the filter ended and is started again"):
            procs.signal_if_alive(filter_pid, signal.SIGKILL)
            self.daemon.wait_in_service(since)
        self.assertEqual(self.answer(), "tempfail")

    def test_mistake_leaves_the_old_one_in_force(self):
        self.daemon.configure(action={"infected": "shred"})
        lines = self.daemon.config_file.read_text().splitlines()
        line = lines.index('infected = "shred"') + 1
        self.assertIn(f"error: {self.daemon.config_file}:{line}: "
                      'action.infected is "shred"', self.refused())
        self.assertEqual(self.answer(), "reject")

    def test_file_that_others_may_write_to_is_not_read(self):
        self.daemon.configure(action={"infected": "tempfail"})
        self.daemon.config_file.chmod(0o666)
        self.addCleanup(self.daemon.config_file.chmod, 0o644)
        self.assertIn("everybody may write to this file", self.refused())
        self.daemon.config_file.chmod(0o644)
        self.assertEqual(self.answer(), "reject")

    def test_setting_that_needs_a_restart_is_named_and_stays(self):
        since = self.daemon.mark()
        self.daemon.configure(socket_mode="0600", user="daemon")
        self.daemon.reload()
        self.daemon.wait_log("the configuration stays as it is", since)
        log = self.daemon.log(since)
        for name in ("socket_mode", "user"):
            self.assertRegex(log, f"warning: configuration: {name} changes "
                             "from .*needs a restart")
        self.assertEqual(self.answer(), "reject")

    def test_engine_option_is_in_force_with_its_engine(self):
        old = self.daemon.engine()
        word = mails.token()
        other = self.daemon.directory / "other"
        signatures.make_set(other)
        found = add_signature(other, word)
        log = self.change(action={"infected": "tempfail"},
                          engine={"database": [other]})
        self.assertLess(log.index(" is ready: "), log.index(self.IN_FORCE))
        self.wait_answer("tempfail")
        outcome = self.deliver(mails.plain(f"{word}\r\n".encode()))
        self.assertEqual(outcome.action, "tempfail")
        self.daemon.wait_message(f"virus={found}")
        wait_until("the end of the old engine",
                   lambda: old not in self.daemon.engines())

    def test_options_that_no_engine_starts_with_change_nothing(self):
        engine = self.daemon.engine()
        empty = self.daemon.directory / "empty"
        empty.mkdir()
        self.addCleanup(empty.rmdir)
        self.daemon.configure(action={"infected": "tempfail"},
                              engine={"database": [empty]})
        self.assertIn("no signatures in", self.refused())
        self.assertEqual(self.answer(), "reject")
        wait_until("the end of the failed engine",
                   lambda: self.daemon.engines() == [engine])
        # What was right in it is taken once the rest is.
        self.change(engine={"database": [self.daemon.database]})
        self.wait_answer("tempfail")
        self.assertEqual(self.daemon.engines(), [engine])

    def test_reload_without_a_change_changes_nothing(self):
        engine = self.daemon.engine()
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_log("the configuration stays as it is", since)
        self.daemon.wait_log("the signature set has not changed", since)
        self.assertEqual(self.daemon.engines(), [engine])


class WatchCase(DaemonCase):
    """Without a signal: the directory is looked at now and then."""

    settings = {"engine": {"check_interval": "1s"}}

    def test_changed_directory_is_noticed(self):
        word = mails.token()
        since = self.daemon.mark()
        add_signature(self.daemon.database, word)
        self.daemon.wait_in_service(since)
        self.assertEqual(self.deliver(
            mails.plain(f"{word}\r\n".encode())).action, "reject")

    def test_removed_signature_is_noticed(self):
        word = mails.token()
        since = self.daemon.mark()
        add_signature(self.daemon.database, word)
        self.daemon.wait_in_service(since)
        since = self.daemon.mark()
        for file in self.daemon.database.glob("Vscan.Test.*"):
            file.unlink()
        self.daemon.wait_in_service(since)
        self.assertEqual(self.deliver(
            mails.plain(f"{word}\r\n".encode())).action, "accept")


class EndCase(unittest.TestCase):
    """SIGTERM."""

    def test_waiting_mail_is_answered_and_nothing_is_left(self):
        with fresh_daemon() as daemon:
            client = milterclient.MilterClient(daemon.socket)
            client.connect()
            client.envelope()
            client.content(signatures.slow_mail(20))
            client.send_end()
            daemon.busy_worker()
            family = procs.descendants(daemon.pid)
            self.assertEqual(daemon.terminate(), 0)
            milterclient.collect([client], 10)
            client.close()
            self.assertEqual(client.outcome.action, "tempfail")
            procs.wait_gone(family, 10)
            left = [path for name in ("socket", "control", "buffers")
                    for path in (daemon.directory / name).iterdir()]
            self.assertEqual(left, [])


if __name__ == "__main__":
    testmain.main(needs.daemon)
