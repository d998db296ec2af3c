#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A filter that ends or is replaced costs an MTA nothing but waiting."""

import os
import pathlib
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import logcheck
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemon import config_text, merged
from daemoncase import DaemonCase, fresh_daemon
from waiting import wait_until

# sysexits.h
UNAVAILABLE, SOFTWARE, CONFIG = 69, 70, 78

# Streams of mail, each of so many a second; together about 50.
STREAMS, RATE = 10, 5


def order(daemon, what):
    """Runs the command with --restart or another such option."""
    return procs.run([needs.daemon(), "-c", daemon.config_file, what],
                     check=False)


def write_settings(daemon, **settings):
    """Changes the configuration file."""
    daemon.settings = merged(daemon.settings, settings)
    daemon.config_file.write_text(config_text(daemon.settings))


def freeze(daemon):
    """Stops all workers of the newest engine, once there are as many as there
    may be; returns them."""
    count = daemon.settings["engine"]["workers"]
    engine = daemon.engine()

    def stopped():   # one that is just ending is no worker, and doesn't stop
        for pid in procs.children(engine):
            procs.signal_if_alive(pid, signal.SIGSTOP)
        found = [pid for pid in procs.children(engine)
                 if procs.is_stopped(pid)]
        return found if len(found) >= count else None

    return wait_until("all workers to stop", stopped)


def thaw(workers):
    """Has them go on."""
    for pid in workers:
        procs.signal_if_alive(pid, signal.SIGCONT)


class Stream(threading.Thread):
    """One mail after another until it is ended, in one session that is kept, or
    in a session for each; notes what isn't accepted at once."""

    def __init__(self, address, kept):
        super().__init__()
        self._address = address
        self._kept = kept
        self.ended = False
        self.accepted = 0
        self.trouble = []

    def _session(self):
        client = milterclient.MilterClient(self._address)
        client.connect()
        return client

    def _send(self, client):
        reply = client.mail()
        if reply != "accept":
            self.trouble.append(reply)
            return
        client.rcpt()
        client.content(mails.plain())
        outcome = client.end()
        if outcome.action == "accept":
            self.accepted += 1
        else:
            self.trouble.append(outcome.reply)

    def run(self):
        client = self._session()
        try:
            while not self.ended:
                self._send(client)
                time.sleep(1 / RATE)
                if not self._kept:
                    client.quit()
                    client = self._session()
            client.quit()
        except (OSError, milterclient.MilterClosed) as error:
            self.trouble.append(repr(error))

    def end(self):
        """Has it end after the mail that it sends."""
        self.ended = True
        self.join()


