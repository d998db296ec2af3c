#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The release service by itself: whom it admits, what it takes for a request,
how it starts and ends.

What an MTA would do is not the question here: where one is needed, a queue
directory as Sendmail's holds a mail, and a script stands for Sendmail.
"""

import pathlib
import pwd
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import procs
import release
import testmain
from daemon import USER, config_text
from release import DELETE, INSPECT, RELEASE, Release
from scratchdir import owned_dir, scratch_dir
from syslogsink import private_log
from waiting import wait_until

EX_USAGE = 64
EX_OSERR = 71
EX_NOPERM = 77
EX_CONFIG = 78

PATIENCE = 5.0
PEERS = 16

ACCOUNT = pwd.getpwnam(USER)

# What one of another account does: connects and asks.
_ASK = """
import socket, sys
link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
link.settimeout(20)
link.connect(sys.argv[1])
try:
    link.send(bytes.fromhex(sys.argv[2]))
    sys.exit(0 if link.recv(4096) else 1)
except (BrokenPipeError, ConnectionResetError):
    sys.exit(1)
"""


class Spool:
    """A queue directory in which mails are held, and its sendmail.cf."""

    def __init__(self, directory, program="exit 1"):
        self.queue = directory / "queue"
        self.queue.mkdir()
        self.cf = directory / "sendmail.cf"
        self.cf.write_text(f"O QueueDirectory={self.queue}\n")
        self.program = directory / "program"
        self.program.write_text(f"#!/bin/sh\n{program}\n")
        self.program.chmod(0o755)
        self.settings = {"hold": {"mta": [f"sendmail:{self.cf}"],
                                  "sendmail": str(self.program)}}

    def hold(self, queue_id):
        """Puts a mail there; returns what names it in a request."""
        mark = release.new_mark()
        now = int(time.time())
        (self.queue / f"hf{queue_id}").write_text(
            f"V8\nT{now}\nH??X-Virus-Status: {mark}\n.\n")
        (self.queue / f"df{queue_id}").write_text("Hello.\n")
        return queue_id, mark, 100, now


class ServiceCase(unittest.TestCase):
    """One service with one mail."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.spool = Spool(cls.scratch)
        cls.service = cls.enterClassContext(
            Release(cls.scratch / "release", cls.spool.settings))
        cls.mail = cls.spool.hold("6AP7cwj6003312")

    def connect(self):
        """A connection that says nothing."""
        link = self.enterContext(socket.socket(socket.AF_UNIX,
                                               socket.SOCK_SEQPACKET))
        # Blocking, for the backlog may be full for a moment.
        link.connect(str(self.service.socket))
        link.settimeout(20)
        return link

    def assert_serves(self):
        """It answers at once, and nothing has happened to the mail."""
        started = time.monotonic()
        self.assertEqual(self.service.ask(INSPECT, *self.mail).result, "done")
        self.assertLess(time.monotonic() - started, 2)


class AdmissionCase(ServiceCase):
    """Who may ask."""

    def ask_as(self, uid, gid, data):
        """True if another account's request is answered."""
        done = subprocess.run(
            ["/usr/bin/python3", "-I", "-c", _ASK, str(self.service.socket),
             data.hex()], user=uid, group=gid, extra_groups=[], cwd="/",
            stderr=subprocess.PIPE, text=True, check=False)
        if done.stderr:
            raise PermissionError(done.stderr)
        return done.returncode == 0

    def test_socket_lets_in_no_more_than_it_has_to(self):
        found = self.service.socket.lstat()
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o660)
        self.assertEqual((found.st_uid, found.st_gid), (0, ACCOUNT.pw_gid))
        directory = self.service.socket.parent.stat()
        self.assertEqual(stat.S_IMODE(directory.st_mode), 0o755)
        self.assertEqual(directory.st_uid, 0)

    def test_account_and_root_are_admitted_and_nobody_else(self):
        data = release.request(INSPECT, *self.mail)
        other = pwd.getpwnam("daemon").pw_uid
        self.assertTrue(self.ask_as(0, 0, data))
        self.assertTrue(self.ask_as(ACCOUNT.pw_uid, ACCOUNT.pw_gid, data))
        since = len(self.service.log())
        self.assertFalse(self.ask_as(other, ACCOUNT.pw_gid, data))
        self.service.wait_log(
            rf"warning: release: refused: process \d+ of uid {other} is "
            rf"neither {USER} nor root", since)
        with self.assertRaisesRegex(PermissionError, "PermissionError"):
            self.ask_as(other, other, data)
        self.assert_serves()


