#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The log: nobody waits for it, and a file can be rotated."""

import contextlib
import os
import pathlib
import re
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import release
import signatures
import testmain
from daemon import Daemon
from daemoncase import DaemonCase
from scratchdir import scratch_dir
from syslogsink import StuckSyslog, private_log
from waiting import wait_until

NEW_VIRUS = b"what only the new signatures find"


@contextlib.contextmanager
def stuck_pipe():
    """The writing end of a pipe that is full, as a file."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"full" * 1000)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"f")
    os.set_blocking(writing, True)
    with os.fdopen(reading), os.fdopen(writing, "wb") as pipe:
        yield pipe


def library_that_logs():
    """What is preloaded has a library write to syslog in the threads of
    sessions, as libmilter may.  A sanitizer's runtime wants to be preloaded
    itself: there nothing is."""
    path = needs.build() / "component/liblibrary-that-logs.so"
    return {"LD_PRELOAD": str(path)} if path.exists() else {}


class StuckCase(unittest.TestCase):
    """A log that takes nothing any more, from the start on."""

    def setUp(self):
        self.path = self.enterContext(scratch_dir())
        self.database = signatures.make_set(self.path / "signatures")

    def answers(self, daemon, mail, action):
        """True once the daemon is there and does this with the mail."""
        with contextlib.suppress(OSError, milterclient.MilterClosed):
            return milterclient.deliver(daemon.socket, mail).action == action
        return False

    def virus(self):
        """A mail that only the new signatures find something in."""
        return mails.plain(NEW_VIRUS + b"\r\n")

    def check(self, daemon):
        """Mail flows, new signatures go into service, and TERM ends it."""
        daemon.environment |= library_that_logs()
        daemon.launch()
        self.addCleanup(daemon.stop)
        wait_until("the service", lambda: self.answers(
            daemon, mails.plain(), "accept"), 30)
        for _ in range(50):
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")
        self.assertEqual(milterclient.deliver(
            daemon.socket, self.virus()).action, "accept")
        (self.database / "new.ndb").write_text(
            signatures.body_signature("Test.New", NEW_VIRUS))
        daemon.reload()
        wait_until("the new signatures", lambda: self.answers(
            daemon, self.virus(), "reject"), 30)
        self.assertEqual(daemon.terminate(), 0)

    def test_syslogd_that_hangs_keeps_nobody_waiting(self):
        with StuckSyslog(self.path / "log.socket"):
            self.check(Daemon(self.path / "daemon", self.database,
                              log={"target": "syslog"},
                              run_with=private_log(self.path)))

    def test_pipe_that_nobody_reads_keeps_nobody_waiting(self):
        daemon = Daemon(self.path / "daemon", self.database)
        daemon.stderr = self.enterContext(stuck_pipe())
        self.check(daemon)

    def test_release_service_waits_for_no_log(self):
        service = release.Release(self.path / "release", {})
        service.stderr = self.enterContext(stuck_pipe())
        service.launch()
        self.addCleanup(service.stop)
        wait_until("its socket", service.socket.is_socket)
        for _ in range(50):
            self.assertEqual(service.ask(
                release.INSPECT, "0", release.new_mark(), 0).result,
                "failed")
        self.assertEqual(service.terminate(), 0)


class LibraryCase(unittest.TestCase):
    """Libraries write to syslog by themselves."""

    def test_what_a_library_logs_is_in_our_log(self):
        if not library_that_logs():
            self.skipTest(library_that_logs.__doc__)
        path = self.enterContext(scratch_dir())
        daemon = Daemon(path / "daemon",
                        signatures.make_set(path / "signatures"))
        daemon.environment |= library_that_logs()
        with daemon:
            milterclient.deliver(daemon.socket, mails.plain())
            daemon.wait_log(r"vscan-milter/filter\[\d+\]: error: "
                            r"liblibrary-that-logs: asked for the macro i")


class WriterCase(DaemonCase):
    """The process that writes the log."""

    def writer(self):
        """Its process id."""
        return wait_until("the writer", lambda: [
            pid for pid in procs.children(self.daemon.pid)
            if procs.name(pid) == "vscan-log"])[0]

    def test_it_is_started_again_when_it_dies(self):
        first = self.writer()
        since = self.daemon.mark()
        os.kill(first, signal.SIGKILL)
        self.daemon.wait_log("the process that writes the log died", since)
        self.assertNotEqual(self.writer(), first)
        self.deliver(mails.plain())
        self.daemon.wait_message("", since)

    def test_engine_has_the_pid_that_others_know_it_by(self):
        found = re.search(r"vscan-milter/engine\[(\d+)\]: ",
                          self.daemon.log())
        self.assertEqual(int(found[1]), self.daemon.engine())

    def test_it_has_no_privileges(self):
        status = procs.status(self.writer())
        for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[field], 16), 0, field)
        self.assertEqual(status["NoNewPrivs"], "1")
        if not needs.has_sanitizer():
            self.assertEqual(status["Seccomp"], "2")

    def test_mail_flows_while_it_is_stopped(self):
        writer = self.writer()
        os.kill(writer, signal.SIGSTOP)
        try:
            for _ in range(2000):
                self.assertEqual(
                    self.deliver(mails.plain()).action, "accept")
        finally:
            os.kill(writer, signal.SIGCONT)


class FileCase(unittest.TestCase):
    """log.target = "file"."""

    def setUp(self):
        self.path = self.enterContext(scratch_dir())
        self.log = self.path / "vscan.log"
        database = signatures.make_set(self.path / "signatures")
        self.daemon = Daemon(
            self.path / "daemon", database,
            log={"target": "file", "file": str(self.log)})
        self.daemon.log_file = self.log
        self.log.touch()
        self.enterContext(self.daemon)

    def test_file_that_was_renamed_gets_no_more_lines(self):
        old = self.path / "vscan.log.1"
        self.log.rename(old)
        self.daemon.reload()
        wait_until("the new file", self.log.exists)
        self.daemon.wait_log("SIGHUP")
        before = old.read_text()
        milterclient.deliver(self.daemon.socket, mails.plain())
        self.daemon.wait_message()
        self.assertEqual(old.read_text(), before)
        self.assertNotIn("SIGHUP", before)


class RefusedCase(unittest.TestCase):
    """A file that isn't safe to write to ends the start."""

    def test_link_in_the_place_of_the_file_is_refused(self):
        path = self.enterContext(scratch_dir())
        (path / "vscan-log").symlink_to(path / "other")
        daemon = Daemon(path / "daemon", path, log={
            "target": "file", "file": str(path / "vscan-log")})
        since = daemon.launch()
        self.assertNotEqual(daemon.wait_end(), 0)
        self.assertIn("opening log.file", daemon.log(since))
        self.assertFalse((path / "other").exists())


if __name__ == "__main__":
    testmain.main(needs.daemon)