class RestartCase(DaemonCase):
    """--restart, while mail comes and is scanned."""

    expected_log = ("no restart: ", *logcheck.FILTER_KILLED,
                    "the filter from before the restart died of signal 9")

    settings = {"deadline": {"reply": "30s", "reply_submission": "500ms",
                             "progress": "1s", "slow_after": "60s"},
                "limits": {"sessions": 200, "waiting": 100}}

    def restart(self):
        """Restarts it; returns a mark in the log from before."""
        since = self.daemon.mark()
        done = order(self.daemon, "--restart")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("has restarted", done.stdout)
        return since

    def freeze(self):
        """Stops the workers that are there: no scan of this filter ends until
        thaw()."""
        self.frozen = freeze(self.daemon)
        self.addCleanup(self.thaw)

    def thaw(self):
        """Has the workers go on, or those that are left."""
        thaw(self.frozen)

    def begin(self, **macros):
        """A session whose mail is being scanned until thaw()."""
        self.freeze()
        client = self.session()
        client.define("M", **macros)
        client.envelope()
        mail = mails.plain()
        client.content(mail)
        client.send_end()
        return client, mail

    def wait_alone(self, since):
        """Waits until the filter from before has ended."""
        self.daemon.wait_log("filter from before the restart ended "
                             "with status 0", since)

    def test_no_mail_of_a_stream_is_deferred_or_lost(self):
        streams = [Stream(self.daemon.socket, number % 2 == 0)
                   for number in range(STREAMS)]
        pid, first = self.daemon.pid, self.daemon.filter()
        for stream in streams:
            stream.start()
        try:
            since = self.restart()
            wait_until("mail after the restart", lambda: len(
                self.daemon.messages("verdict=clean", since)) > 50)
        finally:
            for stream in streams:
                stream.end()
        self.assertEqual([stream.trouble for stream in streams],
                         STREAMS * [[]])
        self.assertGreater(min(stream.accepted for stream in streams), 1)
        self.wait_alone(since)
        self.assertEqual(self.daemon.pid, pid)
        self.assertNotEqual(self.daemon.filter(), first)
        self.assertEqual(self.daemon.filters(), [self.daemon.filter()])

    def test_scan_in_progress_has_its_verdict_and_its_session_goes_on(self):
        client, _ = self.begin()
        idle = self.session()
        since = self.restart()
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        self.thaw()
        self.assertEqual(idle.deliver(mails.plain()).action, "accept")
        milterclient.collect([client])
        self.assertEqual(client.outcome.action, "accept")
        self.assertEqual(client.deliver(mails.plain()).action, "accept")
        self.assertNotIn("has ended", self.daemon.log(since))
        client.quit()
        idle.quit()
        self.wait_alone(since)

    def test_verdict_that_comes_late_in_the_old_filter_reaches_the_new(self):
        client, mail = self.begin(auth_type="PLAIN")
        since = self.restart()
        milterclient.collect([client])
        self.assertEqual(client.outcome.action, "tempfail")
        self.thaw()
        client.quit()
        self.wait_alone(since)
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail).action, "accept")
        self.assertEqual(
            self.daemon.wait_message("", since).source, "store")

    def retry(self, mail):
        """A session whose mail waits for a scan that doesn't end."""
        client = self.session()
        client.envelope()
        client.content(mail)
        client.send_end()
        while not client.outcome.progress:
            self.assertFalse(client.take_replies(), client.outcome)
        return client

    def test_retry_joins_the_scan_of_the_old_filter(self):
        client, mail = self.begin(auth_type="PLAIN")
        since = self.restart()
        milterclient.collect([client])
        self.assertEqual(client.outcome.action, "tempfail")
        retry = self.retry(mail)
        self.thaw()
        milterclient.collect([retry])
        self.assertEqual(retry.outcome.action, "accept")
        client.quit()
        self.wait_alone(since)
        self.assertEqual(self.daemon.wait_message(
            "verdict=clean", since).source, "joined")
        self.assertEqual(len(self.daemon.scans(since=since)), 1)

    def test_retry_joins_a_scan_whose_mail_was_not_deferred(self):
        client, mail = self.begin()
        since = self.restart()
        retry = self.retry(mail)
        self.thaw()
        milterclient.collect([client, retry])
        self.assertEqual([client.outcome.action, retry.outcome.action],
                         2 * ["accept"])
        client.quit()
        self.wait_alone(since)
        self.assertEqual(len(self.daemon.scans(since=since)), 1)

    def test_retry_is_scanned_when_the_old_filter_dies(self):
        former = self.daemon.filter()
        client, mail = self.begin()
        since = self.restart()
        retry = self.retry(mail)
        os.kill(former, signal.SIGKILL)
        milterclient.collect([retry])
        self.assertEqual(retry.outcome.action, "accept")
        self.assertEqual(self.daemon.wait_message(
            "verdict=clean", since).source, "scan")
        client.close()
        self.daemon.wait_log("filter from before the restart died", since)

    def test_many_ends_of_message_in_the_old_filter_do_not_wait_in_line(self):
        clients = []
        for _ in range(6):
            client = self.session()
            client.envelope()
            client.content(mails.plain())
            clients.append(client)
        self.freeze()
        since = self.restart()
        for client in clients:
            client.send_end()
        for client in clients:   # a sign of life comes from its own thread
            while not client.outcome.progress:
                self.assertFalse(client.take_replies(), client.outcome)
        self.thaw()
        milterclient.collect(clients)
        self.assertEqual([client.outcome.action for client in clients],
                         6 * ["accept"])
        for client in clients:
            client.quit()
        self.wait_alone(since)

    def test_filter_that_dies_during_a_restart_is_replaced(self):
        idle = self.session()
        since = self.restart()
        os.kill(self.daemon.filter(), signal.SIGKILL)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        self.assertEqual(idle.deliver(mails.plain()).action, "accept")
        idle.quit()
        self.wait_alone(since)

    def test_late_verdict_reaches_the_filter_after_one_that_died(self):
        client, mail = self.begin(auth_type="PLAIN")
        since = self.restart()
        os.kill(self.daemon.filter(), signal.SIGKILL)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        milterclient.collect([client])
        self.assertEqual(client.outcome.action, "tempfail")
        self.thaw()
        client.quit()
        self.wait_alone(since)
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail).action, "accept")
        self.assertEqual(
            self.daemon.wait_message("", since).source, "store")

    def test_file_with_a_mistake_changes_nothing(self):
        text = self.daemon.config_file.read_text()
        self.addCleanup(self.daemon.config_file.write_text, text)
        self.daemon.config_file.write_text(text + "\nnonsense = 1\n")
        first = self.daemon.filter()
        done = order(self.daemon, "--restart")
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn("nonsense", done.stderr)
        since = self.daemon.mark()
        os.kill(self.daemon.pid, signal.SIGUSR2)
        self.daemon.wait_log("no restart: .*nonsense", since)
        self.assertEqual(self.daemon.filter(), first)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")