class PeerCase(ServiceCase):
    """What those who may ask can do to it."""

    def test_silent_peer_is_closed_and_holds_up_nobody(self):
        link = self.connect()
        started = time.monotonic()
        self.assert_serves()
        self.assertEqual(link.recv(1), b"")
        self.assertGreater(time.monotonic() - started, PATIENCE - 0.5)
        self.assertLess(time.monotonic() - started, PATIENCE + 3)

    def test_many_silent_peers_hold_up_nobody(self):
        links = [self.connect() for _ in range(3 * PEERS)]
        self.assert_serves()
        started = time.monotonic()
        self.assertEqual(links[0].recv(1), b"")
        self.assertLess(time.monotonic() - started, PATIENCE / 2)
        for link in links:
            link.close()
        self.assert_serves()

    def test_peers_that_leave_hold_up_nobody(self):
        for _ in range(3 * PEERS):
            with self.connect() as link:
                link.send(release.request(INSPECT, *self.mail))
        for _ in range(3 * PEERS):
            self.connect().close()
        self.assert_serves()

    def test_rubbish_is_not_answered(self):
        good = release.request(DELETE, *self.mail)

        def changed(at, data):
            return good[:at] + data + good[at + len(data):]
        queue_id, mark = 8, 8 + 64
        cases = {
            "nothing": b"",
            "too short": good[:-1],
            "too long": good + b"\0",
            "far too long": good * 500,
            "noise": bytes(range(128)),
            "no verb": changed(0, struct.pack("=I", 0)),
            "no such verb": changed(0, struct.pack("=I", 4)),
            "a great verb": changed(0, struct.pack("=I", 2 ** 32 - 1)),
            "what is reserved": changed(4, b"\1"),
            "no queue ID": changed(queue_id, b"\0"),
            "a path": changed(queue_id, b"../../etc"),
            "an option": changed(queue_id, b"-d"),
            "a line": changed(queue_id, b"A\nB"),
            "a queue ID without end": changed(queue_id, b"A" * 64),
            "no mark": changed(mark, b"\0"),
            "a short mark": changed(mark + 31, b"\0"),
            "a mark without end": changed(mark, b"0" * 33),
            "a mark that is none": changed(mark, b"G"),
            "a great size": changed(112, b"\xff" * 8),
        }
        for name, data in cases.items():
            with self.subTest(name):
                self.assertEqual(
                    release.exchange(self.service.socket, data), b"")
        self.assert_serves()

    def test_peers_that_are_sent_away_do_not_fill_the_log(self):
        since = len(self.service.log())
        for _ in range(200):
            release.exchange(self.service.socket, b"x")
        # What is asked last comes to the log last.
        self.assert_serves()
        self.service.wait_log("verb=inspect", since)
        self.assertLessEqual(
            self.service.log(since).count("closed a connection"), 20)
        self.assert_serves()

    def test_descriptor_that_comes_along_is_not_kept(self):
        before = len(procs.fd_targets(self.service.pid))
        for data in (b"x", release.request(DELETE, *self.mail)):
            link = self.connect()
            with open("/dev/null", "rb") as file:
                socket.send_fds(link, [data], [file.fileno()] * 3)
            self.assertEqual(link.recv(4096), b"")
        self.assert_serves()
        wait_until("its descriptors", lambda: len(
            procs.fd_targets(self.service.pid)) == before)

    def test_only_one_service_has_the_socket(self):
        done = procs.run([needs.build() / "sbin/vscan-release", "-f", "-c",
                          self.service.config_file], check=False)
        self.assertEqual(done.returncode, EX_OSERR)
        self.assertIn("another process listens on", done.stderr)
        self.assert_serves()


