#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What a service manager is told, and sockets that it has opened."""

import concurrent.futures
import os
import pathlib
import pwd
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import release
import signatures
import testmain
from daemon import USER, Daemon
from release import Release
from scratchdir import owned_dir, scratch_dir
from servicemanager import ServiceManager, hand_over
from waiting import wait_until
from wickedfilter import wicked

# sysexits.h
CONFIG = 78

WATCHDOG = 2.0


class ManagedCase(unittest.TestCase):
    """A service that a manager has started."""

    def setUp(self):
        self.scratch = self.enterContext(scratch_dir())
        self.database = signatures.make_set(self.scratch / "signatures")
        self.manager = self.enterContext(ServiceManager(self.scratch))

    def launch(self, watchdog=None, **options):
        """Has the manager start a daemon; waits for nothing."""
        daemon = Daemon(self.scratch / "daemon", self.database, **options)
        daemon.environment = self.manager.environment(watchdog)
        self.addCleanup(daemon.stop)
        daemon.launch()
        return daemon

    def serving(self, watchdog=None, **options):
        """A daemon in service."""
        daemon = self.launch(watchdog, **options)
        self.manager.wait("READY")
        daemon.wait_in_service()
        return daemon


class ReadyCase(ManagedCase):
    """READY means that mail is answered."""

    def test_socket_is_answered_when_it_says_ready(self):
        daemon = self.launch()
        ready = self.manager.wait("READY")
        self.assertEqual(ready["MAINPID"], str(daemon.pid))
        with milterclient.MilterClient(daemon.socket) as client:
            client.connect()

    def test_not_ready_before_the_filter_serves(self):
        gate = self.scratch / "gate"
        with wicked("waits", VSCAN_WICKED_FILE=str(gate),
                    **self.manager.environment()) as daemon:
            # The socket is open, and an engine serves; the filter is late.
            daemon.wait_log("engine .* is ready")
            self.manager.wait("STATUS", lambda text: "signature set" in text)
            self.assertEqual([], [message for message in self.manager.messages
                                  if "READY" in message])
            gate.touch()
            self.manager.wait("READY")

    def test_status_names_the_signature_set(self):
        daemon = self.launch()
        name = daemon.wait_in_service()
        self.manager.wait("STATUS", lambda text: name in text and
                          text.startswith("Serving, "))

    def test_says_that_it_ends(self):
        daemon = self.serving()
        self.assertEqual(daemon.terminate(), 0)
        message = self.manager.wait("STOPPING", timeout=0)
        # The longest that it may take: drain_timeout, and for the rest.
        self.assertGreaterEqual(int(message["EXTEND_TIMEOUT_USEC"]), 5e6)

    def test_children_are_not_told_of_the_manager(self):
        """They would speak in the supervisor's name."""
        with wicked("late", **self.manager.environment(WATCHDOG)) as daemon:
            self.manager.wait("READY")
            # The real filter shows its title there.
            path = pathlib.Path(f"/proc/{daemon.filter()}/environ")
            self.assertIn(b"VSCAN_WICKED=", path.read_bytes())
            self.assertNotRegex(path.read_bytes(), b"NOTIFY_|WATCHDOG_")


class ReloadCase(ManagedCase):
    """RELOADING at its beginning, READY when all of it is in force."""

    def reload(self, daemon):
        """SIGHUP; returns the two messages about it."""
        self.manager.take_all()
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        daemon.reload()
        begun = self.manager.wait("RELOADING")
        self.assertGreaterEqual(int(begun["MONOTONIC_USEC"]), before * 1e6)
        return begun, self.manager.wait("READY")

    def test_reload_of_what_has_not_changed_ends(self):
        daemon = self.serving()
        self.reload(daemon)
        daemon.wait_log("the configuration stays as it is")

    def test_reload_has_ended_when_the_new_signatures_serve(self):
        daemon = self.serving()
        first = daemon.wait_in_service()
        (self.database / "another.ndb").write_text(
            "Another.Test:0:*:416e6f746865722074657374\n")
        _, ready = self.reload(daemon)
        self.assertIn("Serving, signature set ", ready["STATUS"])
        self.assertNotIn(first, ready["STATUS"])

    def test_reload_of_a_wrong_configuration_ends(self):
        daemon = self.serving(expected_log=["configuration", "no_such"])
        with daemon.config_file.open("a") as file:
            file.write("no_such_setting = 1\n")
        self.reload(daemon)
        daemon.wait_log("the old configuration stays in force")

    def test_restart_is_a_reload_of_the_same_process(self):
        daemon = self.serving(WATCHDOG)
        pid, first = daemon.pid, daemon.filter()
        self.manager.take_all()
        procs.run([needs.daemon(), "-c", daemon.config_file, "--restart"])
        self.manager.wait("RELOADING")
        ready = self.manager.wait("READY")
        self.assertEqual(ready["MAINPID"], str(pid))
        self.assertNotEqual(daemon.filter(), first)
        self.manager.wait("WATCHDOG")


