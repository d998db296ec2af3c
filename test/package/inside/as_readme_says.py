#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A bare Debian, and nothing but README: from the sources to the first mail
that was scanned, by its commands in their order."""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import installed
import procs
import readme
import signatures
import testmain
from scratchdir import scratch_dir
from syslogsink import SyslogSink
from waiting import wait_until

# Without the network apt has what the packages need, but nothing that they
# only recommend: freshclam could fetch nothing here.
_APT = pathlib.Path("/etc/apt/apt.conf.d/no-recommends")
_LOG = pathlib.Path("/dev/log")
_MAILBOX = pathlib.Path("/var/mail/root")
_PATIENCE = 600

# Only a Postfix that runs can be told to do this; README has it for a machine
# where the installation has started one.
_LATER = "postfix reload"


class AsReadmeSays(unittest.TestCase):
    """One sequence, so one test."""

    def setUp(self):
        self.scratch = self.enterContext(scratch_dir())
        self.enterContext(SyslogSink(_LOG, self.scratch / "syslog.log"))
        self.sources = self.scratch / "sources"
        readme.copy_sources("/source", self.sources)
        _APT.write_text('APT::Install-Recommends "false";\n')
        self.left = readme.commands(for_sources=False)
        self.left.append(self.left.pop(self.left.index(_LATER)))

    def run_next(self, beginning):
        """The next command, which is this one."""
        command = self.left.pop(0)
        self.assertTrue(command.startswith(beginning), command)
        began = time.monotonic()
        told = procs.run(["bash", "-c", command], timeout=_PATIENCE,
                         cwd=self.sources).stdout
        print(f"{time.monotonic() - began:.1f} s: {command}", flush=True)
        return told

    def test_from_a_bare_system_to_the_first_mail(self):
        self.run_next("apt-get install -y $(contrib/debian/build")
        self.run_next("contrib/debian/build")
        self.run_next("apt-get install -y ./vscan-milter")
        signatures.make_set(installed.SIGNATURES)
        for text in readme.configurations():
            if text.startswith("socket"):
                self.assertIn(text, installed.CONFIGURATION.read_text())
        self.run_next("install -d ")
        self.run_next("postconf -e ")
        self.run_next("for name in ")
        self.run_next("echo Hello | sendmail")
        wait_until("the mail", lambda: _MAILBOX.exists() and
                   "Hello" in _MAILBOX.read_text(), 120)
        self.assertIn("\nX-Virus-Status: Clean\n", _MAILBOX.read_text())
        # There may be less disk than a mail server's.
        self.assertRegex(self.run_next("vscan-milter -t"),
                         r"no mistakes|errors: 0")
        self.assertNotIn("problem:", self.run_next("vscanctl check-mta"))
        self.assertIn("0 deferred", self.run_next("vscanctl deferred"))
        self.run_next(_LATER)
        self.assertEqual(self.left, [])


if __name__ == "__main__":
    testmain.main()
