#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A buffer.directory that can't be used costs no mail while there is memory,
and is named in the log."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import faultdisk
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

MIB = 1 << 20
LARGE = 6 * MIB
LOST = "warning: buffer.directory: .*; large messages stay in memory"


class BufferDirectoryCase(unittest.TestCase):
    def setUp(self):
        self.path = self.enterContext(scratch_dir())
        self.database = signatures.make_set(self.path / "signatures")
        self.spill = self.path / "spill"

    def serve(self):
        """A service that puts mail of more than 1 MB into .spill."""
        self.daemon = self.enterContext(daemon.Daemon(
            self.path / "daemon", self.database,
            expected_log=["buffer.directory", "buffer.disk may take"],
            buffer={"directory": str(self.spill), "memory": "32M",
                    "message_memory": "1M", "message_max": "20M",
                    "disk": "40M"}))

    def enter_disk(self):
        """A small disk of its own at .spill, which nobody's account may use
        like /var/tmp."""
        disk = self.enterContext(faultdisk.FaultDisk(self.spill, 24))
        self.spill.chmod(0o1777)
        return disk

    def assert_served(self):
        """Large mail is scanned to its end, and in the end found out."""
        self.assertEqual(self.action(mails.plain(mails.lines(LARGE))),
                         "accept")
        self.assertEqual(self.action(mails.plain(
            mails.lines(LARGE) + signatures.EICAR + b"\r\n")), "reject")

    def action(self, mail):
        return milterclient.deliver(self.daemon.socket, mail).action

    def wait_found(self):
        """Once the directory is repaired it takes the next large mails."""
        def found():
            self.assert_served()
            return "takes large messages again" in self.daemon.log()
        wait_until("the directory is used again", found)

    def test_disk_that_is_full_at_the_start(self):
        disk = self.enter_disk()
        disk.fill()
        self.serve()
        self.daemon.wait_log(LOST)
        self.assert_served()
        disk.empty()
        self.wait_found()

    def test_disk_that_is_full_in_the_middle_of_a_mail(self):
        disk = self.enter_disk()
        self.serve()
        self.assert_served()
        disk.fill()
        with (self.spill / "filler").open("rb+") as filler:
            filler.truncate((self.spill / "filler").stat().st_size - 3 * MIB)
        self.assert_served()
        self.daemon.wait_log(LOST + ".*No space left|" +
                             "No space left on device; large messages stay")
        disk.empty()
        self.wait_found()

    def test_disk_that_becomes_read_only(self):
        self.enter_disk()
        self.serve()
        procs.run(["mount", "-o", "remount,ro", self.spill])
        self.assert_served()
        self.daemon.wait_log("Read-only file system; large messages stay")
        procs.run(["mount", "-o", "remount,rw", self.spill])
        self.wait_found()

    def test_directory_that_is_missing_at_the_start(self):
        self.serve()
        self.daemon.wait_log(LOST)
        self.assert_served()
        self.spill.mkdir()
        self.spill.chmod(0o1777)

        def said():
            self.assert_served()
            return "another directory is there than at the start" in \
                self.daemon.log()
        wait_until("the other directory is noticed", said)

    def test_disk_that_is_mounted_over_the_directory(self):
        self.spill.mkdir()
        self.spill.chmod(0o1777)
        self.serve()
        self.assert_served()
        self.spill.rename(self.path / "former")
        self.enter_disk()

        def said():
            self.assert_served()
            return "another directory is there than at the start" in \
                self.daemon.log()
        wait_until("the other directory is noticed", said)


if __name__ == "__main__":
    testmain.main(needs.daemon, faultdisk.needed)
