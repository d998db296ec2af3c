#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the daemon says on its command line, and how it refuses to start."""

import contextlib
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import logcheck
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemoncase import fresh_daemon
from scratchdir import owned_dir, scratch_dir
from syslogsink import private_log
from waiting import wait_until

EX_USAGE = 64
EX_CONFIG = 78

# (the mistake, its line, what the message must name)
MISTAKES = [
    ('sokcet = "unix:/run/x"', 1, "sokcet"),
    ('\nuser = "nobody', 2, ""),
    ('deadline { reply = "60 parsecs" }', 1, "60 parsecs"),
    ('\n\ndeadline {\nreply = "-1s"\n}', 4, "-1s"),
    ('engine { workers = 100000 }', 1, "100000"),
    ('engine { workers = "many" }', 1, "many"),
    ('buffer { memory = "1X" }', 1, "1X"),
    ('action { infected = "shred" }', 1, "shred"),
    ('action { infected = "off" }', 1, "off"),
    ('log { level = "loud" }', 1, "loud"),
    ('socket = "carrier:pigeon"', 1, "carrier:pigeon"),
    ('socket_mode = "0999"', 1, "0999"),
    ('headers { keep_from = {"127.0.0.1", "10.0.0.0/99"} }', 1,
     "10.0.0.0/99"),
]


class CommandLineCase(unittest.TestCase):
    """Runs that end by themselves."""

    def setUp(self):
        self.directory = self.enterContext(scratch_dir())
        self.file = self.directory / "vscan-milter.conf"

    def run_daemon(self, *arguments):
        """One run; its exit code and output."""
        return procs.run([needs.daemon(), *arguments], check=False)

    def test_good_file_is_found_good(self):
        self.file.write_text('deadline { reply = "45s" }\n')
        done = self.run_daemon("--print-config", "-c", self.file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_empty_file_is_found_good(self):
        self.file.write_text("# all defaults\n")
        self.assertEqual(
            self.run_daemon("--print-config", "-c", self.file).returncode, 0)

    def test_each_mistake_is_named_with_its_line(self):
        for text, line, named in MISTAKES:
            with self.subTest(mistake=text):
                self.file.write_text(text + "\n")
                done = self.run_daemon("-t", "-c", self.file)
                self.assertEqual(done.returncode, EX_CONFIG, done.stderr)
                self.assertIn(f"{self.file}:{line}: ", done.stderr)
                self.assertIn(named, done.stderr)

    def test_all_mistakes_are_told_at_once(self):
        self.file.write_text('user = "root"\nsokcet = "x"\n'
                             'action { infected = "shred" }\n')
        done = self.run_daemon("-t", "-c", self.file)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertEqual(
            re.findall(r"(?m)^vscan-milter: error: .*:(\d+): ", done.stderr),
            ["1", "2", "3"])

    def test_file_that_others_may_write_to_is_refused(self):
        self.file.write_text("# all defaults\n")
        for mode, uid, said in ((0o666, 0, "everybody may write"),
                                (0o644, 12345, "account number 12345")):
            self.file.chmod(mode)
            os.chown(self.file, uid, 0)
            for arguments in (["-t"], ["-f"], ["--print-config"]):
                done = self.run_daemon(*arguments, "-c", self.file)
                self.assertEqual(done.returncode, EX_CONFIG, done.stderr)
                self.assertIn(f"error: {self.file}: ", done.stderr)
                self.assertIn(said, done.stderr)

    def test_nothing_is_started_with_a_mistake(self):
        self.file.write_text(f'socket = "unix:{self.directory}/socket"\n'
                             'action { infected = "shred" }\n')
        done = self.run_daemon("-f", "-c", self.file)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertEqual(list(self.directory.iterdir()), [self.file])

    def test_missing_file_is_named(self):
        done = self.run_daemon("-t", "-c", self.file)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn(str(self.file), done.stderr)

    def test_unknown_option_shows_the_usage(self):
        done = self.run_daemon("--frobnicate")
        self.assertEqual(done.returncode, EX_USAGE)
        self.assertIn("usage: vscan-milter", done.stderr)

    def test_version_names_the_libraries(self):
        done = self.run_daemon("-V")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"vscan-milter [0-9]+\.[0-9]+")
        self.assertRegex(done.stdout, r"(?i)clamav [0-9]+\.[0-9]+")
        self.assertRegex(done.stdout, r"(?i)milter [0-9]+\.[0-9]+\.[0-9]+")

    def test_printed_configuration_reads_back_the_same(self):
        self.file.write_text('deadline { reply = "1500ms" }\n'
                             'buffer { memory = "3G" }\n'
                             'headers { keep_from = {"10.0.0.0/8", "::1"} }\n'
                             'reply { infected = "a \\"virus\\": %v" }\n')
        first = self.run_daemon("--print-config", "-c", self.file)
        self.assertEqual(first.returncode, 0, first.stderr)
        again = self.directory / "again.conf"
        again.write_text(first.stdout)
        second = self.run_daemon("--print-config", "-c", again)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertEqual(first.stdout, second.stdout)
        for value in ('"1500ms"', '"3G"', '"10.0.0.0/8"'):
            self.assertIn(value, first.stdout)

    def test_printed_configuration_describes_every_setting(self):
        self.file.write_text("")
        text = self.run_daemon("--print-config", "-c", self.file).stdout
        before = ""
        for line in text.splitlines():
            if re.match(r"\s*#?\w+ = ", line):
                self.assertRegex(before, r"^\s*# ", line)
            before = line

    def test_printed_defaults_are_comments(self):
        self.file.write_text('deadline { reply = "45s" }\n')
        text = self.run_daemon("--print-config", "-c", self.file).stdout
        self.assertEqual(
            re.findall(r"(?m)^\s*\w+ = .*", text), ['\treply = "45s"'])
        self.assertIn("\n\t#workers = 0\n", text)