class LifeCase(unittest.TestCase):
    """Services that come and go."""

    def setUp(self):
        self.scratch = self.enterContext(scratch_dir())

    def service(self, settings=None):
        return Release(self.scratch / "release", settings or {})

    def test_socket_of_a_dead_service_is_taken_over(self):
        with self.service() as service:
            service.kill()
            self.assertTrue(service.socket.is_socket())
            service.start()
            self.assertEqual(service.ask(
                INSPECT, "0", release.new_mark(), 0).result, "failed")

    def test_file_in_its_place_is_left_alone(self):
        service = self.service()
        service.socket.parent.mkdir()
        service.socket.write_text("mine\n")
        done = self.run_with(service.config_file)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("is not a socket", done.stderr)
        self.assertEqual(service.socket.read_text(), "mine\n")

    def test_directory_that_others_can_write_to_is_refused(self):
        service = self.service()
        for uid, gid, mode in ((ACCOUNT.pw_uid, 0, 0o755),
                               (0, ACCOUNT.pw_gid, 0o775), (0, 0, 0o757),
                               (0, 0, 0o1777)):
            with self.subTest(uid=uid, gid=gid, mode=oct(mode)):
                owned_dir(service.socket.parent, uid, gid, mode)
                done = self.run_with(service.config_file)
                self.assertEqual(done.returncode, EX_CONFIG)
                self.assertIn(f"chmod go-w {service.socket.parent}",
                              done.stderr)
        self.assertFalse(service.socket.exists())

    def test_end_waits_for_the_request_under_way(self):
        spool = Spool(self.scratch, "touch \"$0.began\"; sleep 2; exit 1")
        service = self.service(spool.settings)
        with service:
            mail = spool.hold("6AP7cwj6003312")
            answers = []
            asking = threading.Thread(target=lambda: answers.append(
                service.ask(RELEASE, *mail)))
            asking.start()
            began = spool.program.with_suffix(".began")
            wait_until("the program's start", began.exists)
            self.assertEqual(service.terminate(), 0)
            asking.join()
        self.assertEqual(answers[0].result, "failed")
        self.assertFalse(service.socket.exists())

    def test_mta_that_hangs_is_given_up(self):
        spool = Spool(self.scratch, "echo $$ >\"$0.pid\"; trap '' TERM\n"
                      "while :; do sleep 1; done")
        with self.service(spool.settings) as service:
            mail = spool.hold("6AP7cwj6003312")
            started = time.monotonic()
            answer = service.ask(RELEASE, *mail)
            self.assertEqual(answer.result, "failed")
            self.assertIn("it took too long and was killed", answer.text)
            self.assertLess(time.monotonic() - started, 40)
            pid = int(spool.program.with_suffix(".pid").read_text())
            self.assertFalse(procs.alive(pid))
            self.assertEqual(service.ask(INSPECT, *mail).result, "done")

    def test_service_goes_into_the_background(self):
        service = self.service({"log": {"target": "syslog"}})
        done = procs.run([*private_log(self.scratch),
                          needs.build() / "sbin/vscan-release", "-c",
                          service.config_file])
        self.assertEqual(done.stdout + done.stderr, "")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(str(service.socket))
            pid, _, _ = struct.unpack("iii", link.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        try:
            self.assertEqual(procs.name(pid), "vscan-release")
            self.assertEqual(
                service.ask(INSPECT, "0", release.new_mark(), 0).result,
                "failed")
        finally:
            procs.signal_if_alive(pid)
            procs.wait_gone([pid])
        self.assertFalse(service.socket.exists())

    # Runs that end by themselves.

    def run_with(self, config_file, *arguments, **options):
        """One run, in the foreground unless arguments are given."""
        return procs.run([needs.build() / "sbin/vscan-release", "-c",
                          config_file, *(arguments or ["-f"])], check=False,
                         **options)

    def test_command_line_is_checked(self):
        config = self.scratch / "vscan-milter.conf"
        config.write_text(config_text({"log": {"target": "stderr"}}))
        for arguments, status, said in (
                (["-t"], 0, r"no mistakes found\n"),
                (["-V"], 0, r"vscan-release \d+\.\d+\.\d+\n"),
                (["-h"], 0, r"usage: vscan-release "),
                (["-x"], EX_USAGE, r"usage: vscan-release "),
                (["more"], EX_USAGE, r'unexpected argument "more"'),
                (["--config"], EX_USAGE, r"usage: vscan-release "),
                (["--"], EX_CONFIG, r"needs -f")):
            with self.subTest(arguments):
                done = self.run_with(config, *arguments)
                self.assertEqual(done.returncode, status)
                self.assertRegex(done.stdout + done.stderr, said)
        config.write_text("hold { mta = \"exim:/etc\" }\n")
        done = self.run_with(config, "-t")
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn(f"{config}:1: ", done.stderr)

    def test_other_accounts_can_not_start_it(self):
        config = self.scratch / "vscan-milter.conf"
        config.write_text("")
        program = self.scratch / "vscan-release"
        program.write_bytes(
            (needs.build() / "sbin/vscan-release").read_bytes())
        program.chmod(0o755)
        done = procs.run([program, "-f", "-c", config], check=False,
                         user=ACCOUNT.pw_uid, group=ACCOUNT.pw_gid,
                         extra_groups=[], cwd="/")
        self.assertEqual(done.returncode, EX_NOPERM)
        self.assertIn("start it as root", done.stderr)


if __name__ == "__main__":
    testmain.main(needs.root)
