#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Who may connect to the milter socket, by the mode and group that it has by
default: Postfix's account, and no stranger."""

import grp
import os
import pathlib
import pwd
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import postfix
import procs
import testmain
from daemon import USER
from daemoncase import fresh_daemon
from scratchdir import scratch_dir
from waiting import wait_until

# What is not set: the defaults are tested.
DEFAULTS = {"socket_mode": "0660"}

# Nothing listens there: Postfix isn't started.
SINK_PORT = 25

# No account and no group has this number.
STRANGER = 65433

_CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as link:
    try:
        link.connect(sys.argv[1])
    except PermissionError:
        sys.exit("not permitted")
"""


def connects(path, uid, gid, groups):
    """True if a process of this account may connect."""
    done = subprocess.run(["python3", "-c", _CONNECT, path], user=uid,
                          group=gid, extra_groups=groups, cwd="/",
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stderr == "not permitted\n", done
    return done.returncode == 0


class SocketGroupCase(unittest.TestCase):
    """The socket of a real service, as root starts it."""

    def serve(self, **settings):
        """A service, and the path of its socket."""
        daemon = self.enterContext(fresh_daemon(**DEFAULTS, **settings))
        return daemon, pathlib.Path(daemon.socket.removeprefix("unix:"))

    def assert_lets_in(self, path, name, expected):
        """An account with all its groups may connect, or may not."""
        account = pwd.getpwnam(name)
        self.assertEqual(expected, connects(
            path, account.pw_uid, account.pw_gid,
            os.getgrouplist(name, account.pw_gid)), name)

    def test_default_lets_postfix_in_and_no_stranger(self):
        _, path = self.serve()
        self.assertEqual(path.stat().st_gid, grp.getgrnam("postfix").gr_gid)
        self.assertEqual(path.stat().st_uid, pwd.getpwnam(USER).pw_uid)
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        self.assert_lets_in(path, "postfix", True)
        self.assertFalse(connects(path, STRANGER, STRANGER, []))

    def test_default_lets_in_a_postfix_that_is_installed_later(self):
        """In a mount namespace with a group file of its own."""
        lines = pathlib.Path("/etc/group").read_text().splitlines(True)
        groups = self.enterContext(scratch_dir()) / "group"
        groups.write_text("".join(line for line in lines
                                  if not line.startswith("postfix:")))
        _, path = self.serve(run_with=[
            "unshare", "--mount", "sh", "-c",
            'mount --bind "$0" /etc/group && exec "$@"', groups])
        self.assert_lets_in(path, "postfix", False)
        groups.write_text("".join(lines))
        wait_until("Postfix's group on the socket", lambda:
                   path.stat().st_gid == grp.getgrnam("postfix").gr_gid)
        self.assert_lets_in(path, "postfix", True)

    def test_no_group_lets_postfix_not_in(self):
        _, path = self.serve(socket_group="")
        self.assertEqual(path.stat().st_gid, pwd.getpwnam(USER).pw_gid)
        self.assert_lets_in(path, "postfix", False)
        self.assert_lets_in(path, USER, True)

    def test_default_is_what_vscanctl_finds_good(self):
        directory = self.enterContext(scratch_dir())
        mta = postfix.Postfix(directory / "postfix", SINK_PORT,
                              "unix:vscan/milter.sock")
        mta.make_socket_directory()
        # Postfix waits until a file is old enough to be whole.
        os.utime(mta.config / "main.cf", (0, 0))
        daemon, path = self.serve(
            socket=f"unix:{mta.queue}/vscan/milter.sock")
        self.assert_lets_in(path, "postfix", True)
        done = procs.run([needs.build() / "sbin/vscanctl", "-c",
                          daemon.config_file, "check-mta", mta.config],
                         check=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertNotIn("problem: ", done.stdout)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