class QueueCase(unittest.TestCase):
    """Scans that wait for a lane when the filter is replaced."""

    def defer(self, daemon):
        """Sends a mail in a session of its own, and has it deferred; returns
        it."""
        mail = mails.plain()
        outcome = milterclient.deliver(daemon.socket, mail)
        self.assertEqual(outcome.action, "tempfail")
        return mail

    def test_former_filter_ends_only_when_they_are_done(self):
        with fresh_daemon(deadline={"reply": "500ms", "slow_after": "60s"},
                          engine={"workers": 1, "background": 1}) as daemon:
            workers = freeze(daemon)
            self.defer(daemon)
            queued = self.defer(daemon)
            since = daemon.mark()
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(daemon.scans(), [])
            thaw(workers)
            daemon.wait_log("filter from before the restart ended with", since)
            self.assertEqual(len(daemon.scans()), 2)
            self.assertEqual(milterclient.deliver(
                daemon.socket, queued).action, "accept")
            self.assertEqual(daemon.wait_message(
                "verdict=clean", since).source, "store")


class NoEngineCase(unittest.TestCase):
    """A restart whose engine can't be loaded, or has no room."""

    def deliver(self, daemon):
        """One mail in a session of its own; it is accepted."""
        self.assertEqual(milterclient.deliver(
            daemon.socket, mails.plain()).action, "accept")

    def test_restart_is_refused_and_what_was_there_goes_on(self):
        with fresh_daemon(expected_log=[
                "no restart: ", *logcheck.BAD_SIGNATURES]) as daemon:
            first, engine = daemon.filter(), daemon.engine()
            broken = daemon.database / "broken.ndb"
            broken.write_text("this is no signature\n")
            for _ in range(2):
                done = order(daemon, "--restart")
                self.assertEqual(done.returncode, SOFTWARE)
                self.assertIn("the new engine can't be loaded", done.stderr)
                self.assertEqual(daemon.filters(), [first])
                self.assertIn(engine, daemon.engines())
                self.deliver(daemon)
            broken.unlink()
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertNotEqual(daemon.filter(), first)
            self.deliver(daemon)

    def test_engine_that_can_be_loaded_later_ends_the_restart(self):
        with fresh_daemon(expected_log=[
                "no restart: ", *logcheck.BAD_SIGNATURES]) as daemon:
            first = daemon.filter()
            broken = daemon.database / "broken.ndb"
            broken.write_text("this is no signature\n")
            self.assertEqual(order(daemon, "--restart").returncode, SOFTWARE)
            broken.unlink()
            since = daemon.mark()
            daemon.reload()
            daemon.wait_in_service(since)
            procs.wait_gone([first])
            self.deliver(daemon)

    def test_former_engine_ends_first_where_both_have_no_room(self):
        with fresh_daemon(engine={"reload": "instead"}) as daemon:
            first, since = daemon.engine(), daemon.mark()
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(len(daemon.engines()), 1)
            self.assertNotEqual(daemon.engine(), first)
            log = daemon.log(since)
            self.assertLess(log.index("the engine from before the restart ends"),
                            log.index("an engine loads"))
            self.deliver(daemon)


