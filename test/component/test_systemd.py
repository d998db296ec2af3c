#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The units of contrib/systemd under systemd, which is process 1 of namespaces
of its own."""

import pathlib
import shutil
import socket
import sys
import threading
import time
import unittest

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "lib"))

import logcheck
import mails
import milterclient
import signatures
import systemdroot
import testmain
from daemon import config_text
from scratchdir import scratch_dir
from systemdroot import SystemdRoot
from waiting import wait_until

UNITS = TEST.parent / "contrib/systemd"
MILTER, RELEASE, SOCKET = ("vscan-milter.service", "vscan-release.service",
                           "vscan-milter.socket")
ACCOUNTS = {"vscan-milter": 64001, "postfix": 64002}
WATCHDOG = 3


class Knocking(threading.Thread):
    """Connects again and again; notes each refusal."""

    def __init__(self, path):
        super().__init__()
        self._path = path
        self.ended = False
        self.connected = 0
        self.refused = []

    def run(self):
        while not self.ended:
            try:
                with socket.socket(socket.AF_UNIX) as link:
                    link.connect(self._path)
                self.connected += 1
            except OSError as error:
                self.refused.append(repr(error))
            time.sleep(0.01)


class SystemdCase(unittest.TestCase):
    """A systemd for each test."""

    def setUp(self):
        scratch = self.enterContext(scratch_dir())
        system = SystemdRoot(scratch, ACCOUNTS)
        self.root = system.root
        etc = self.root / "etc"
        for unit in (UNITS / MILTER, UNITS / RELEASE,
                     UNITS / "socket" / SOCKET):
            shutil.copy(unit, etc / "systemd/system")
        # /run is for systemd to mount; what is to be seen from here is not.
        self.shared = self.root / "srv"
        self.shared.mkdir()
        self.path = str(self.shared / "milter.sock")
        signatures.make_set(self.shared / "signatures")
        self.log = self.root / "var/log/vscan-milter.log"
        (etc / "vscan-milter").mkdir()
        (etc / "vscan-milter/vscan-milter.conf").write_text(config_text({
            "socket": "unix:/srv/milter.sock", "socket_mode": "0666",
            "drain_timeout": "2s",
            "log": {"target": "file", "file": "/var/log/vscan-milter.log"},
            "engine": {"database": ["/srv/signatures"], "workers": 2}}))
        self.system = self.enterContext(system)

    def tearDown(self):
        """What the service complains of is a failure."""
        found = logcheck.ExpectedLog(
            ["the filter does not answer"]).unexpected(self.log.read_bytes())
        self.assertEqual(found, [])

    def change(self, unit, text):
        """Changes a unit that doesn't run, as "systemctl edit" does."""
        directory = self.root / f"etc/systemd/system/{unit}.d"
        directory.mkdir()
        (directory / "test.conf").write_text(text)
        self.system.systemctl("daemon-reload")

    def assert_answered(self):
        outcome = milterclient.deliver(f"unix:{self.path}", mails.plain())
        self.assertEqual(outcome.action, "accept")
        outcome = milterclient.deliver(f"unix:{self.path}", mails.plain(
            signatures.EICAR + b"\r\n"))
        self.assertEqual(outcome.action, "reject")

    def test_both_services_serve_hardened_as_they_are(self):
        """The log has no word of a sandbox that lacks something."""
        self.system.systemctl("start", RELEASE, MILTER)
        self.assert_answered()
        wait_until("the status", lambda: self.system.show(
            MILTER, "StatusText").startswith("Serving, signature set "), 20)
        pid = self.system.show(MILTER, "MainPID")
        self.system.systemctl("reload", MILTER)
        self.assertEqual(self.system.show(MILTER, "ActiveState"), "active")
        self.assertEqual(self.system.show(MILTER, "MainPID"), pid)
        self.system.systemctl("stop", MILTER)
        self.assertEqual(self.system.show(MILTER, "Result"), "success")
        self.assertEqual(self.system.show(RELEASE, "ActiveState"), "active")

    def test_filter_that_hangs_has_the_service_started_anew(self):
        self.change(MILTER, f"[Service]\nWatchdogSec={WATCHDOG}s\n"
                    "RestartSec=100ms\n")
        self.system.systemctl("start", MILTER)
        self.assert_answered()
        # A watchdog that is fed is no matter.
        time.sleep(1.5 * WATCHDOG)
        self.assertEqual(self.system.show(MILTER, "NRestarts"), "0")
        self.system.freeze("vscan-filter")
        wait_until("another start", lambda: self.system.show(
            MILTER, "NRestarts") == "1", 30)
        wait_until("the service", lambda: self.system.show(
            MILTER, "ActiveState") == "active", 30)
        self.assert_answered()

    def test_socket_unit_refuses_nobody_while_the_service_is_restarted(self):
        self.change(SOCKET, "[Socket]\nListenStream=\n"
                    "ListenStream=/srv/milter.sock\n")
        self.system.systemctl("start", SOCKET)
        self.assertEqual(self.system.show(MILTER, "ActiveState"), "inactive")
        # The first mail starts the service.
        self.assert_answered()
        knocking = Knocking(self.path)
        knocking.start()
        try:
            self.system.systemctl("restart", MILTER)
            before = knocking.connected
            wait_until("more connections",
                       lambda: knocking.connected > before + 20)
        finally:
            knocking.ended = True
            knocking.join()
        self.assertEqual(knocking.refused, [])
        self.assert_answered()


if __name__ == "__main__":
    testmain.main(systemdroot.needed)