def refusal(served, foreground=True):
    """What a daemon that does not start says."""
    process = procs.start(
        [*private_log(served.directory), needs.daemon(),
         *(["-f"] if foreground else []), "-c", served.config_file],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = process.communicate(timeout=60)[1]
    finally:
        code = procs.stop(process)
        for pid in procs.with_argument(served.config_file):
            procs.signal_if_alive(pid, signal.SIGKILL)
    assert code != 0, said
    return said


class PlantedCase(unittest.TestCase):
    """What another account can put in the way of a start that root makes."""

    def setUp(self):
        self.path = self.enterContext(scratch_dir())
        self.account = pwd.getpwnam(daemon.USER)

    def daemon(self, **settings):
        return daemon.Daemon(self.path / "daemon", self.path, **settings)

    def given_away(self, path, mode=0o755):
        """A directory that belongs to the account."""
        return owned_dir(path, self.account.pw_uid, self.account.pw_gid, mode)

    def test_socket_directory_that_others_can_write_to_is_refused(self):
        served = self.daemon()
        directory = pathlib.Path(served.socket[5:]).parent
        for uid, mode in ((0, 0o777), (0, 0o1777), (0, 0o775),
                          (self.account.pw_uid, 0o755)):
            with self.subTest(uid=uid, mode=oct(mode)):
                owned_dir(directory, uid, self.account.pw_gid, mode)
                said = refusal(served)
                self.assertIn(f"socket: its directory {directory} belongs to "
                              f"{pwd.getpwuid(uid).pw_name} and has mode "
                              f"{mode:04o}", said)
                self.assertIn(f"mend it with: chown root {directory} && "
                              f"chmod go-w {directory}", said)
        self.assertEqual(list(directory.iterdir()), [])

    def test_nothing_is_made_below_what_others_can_write_to(self):
        for setting in ("state_directory", "socket", "pid_file"):
            with self.subTest(setting):
                parent = self.given_away(self.path / setting)
                place = parent / "new" / "milter.sock"
                served = self.daemon(**{setting: {
                    "state_directory": parent / "new",
                    "socket": f"unix:{place}",
                    "pid_file": parent / "pid"}[setting]},
                    log={"target": "syslog"})
                said = refusal(served, foreground=False)
                self.assertIn(f"{setting}: the directory {parent} belongs to "
                              f"{daemon.USER} and has mode 0755", said)
                self.assertEqual(list(parent.iterdir()), [])

    def test_link_in_the_place_of_state_directory_gives_nothing_away(self):
        victim = self.path / "victim"
        victim.mkdir()
        parent = owned_dir(self.path / "tmp", 0, 0, 0o1777)
        (parent / "state").symlink_to(victim)
        said = refusal(self.daemon(state_directory=parent / "state"))
        self.assertIn(f"{parent}/state is a symbolic link", said)
        self.assertEqual(victim.stat().st_uid, 0)

    def test_fifos_hold_up_no_start(self):
        served = self.daemon(pid_file=self.path / "pid",
                             log={"target": "syslog"})
        os.mkfifo(served.state / "lock")
        self.assertIn(f"{served.state}/lock is not a file", refusal(served))
        (served.state / "lock").unlink()
        os.mkfifo(self.path / "pid")
        self.assertIn(f"pid_file: {self.path}/pid is not a file",
                      refusal(served, foreground=False))

    def test_pid_file_overwrites_nothing_of_others(self):
        served = self.daemon(pid_file=self.path / "pid",
                             log={"target": "syslog"})
        precious = self.path / "precious"
        precious.write_text("precious\n")
        for name, plant in (("a link", os.symlink), ("a name", os.link)):
            with self.subTest(name):
                plant(precious, self.path / "pid")
                self.assertIn("pid_file: ", refusal(served, foreground=False))
                self.assertEqual(precious.read_text(), "precious\n")
                (self.path / "pid").unlink()

    def test_socket_whose_backlog_is_full_holds_up_no_start(self):
        served = self.daemon()
        address = served.socket[5:]
        with contextlib.ExitStack() as links:
            def unix():
                return links.enter_context(socket.socket(socket.AF_UNIX))
            listener = unix()
            listener.bind(address)
            listener.listen(0)
            with self.assertRaises(BlockingIOError):
                while True:
                    link = unix()
                    link.setblocking(False)
                    link.connect(address)
            self.assertIn(f"another process listens on {address}",
                          refusal(served))


class StartCase(unittest.TestCase):
    """Runs that go on."""

    def refused(self, **settings):
        """What the daemon says when it does not start."""
        with scratch_dir() as path:
            database = signatures.make_set(path / "signatures")
            return refusal(daemon.Daemon(path / "daemon", database,
                                         **settings))

    def test_missing_account_is_named(self):
        self.assertIn("no-such-account", self.refused(user="no-such-account"))

    def test_directories_that_cannot_be_made_are_named(self):
        for settings in ({"state_directory": "/dev/null/state"},
                         {"socket": "unix:/dev/null/milter.sock"}):
            with self.subTest(settings=settings):
                self.assertIn("/dev/null", self.refused(**settings))

    def test_second_instance_is_kept_out(self):
        with fresh_daemon() as first:
            done = procs.run([needs.daemon(), "-f", "-c", first.config_file],
                             check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(first.settings["state_directory"]),
                          done.stderr)
            self.assertEqual(milterclient.deliver(
                first.socket, mails.plain()).action, "accept")

    def test_stale_socket_is_replaced(self):
        with fresh_daemon(expected_log=logcheck.SUPERVISOR_KILLED) as first:
            procs.signal_if_alive(first.pid, signal.SIGKILL)
            procs.wait_gone([first.pid])
            self.assertTrue(pathlib.Path(first.socket[5:]).exists())
            with daemon.Daemon(first.directory, first.database) as second:
                self.assertEqual(milterclient.deliver(
                    second.socket, mails.plain()).action, "accept")

    def test_without_f_it_goes_to_the_background(self):
        with scratch_dir() as path:
            pid_file = path / "pid"
            served = daemon.Daemon(
                path / "daemon", signatures.make_set(path / "signatures"),
                pid_file=pid_file, log={"target": "syslog"})
            try:
                # Ends when nothing holds the caller's descriptors any more.
                procs.run([*private_log(path), needs.daemon(), "-c",
                           served.config_file], timeout=60)
                pid = int(pid_file.read_text())
                self.assertEqual(procs.name(pid), "vscan-milter")
                wait_until("a clean mail", lambda: milterclient.deliver(
                    served.socket, mails.plain()).action == "accept")
                family = [pid] + procs.descendants(pid)
                procs.signal_if_alive(pid)
                procs.wait_gone(family)
                self.assertFalse(pid_file.exists())
            finally:
                # Nobody's children by now; their own die with them.
                for pid in procs.with_argument(served.config_file):
                    procs.signal_if_alive(pid, signal.SIGKILL)


if __name__ == "__main__":
    testmain.main(needs.daemon)