class OrderCase(unittest.TestCase):
    """What the command tells an instance, and what it says itself."""

    def test_without_an_instance_each_says_so(self):
        with fresh_daemon() as daemon:
            self.assertEqual(daemon.terminate(), 0)
            for what in "--restart", "--reload", "--stop":
                done = order(daemon, what)
                self.assertEqual(done.returncode, UNAVAILABLE, what)
                self.assertIn("no instance runs", done.stderr)

    def test_stop_returns_when_the_service_has_ended(self):
        with fresh_daemon(drain_timeout="1s",
                          deadline={"reply": "30s"}) as daemon:
            workers = freeze(daemon)
            client = milterclient.MilterClient(daemon.socket)
            client.connect()
            client.envelope()
            client.content(mails.plain())
            client.send_end()
            done = order(daemon, "--stop")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(daemon.wait_end(1), 0)
            procs.wait_gone(workers)
            milterclient.collect([client])
            self.assertEqual(client.outcome.action, "tempfail")
            client.close()

    def test_reload_has_the_configuration_read(self):
        with fresh_daemon() as daemon:
            since = daemon.mark()
            self.assertEqual(order(daemon, "--reload").returncode, 0)
            daemon.wait_log("SIGHUP: reload", since)

    def test_restart_takes_another_socket(self):
        with fresh_daemon() as daemon:
            before = pathlib.Path(daemon.socket.removeprefix("unix:"))
            write_settings(daemon, socket=f"{daemon.socket}2")
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")
            self.assertFalse(before.exists())

    def test_restart_of_a_later_instance_returns_too(self):
        """The lock file still has what an instance before this one said."""
        with fresh_daemon() as daemon:
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(order(daemon, "--stop").returncode, 0)
            daemon.wait_end()
            daemon.start()
            self.assertEqual(order(daemon, "--restart").returncode, 0)

    def test_stop_during_a_restart_ends_all(self):
        with fresh_daemon() as daemon:
            with milterclient.MilterClient(daemon.socket) as client:
                client.connect()
                self.assertEqual(order(daemon, "--restart").returncode, 0)
                self.assertEqual(len(daemon.filters()), 2)
                family = procs.descendants(daemon.pid)
                self.assertEqual(order(daemon, "--stop").returncode, 0)
                procs.wait_gone(family)

    def test_reload_before_the_new_filter_may_begin_is_heard_by_it(self):
        with fresh_daemon() as daemon:
            former, since = daemon.filter(), daemon.mark()
            # It can't let go of its files, for which the new one waits.
            os.kill(former, signal.SIGSTOP)
            os.kill(daemon.pid, signal.SIGUSR2)
            wait_until("the new filter", lambda: len(daemon.filters()) == 2)
            new = daemon.filter()
            daemon.configure(action={"infected": "tempfail"})
            daemon.reload()
            daemon.wait_log("the new configuration is in force", since)
            os.kill(former, signal.SIGCONT)
            daemon.wait_log(r"\d+\]: restarted", since)
            self.assertEqual(daemon.filter(), new)
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain(signatures.EICAR)).action,
                "tempfail")

    def test_second_restart_waits_for_the_sessions_of_the_first(self):
        with fresh_daemon() as daemon:
            client = milterclient.MilterClient(daemon.socket)
            client.connect()
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            since = daemon.mark()
            os.kill(daemon.pid, signal.SIGUSR2)
            daemon.wait_log("the restart waits", since)
            self.assertEqual(client.deliver(mails.plain()).action, "accept")
            client.quit()
            daemon.wait_log(r"\d+\]: restarted", since)


class StateDirectoryCase(unittest.TestCase):
    """A state_directory that the service doesn't take."""

    def test_service_stays_as_it_is(self):
        with fresh_daemon() as daemon:
            other = pathlib.Path(daemon.config_file).parent / "other"
            other.mkdir()
            other.chmod(0o777)
            daemon.configure(state_directory=str(other))
            with daemon.expecting("no restart: .*must belong to"):
                os.kill(daemon.pid, signal.SIGUSR2)
                daemon.wait_log("no restart: .*state_directory")
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")


class SocketCase(unittest.TestCase):
    """A new socket that can't be opened."""

    def test_old_socket_stays_in_use(self):
        with fresh_daemon() as daemon, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            before = daemon.socket
            with daemon.expecting("the milter socket stays as it was"):
                daemon.configure(
                    socket=f"inet:{taken.getsockname()[1]}@127.0.0.1")
                self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(milterclient.deliver(
                before, mails.plain()).action, "accept")

    def test_next_restart_tries_the_new_one_again(self):
        with fresh_daemon() as daemon, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            before = daemon.socket
            after = f"inet:{taken.getsockname()[1]}@127.0.0.1"
            with daemon.expecting("the milter socket stays as it was"):
                daemon.configure(socket=after)
                self.assertEqual(order(daemon, "--restart").returncode, 0)
            taken.close()
            self.assertEqual(order(daemon, "--restart").returncode, 0)
            self.assertEqual(milterclient.deliver(
                after, mails.plain()).action, "accept")
            self.assertFalse(
                pathlib.Path(before.removeprefix("unix:")).exists())


if __name__ == "__main__":
    testmain.main(needs.daemon)
