#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The package comes, alone and with Postfix, and goes without a trace."""

import os
import pathlib
import smtplib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import installed
import procs
import signatures
import smtpclient
import testmain
import mails
from waiting import wait_until

# What apt, dpkg and adduser write for any package, and what isn't a file.
_OTHERS = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log/apt",
           "/var/log/dpkg.log", "/proc", "/sys", "/dev", "/tmp", "/out",
           "/source", "/etc/passwd-", "/etc/shadow-", "/etc/group-",
           "/etc/gshadow-", "/etc/.pwd.lock", "/run/adduser")
_ACCOUNTS = ("passwd", "group", "shadow", "gshadow")


def tree(*others):
    """Every file and directory of the system."""
    found = set()
    for directory, directories, files in os.walk("/"):
        directories[:] = [
            name for name in directories
            if not os.path.join(directory, name).startswith(
                _OTHERS + others)]
        found.update(os.path.join(directory, name)
                     for name in directories + files)
    return {path for path in found
            if not path.startswith(_OTHERS + others)}


def accounts():
    """Who is known."""
    return {name: pathlib.Path("/etc", name).read_text()
            for name in _ACCOUNTS}


class Alone(installed.InstalledCase):
    """On a system without an MTA and without signatures."""

    def test_it_starts_without_signatures_and_leaves_nothing(self):
        depends = procs.run(["dpkg-deb", "-f", installed.package(1),
                             "Pre-Depends", "Depends"]).stdout
        apt_satisfy = ", ".join(line.partition(": ")[2]
                                for line in depends.splitlines())
        installed.apt_get("satisfy", apt_satisfy)
        mine = str(self.scratch)
        before, known = tree(mine), accounts()

        said = self.install(installed.package(1))
        self.assertIn("smtpd_milters = unix:vscan-milter/milter.sock", said)
        self.assertIn("INPUT_MAIL_FILTER(`vscan', `S=unix:"
                      f"{installed.SOCKET}", said)
        self.assertTrue(installed.accepts(installed.SOCKET))
        socket_directory = installed.SOCKET.parent.stat()
        self.assertEqual((socket_directory.st_uid,
                          socket_directory.st_mode & 0o7777), (0, 0o755))
        self.assertIn("/var/lib/clamav: No such file", self.log())

        installed.apt_get("remove", installed.NAME)
        self.assertEqual(installed.supervisor(), 0)
        self.assertTrue(installed.CONFIGURATION.exists())
        installed.apt_get("purge", installed.NAME)
        self.assertEqual(tree(mine) - before, set())
        self.assertEqual(accounts(), known)


class WithHeldMail(installed.InstalledCase):
    """The package goes while a mail is held, and comes again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        apt_get = installed.apt_get
        apt_get("install", "postfix")
        cls.start_postfix(cls.install(installed.package(1)))
        cls.add_signatures()
        # The long scan of the test is not waited for.
        with installed.CONFIGURATION.open("a") as configuration:
            configuration.write('drain_timeout = "1s"\n')
        installed.service(installed.NAME, "reload")
        wait_until("the new configuration", lambda:
                   "drain_timeout" in cls.log(), 30)

    def first_refusal(self):
        """What Postfix says without its milter: 421 at once in later
        versions, 451 to MAIL in earlier ones."""
        try:
            with smtpclient.Client(installed.SMTP) as client:
                return client.mail(mails.SENDER)[0]
        except smtplib.SMTPConnectError as refused:
            return refused.smtp_code

    def test_held_mail_outlasts_removal(self):
        mail = self.slow_mail(60)
        installed.submit(mail)
        wait_until("the mail in the hold queue", installed.held, 30)

        said = installed.apt_get("remove", installed.NAME)
        self.assertIn("WARNING: 1 mails are held", said)
        self.assertEqual(installed.supervisor(), 0)
        self.assertEqual(len(installed.held()), 1)
        self.assertEqual(len(installed.spooled()), 1)

        # It is scanned again; with the slow rule that would take as long.
        (installed.SIGNATURES / "slow.yar").unlink()
        self.install(installed.package(1))
        self.wait_delivered(mail, 90)
        self.assertEqual(installed.held(), [])

        said = installed.apt_get("purge", installed.NAME)
        self.assertNotIn("WARNING", said)
        left = {path for path in tree(str(self.scratch)) if "vscan" in path}
        self.assertEqual(left, set())
        self.assertNotIn(installed.NAME, accounts()["passwd"])
        self.assertNotIn(installed.NAME, accounts()["group"])
        self.assertIn(self.first_refusal(), (421, 451))


if __name__ == "__main__":
    testmain.main()
