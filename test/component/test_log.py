#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The log: nobody waits for it, and a file can be rotated."""

import concurrent.futures
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
from logcheck import ExpectedLog
from scratchdir import scratch_dir
from syslogsink import StuckSyslog, SyslogSink, private_log
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
            daemon, mails.plain(), "accept"))
        for _ in range(50):
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")
        self.assertEqual(milterclient.deliver(
            daemon.socket, self.virus()).action, "accept")
        (self.database / "new.ndb").write_text(
            signatures.body_signature("Test.New", NEW_VIRUS))
        daemon.reload()
        wait_until("the new signatures", lambda: self.answers(
            daemon, self.virus(), "reject"))
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
                        signatures.make_set(path / "signatures"),
                        expected_log=["liblibrary-that-logs: "])
        daemon.environment |= library_that_logs()
        with daemon:
            milterclient.deliver(daemon.socket, mails.plain())
            daemon.wait_log(r"vscan-milter/filter\[\d+\]: error: "
                            r"liblibrary-that-logs: asked for the macro i")


class WriterCase(DaemonCase):
    """The process that writes the log."""

    expected_log = ("the process that writes the log died",
                    "log lines were dropped")

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
        found = self.daemon.wait_log(r"vscan-milter/engine\[(\d+)\]: ")
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


class QuietCase(unittest.TestCase):
    """The whole service under syslog, with mail of all kinds."""

    def setUp(self):
        path = self.enterContext(scratch_dir())
        self.enterContext(SyslogSink(path / "log.socket", path / "syslog.log"))
        database = signatures.make_set(path / "signatures")
        self.daemon = Daemon(
            path / "daemon", database, run_with=private_log(path),
            log={"target": "syslog", "level": "info"})
        self.daemon.log_file = path / "syslog.log"
        self.enterContext(self.daemon)

    KINDS = (
        (60, "accept", mails.plain),
        (10, "accept", lambda: mails.attached(os.urandom(20000))),
        (10, "reject", lambda: mails.plain(signatures.EICAR + b"\r\n")),
        (5, "reject", lambda: mails.attached(mails.zipped(signatures.EICAR))),
        (4, "accept", lambda: mails.attached(mails.encrypted_zip())),
        (2, "accept", lambda: mails.plain(mails.lines(2 << 20))),
        (2, "accept", lambda: mails.many_headers(200)),
        (2, "accept", lambda: mails.behind_unknown_header(mails.plain())),
        (2, "accept", lambda: mails.forwarded(mails.plain())),
        (1, "accept", lambda: mails.plain(b"")),
        (1, "accept", lambda: mails.plain(
            b"\0\x80\xff" * 1000 + b"\r\n", Message_ID=None,
            Content_Type="multipart/mixed; boundary=none")),
        (1, "accept", lambda: mails.plain(b"x" * 70000, Subject=" \t")),
    )

    def deliver(self, make, action):
        """One mail, in a session of its own."""
        self.assertEqual(milterclient.deliver(
            self.daemon.socket, make()).action, action)

    def test_thousand_mixed_mails_make_no_error_and_no_warning(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = [pool.submit(self.deliver, make, action)
                    for _ in range(10)
                    for count, action, make in self.KINDS
                    for _ in range(count)]
            for each in done:
                each.result()
        self.assertEqual(len(done), 1000)
        self.daemon.wait_messages(1000, "")
        self.assertEqual(self.daemon.terminate(), 0)
        # As in every test; only that here it is the point.
        self.daemon.assert_log_expected()


class OutageCase(unittest.TestCase):
    """What is tried again and again in vain is not logged each time."""

    def test_missing_signatures_are_an_error_once(self):
        path = self.enterContext(scratch_dir())
        database = path / "signatures"
        database.mkdir()
        daemon = Daemon(path / "daemon", database,
                        engine={"check_interval": "1s"},
                        expected_log=["no engine in service",
                                      "there are no signatures"])
        daemon.launch()
        self.addCleanup(daemon.stop)
        wait_until("three attempts", lambda: daemon.log().count(
            "engine that was loading ended") >= 3)
        for said in "no engine in service", "there are no signatures":
            daemon.wait_log(said)
            self.assertEqual(daemon.log().count(said), 1)
        (database / "new.ndb").write_text(
            signatures.body_signature("Test.New", NEW_VIRUS))
        daemon.wait_in_service()
        daemon.wait_log("mail is scanned again, after .* without an engine")


class ExpectedCase(unittest.TestCase):
    """The tests' own look at the log."""

    LOG = b"""\
2001-02-03T04:05:06.789Z vscan-milter[1]: error: one
2001-02-03T04:05:06.789Z vscan-milter/filter[2]: from=<[1]: error: x>
<19>Feb  3 04:05:06 vscan-milter/filter[2]: libsome: two
<22>Feb  3 04:05:06 vscan-milter/filter[2]: fine
2001-02-03T04:05:06.789Z vscan-milter/engine[3]: warning: three
"""

    def test_errors_and_warnings_that_nobody_asked_for_are_found(self):
        one, _, two, _, three = self.LOG.decode().splitlines()
        expected = ExpectedLog()
        self.assertEqual(expected.unexpected(self.LOG), [one, two, three])
        self.assertEqual(ExpectedLog(["t[wh]"]).unexpected(self.LOG), [one])
        self.assertEqual(expected.unexpected(self.LOG, self.LOG.index(b"<19")),
                         [two, three])
        expected.allow("three", 0, self.LOG.index(b"<22"))
        expected.allow("two", 0, self.LOG.index(b"<22"))
        self.assertEqual(expected.unexpected(self.LOG), [one, three])

    def test_test_with_an_error_in_its_log_fails(self):
        path = self.enterContext(scratch_dir())
        daemon = Daemon(path / "daemon",
                        signatures.make_set(path / "signatures"))
        daemon.start()
        self.addCleanup(daemon.kill_all)
        since = daemon.mark()
        os.kill(daemon.filter(), signal.SIGKILL)
        daemon.wait_log("the filter ended .*: died of signal 9", since)
        with self.assertRaisesRegex(AssertionError, "died of signal 9"):
            daemon.stop()


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