class WatchdogCase(ManagedCase):
    """The manager's watchdog is kept quiet only by a filter that replies."""

    def test_filter_that_hangs_keeps_it_quiet_no_more(self):
        daemon = self.serving(WATCHDOG,
                              expected_log=["the filter does not answer"])
        for _ in range(3):
            self.manager.wait("WATCHDOG")
        os.kill(daemon.filter(), signal.SIGSTOP)
        self.addCleanup(procs.signal_if_alive, daemon.filter(),
                        signal.SIGCONT)
        daemon.wait_log("the filter does not answer; .* watchdog")
        self.assertTrue(self.manager.is_silent("WATCHDOG", 1.5 * WATCHDOG))
        os.kill(daemon.filter(), signal.SIGCONT)
        self.manager.wait("WATCHDOG")
        daemon.wait_log("replies in time again")

    def test_overdue_reply_keeps_it_quiet_no_more(self):
        late = self.scratch / "late"
        with wicked("late", VSCAN_WICKED_FILE=str(late),
                    **self.manager.environment(WATCHDOG)) as daemon:
            for _ in range(3):
                self.manager.wait("WATCHDOG")
            late.touch()
            daemon.wait_log("1 replies of the filter are overdue")
            self.assertTrue(self.manager.is_silent("WATCHDOG", 1.5 * WATCHDOG))
            late.unlink()
            self.manager.wait("WATCHDOG")

    def test_mail_that_waits_for_its_scan_is_not_overdue(self):
        """A slow scan is no reason to end the service."""
        daemon = self.serving(WATCHDOG, drain_timeout="1s")
        with milterclient.MilterClient(daemon.socket) as client:
            client.connect()
            client.envelope()
            client.content(signatures.slow_mail(5))
            client.send_end()
            self.manager.wait("STATUS", lambda text: text.endswith(": 1"))
            for _ in range(3):
                self.manager.wait("WATCHDOG")
        self.assertNotIn("overdue", daemon.log())

    def test_watchdog_of_another_process_is_none_of_ours(self):
        daemon = Daemon(self.scratch / "daemon", self.database)
        daemon.environment = self.manager.environment(0.2) | {
            "WATCHDOG_PID": "1"}
        self.addCleanup(daemon.stop)
        daemon.start()
        self.manager.wait("READY")
        self.assertTrue(self.manager.is_silent("WATCHDOG", 1))


