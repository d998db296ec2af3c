#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A worker that lacks room, files or descriptors never calls a mail clean.

libclamav does, with a message on standard error or without one.
"""

import contextlib
import os
import pathlib
import pwd
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import needs
import signatures
import testmain
from daemoncase import DaemonCase
from waiting import wait_until

KIB, MIB = 1 << 10, 1 << 20
# As milter/engine/scratch.c has them: what has to stay free.
RESERVE, FILE_RESERVE = MIB, 16


def scratch_of(worker):
    """The directory that it unpacks into, as seen from here."""
    def mounted():
        rows = pathlib.Path(f"/proc/{worker}/mountinfo").read_text()
        return [f"/proc/{worker}/root{row.split()[4]}"
                for row in rows.splitlines()
                if " - tmpfs scratch" in row and row.split()[4] != "/proc"]
    return pathlib.Path(wait_until("the scratch's mount", mounted)[-1])


@contextlib.contextmanager
def spoiling(worker):
    """In this block the working directory is the worker's scratch, and files
    are the daemon's account's: root has no name in the worker's namespace."""
    account = pwd.getpwnam(daemon.USER)
    before = os.open(".", os.O_RDONLY)
    os.chdir(scratch_of(worker))
    try:
        os.setegid(account.pw_gid)
        os.seteuid(account.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.chdir(before)
        os.close(before)


def make_file(name):
    """An empty file, open for writing."""
    return os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)


def fill_room(worker, leave):
    """Leaves so many bytes free."""
    with spoiling(worker):
        file = make_file("filler")
        free = os.fstatvfs(file)
        os.posix_fallocate(file, 0, free.f_bavail * free.f_bsize - leave)
        os.close(file)


def fill_files(worker, leave):
    """Leaves room for so many files."""
    with spoiling(worker):
        first = make_file("filler")
        for number in range(os.fstatvfs(first).f_ffree - leave):
            os.close(make_file(f"filler{number}"))
        os.close(first)


def limit_descriptors(worker, limit):
    """From a process of the same account: root may not where it has no
    CAP_SYS_RESOURCE."""
    account = pwd.getpwnam(daemon.USER)
    child = os.fork()
    if child == 0:
        try:
            os.setresgid(*[account.pw_gid] * 3)
            os.setresuid(*[account.pw_uid] * 3)
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, limit))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, "prlimit() failed"


class StarvedCase(DaemonCase):
    """One worker; each test spoils the one that waits for a mail."""

    settings = {"engine": {
        "workers": 1, "scratch": "16M", "max_scan_size": "6M",
        "max_file_size": "3M", "max_files": 200}}

    def setUp(self):
        self.take_worker()
        self.addCleanup(self.assert_in_service)

    def take_worker(self):
        """One that has served, and so is past its canary; the one before it
        may not quite have ended."""
        self.assert_in_service()
        self.worker = wait_until("a single worker", lambda: (
            workers[0] if len(workers := self.daemon.workers()) == 1
            else None))

    def verdict(self, mail):
        """Of a mail that goes to that worker."""
        outcome = self.deliver(mail)
        word = mails.fields_named(mail, "Message-ID")[0]
        line = self.daemon.wait_message(word)
        self.assertNotEqual(line.verdict, "clean")
        if line.verdict == "error":
            self.assertEqual(outcome.action, "tempfail")
        return line.verdict, line.name

    def assert_replaced(self):
        """It has retired, since it may be blind."""
        wait_until("the worker's end",
                   lambda: self.worker not in self.daemon.workers())

    def large(self):
        """A mail that needs more than 1 MB to be unpacked, nothing bad in
        it."""
        return mails.attached(os.urandom(MIB))

    def deep(self, data=b"nothing bad in it"):
        """A mail that needs several files at a time."""
        return mails.attached(mails.zipped(data, 8))

    def test_no_room_before_the_scan(self):
        fill_room(self.worker, RESERVE // 16)
        self.assertEqual(self.verdict(self.large()),
                         ("error", "scratch-full"))
        self.assert_replaced()

    def test_no_room_during_the_scan(self):
        fill_room(self.worker, RESERVE + RESERVE // 2)
        self.assertEqual(self.verdict(self.large()),
                         ("incomplete", "scratch-full"))
        self.assert_replaced()

    def test_no_files_before_the_scan(self):
        fill_files(self.worker, FILE_RESERVE // 2)
        self.assertEqual(self.verdict(self.deep()), ("error", "scratch-full"))
        self.assert_replaced()

    def test_no_files_during_the_scan(self):
        fill_files(self.worker, FILE_RESERVE + 4)
        self.assertEqual(self.verdict(self.deep()),
                         ("incomplete", "scratch-full"))
        self.assert_replaced()

    def test_no_descriptors(self):
        # Four, and the message, are open before the scan.  Downwards: a limit
        # can't be raised again, and a worker that still had enough stays.
        found = set()
        for limit in range(20, 4, -1):
            with self.subTest(limit=limit):
                self.take_worker()
                limit_descriptors(self.worker, limit)
                found.add(self.verdict(self.deep(signatures.EICAR)))
        self.assertIn(("infected", signatures.EICAR_FOUND), found)
        self.assertIn("incomplete", {verdict for verdict, _ in found})


if __name__ == "__main__":
    testmain.main(needs.daemon)
