#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What README tells to do, done.  The commands that need a system of their own
are run by test/package/inside/as_readme_says.py."""

import os
import pathlib
import re
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import procs
import readme
import sendmail
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

# Of a build of all the sources, on a machine that has other work.
PATIENCE = 600


def nothing_to_install():
    """The quickstart installs what is not there, but no test does."""
    needs.root()
    script = (readme.ROOT / "contrib/quickstart").read_text()
    for package in re.search(r'PACKAGES="(.*?)"', script, re.S)[1].split():
        done = procs.run(["dpkg-query", "-W", "-f=${db:Status-Status}",
                          package], check=False)
        if done.stdout != "installed":
            raise needs.Missing(f"the package {package} is not installed")


class Sendmail(unittest.TestCase):
    """Its line."""

    def test_check_mta_finds_nothing_wrong_with_it(self):
        cf_dir = sendmail.unpacked() / "usr/share/sendmail/cf"
        with scratch_dir() as path:
            (path / "sendmail.mc").write_text(
                f"OSTYPE(`linux')\n{readme.sendmail()}\nMAILER(`smtp')\n")
            (path / "sendmail.cf").write_text(procs.run(
                ["m4", f"-D_CF_DIR_={cf_dir}/", cf_dir / "m4/cf.m4",
                 path / "sendmail.mc"]).stdout)
            (path / "vscan-milter.conf").write_text("")
            told = procs.run([needs.build() / "sbin/vscanctl", "-c",
                              path / "vscan-milter.conf", "check-mta",
                              path / "sendmail.cf"]).stdout
            self.assertIn("ok: ", told)
            self.assertNotIn("problem: ", told)


class Commands(unittest.TestCase):
    """Each command for the sources, in a copy of them."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.sources = cls.scratch / "sources"
        readme.copy_sources(readme.ROOT, cls.sources)

    def commands(self, beginning):
        found = [command for command in readme.commands(for_sources=True)
                 if command.startswith(beginning)]
        self.assertTrue(found)
        return found

    def run_in_sources(self, command):
        """The command as somebody types it; what it installs goes below a
        directory of ours."""
        return procs.run(
            ["bash", "-c", command], timeout=PATIENCE, cwd=self.sources,
            env=os.environ | {
                "DESTDIR": str(self.scratch / "root"),
                "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count()),
            }).stdout

    def test_every_command_is_run_somewhere(self):
        self.assertEqual(
            readme.commands(for_sources=True),
            self.commands("contrib/quickstart") + self.commands("cmake "))

    def test_from_source(self):
        for command in self.commands("cmake "):
            self.run_in_sources(command)
        installed = self.scratch / "root/usr/local"
        for name in ("vscan-milter", "vscan-release", "vscanctl"):
            told = procs.run([installed / "sbin" / name, "-V"]).stdout
            self.assertIn("0.1.0", told)
        self.assertTrue((installed / "share/man/man8/vscanctl.8").exists())

    def test_quickstart(self):
        plain, stay = self.commands("contrib/quickstart")
        self.assertIn("All of it came out as promised.",
                      self.run_in_sources(plain))
        log = self.scratch / "quickstart.log"
        with log.open("w") as output:
            running = procs.start(["bash", "-c", f"exec {stay}"],
                                  cwd=self.sources, stdout=output)
        self.addCleanup(procs.stop, running, 60)
        wait_until("the end of the demonstration", lambda: re.search(
            r"It stays up|ended by itself|not all of it", log.read_text()),
            PATIENCE)
        port = re.search(r"SMTP: +127\.0\.0\.1 port (\d+)", log.read_text())[1]
        with socket.create_connection(("127.0.0.1", int(port)), 30) as link:
            self.assertEqual(link.recv(3), b"220")
        self.assertEqual(procs.stop(running, 60), 0)
        self.assertIn("their files are gone", log.read_text())


if __name__ == "__main__":
    testmain.main(nothing_to_install, sendmail.unpacked)