def listening(path, owner=0):
    """A Unix socket as a socket unit has it."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    os.chmod(path, 0o600)
    os.chown(path, owner, -1)
    sock.listen(64)
    return sock


class Knocking(threading.Thread):
    """Connects again and again, and has each connection answered."""

    def __init__(self, address):
        super().__init__()
        self._address = address
        self.ended = False
        self.answered = 0
        self.trouble = []

    def run(self):
        while not self.ended:
            try:
                with milterclient.MilterClient(self._address) as client:
                    client.connect()
                    self.answered += 1
            except (milterclient.MilterClosed, BrokenPipeError,
                    ConnectionResetError):
                pass    # it was accepted, and the end that begins closes it
            except OSError as error:
                self.trouble.append(repr(error))
            time.sleep(0.02)


class ActivationCase(unittest.TestCase):
    """A milter socket that the manager has opened outlives the service."""

    def setUp(self):
        self.scratch = self.enterContext(scratch_dir())
        self.database = signatures.make_set(self.scratch / "signatures")
        sockets = owned_dir(self.scratch / "run", 0, 0, 0o755)
        self.path = sockets / "milter.sock"
        self.address = f"unix:{self.path}"

    def daemon(self, *sockets, **options):
        """A daemon that is given these."""
        daemon = Daemon(self.scratch / "daemon", self.database, **options)
        hand_over(daemon, *sockets)
        self.addCleanup(daemon.stop)
        return daemon

    def ours(self):
        """The socket, which the account may connect to."""
        sock = listening(self.path, pwd.getpwnam(USER).pw_uid)
        self.addCleanup(sock.close)
        return sock

    def test_socket_takes_the_place_of_the_configured_one(self):
        daemon = self.daemon(self.ours())
        daemon.start()
        daemon.wait_log(f"the milter socket was handed over: it is "
                        f"{self.address}, in the place of")
        self.assertEqual(
            milterclient.deliver(self.address, mails.plain()).action,
            "accept")
        self.assertFalse(
            pathlib.Path(daemon.socket.removeprefix("unix:")).exists())

    def test_nobody_is_refused_while_it_ends_and_starts_again(self):
        daemon = self.daemon(self.ours(), socket=self.address)
        daemon.start()
        knocking = Knocking(self.address)
        knocking.start()
        try:
            wait_until("a connection", lambda: knocking.answered > 0)
            self.assertEqual(daemon.terminate(), 0)
            before = knocking.answered
            # One waits now, for whoever comes next.
            daemon.start()
            wait_until("more connections",
                       lambda: knocking.answered > before + 5)
            procs.run([needs.daemon(), "-c", daemon.config_file,
                       "--restart"])
            before = knocking.answered
            wait_until("more connections",
                       lambda: knocking.answered > before + 5)
        finally:
            knocking.ended = True
            daemon.launch() if not daemon.running() else None
            knocking.join(30)
        self.assertEqual(knocking.trouble, [])
        self.assertTrue(self.path.is_socket())
        self.assertNotIn("in the place of", daemon.log())

    def test_who_comes_while_mail_is_answered_waits_for_the_next(self):
        """The end takes as long as what is being scanned."""
        daemon = self.daemon(self.ours(), socket=self.address)
        daemon.start()
        daemon.wait_in_service()
        with milterclient.MilterClient(self.address) as client, \
             concurrent.futures.ThreadPoolExecutor(1) as pool:
            client.connect()
            client.envelope()
            client.content(signatures.slow_mail(3))
            client.send_end()
            daemon.busy_worker()
            daemon.ask_to_end()
            daemon.wait_log("the filter is draining")
            while not client.take_replies():
                pass
            later = pool.submit(milterclient.deliver, self.address,
                                mails.plain())
            self.assertEqual(daemon.wait_end(), 0)
            daemon.start()
            self.assertEqual(later.result(30).action, "accept")

    def test_socket_that_the_account_cannot_reach_is_warned_of(self):
        sock = listening(self.path)
        self.addCleanup(sock.close)
        daemon = self.daemon(
            sock, socket=self.address,
            expected_log=["the account nobody may not connect"])
        daemon.start()
        daemon.wait_log("may not connect to the milter socket .*SocketUser=")

    def assert_refused(self, why, *sockets):
        daemon = self.daemon(*sockets, expected_log=["."])
        daemon.launch()
        self.assertEqual(daemon.wait_end(), CONFIG)
        self.assertRegex(daemon.log(), why)

    def test_socket_for_datagrams_is_refused(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(str(self.path))
            self.assert_refused("ListenStream=", sock)

    def test_socket_that_is_connected_is_refused(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assert_refused("Accept=no", ours)

    def test_two_sockets_are_refused(self):
        with listening(self.scratch / "other") as other:
            self.assert_refused("handed over 2 sockets", self.ours(), other)


class ReleaseServiceCase(unittest.TestCase):
    """vscan-release says when it listens, and when it ends."""

    def test_says_ready_and_stopping(self):
        with scratch_dir() as path, ServiceManager(path) as manager:
            service = Release(path / "release", {})
            service.environment = manager.environment()
            with service:
                ready = manager.wait("READY")
                self.assertEqual(ready["MAINPID"], str(service.pid))
                release_peer = release.exchange(service.socket, b"nonsense")
                self.assertEqual(release_peer, b"")
            manager.wait("STOPPING", timeout=1)


if __name__ == "__main__":
    testmain.main(needs.daemon)
