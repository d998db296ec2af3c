#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What -t finds out about the machine, and a start says the same."""

import pathlib
import pwd
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import needs
import ports
import procs
import signatures
import testmain
from scratchdir import owned_dir, scratch_dir

EX_CONFIG = 78

ROOM = "60000G"     # more than any disk here has


class SurveyCase(unittest.TestCase):
    """vscan-milter -t, on a world that lacks one thing."""

    def setUp(self):
        self.path = self.enterContext(scratch_dir())
        self.database = signatures.make_set(self.path / "signatures")
        self.account = pwd.getpwnam(daemon.USER)

    def survey(self, **settings):
        """One run of -t; its exit status and what it found."""
        served = daemon.Daemon(self.path / "daemon", self.database, **settings)
        done = procs.run([needs.daemon(), "-t", "-c", served.config_file],
                         check=False)
        for line in done.stderr.splitlines():
            self.assertRegex(line, "^vscan-milter: (error|warning): ")
        return done

    def assert_error(self, said, **settings):
        """One thing is wrong, and is called an error."""
        done = self.survey(**settings)
        self.assertEqual(done.returncode, EX_CONFIG, done.stderr)
        self.assertRegex(done.stderr, rf"^vscan-milter: error: {said}")
        self.assertEqual(done.stderr.count("error: "), 1, done.stderr)

    def assert_warning(self, said, **settings):
        """One thing is odd, and nothing is wrong."""
        done = self.survey(**settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, rf"^vscan-milter: warning: {said}")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(": errors: 0, warnings: 1\n", done.stdout)

    def test_nothing_is_found_where_all_is_well(self):
        done = self.survey()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(": no mistakes found\n", done.stdout)

    def test_nothing_is_made_or_left(self):
        served = daemon.Daemon(self.path / "daemon", self.database,
                               state_directory=self.path / "state")
        self.survey(state_directory=self.path / "state")
        self.assertFalse((self.path / "state").exists())
        self.assertFalse(pathlib.Path(served.socket[5:]).exists())
        self.assertEqual(list(served.buffers.iterdir()), [])

    def test_account_that_is_not_there(self):
        self.assert_error('user = "no-such-account": ', user="no-such-account")

    def test_group_that_is_not_there(self):
        self.assert_error('socket_group = "no-such-group": ',
                          socket_group="no-such-group")

    def test_state_directory(self):
        roots = owned_dir(self.path / "roots", 0, 0, 0o755)
        shared = owned_dir(self.path / "shared", self.account.pw_uid,
                           self.account.pw_gid, 0o777)
        file = self.path / "file"
        file.write_text("")
        for path, said in ((roots, "it must belong to nobody"),
                           (shared, "nobody else may write"),
                           (self.path / "not" / "there", "No such file"),
                           (file, "is not a directory")):
            with self.subTest(said=said):
                self.assert_error(f'state_directory = "{path}".*{said}',
                                  state_directory=path)

    def test_socket_that_can_not_be_opened(self):
        file = self.path / "file"
        file.write_text("")
        taken = self.path / "taken"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(taken))
            listener.listen()
            for path, said in (
                    (self.path / "a" / "b" / "sock", "its directory is not"),
                    (file, "something that is no socket"),
                    (taken, "another process listens there")):
                with self.subTest(said=said):
                    self.assert_error(f'socket = "unix:{path}": {said}',
                                      socket=f"unix:{path}")

    def test_running_service_is_no_stranger_on_its_socket(self):
        with daemon.Daemon(self.path / "daemon", self.database) as served:
            done = procs.run([needs.daemon(), "-t", "-c", served.config_file],
                             check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_buffer_directory_that_the_account_can_not_write_to(self):
        roots = owned_dir(self.path / "roots", 0, 0, 0o755)
        self.assert_error('buffer.directory = "',
                          buffer={"directory": roots})
        self.assert_error('buffer.directory = "',
                          buffer={"directory": "/dev/null"})

    def test_signatures_that_the_account_can_not_load(self):
        secret = signatures.make_set(self.path / "secret")
        (secret / "eicar.ndb").chmod(0o600)
        broken = signatures.make_set(self.path / "broken")
        signatures.break_set(broken)
        for path, said in (
                (self.path / "not-there", "engine.database = .*No such file"),
                (secret, "engine.database = .*Permission denied"),
                (owned_dir(self.path / "empty", 0, 0, 0o755),
                 "engine.database = .*there are no signatures"),
                (broken, "no engine can be started: .*broken")):
            with self.subTest(said=said):
                self.assert_error(said, engine={"database": [path]})

    def test_what_may_go_well_is_a_warning(self):
        for said, settings in (
                ("socket = .*all interfaces",
                 {"socket": f"inet:{ports.free_port()}@0.0.0.0"}),
                ("socket = .*all interfaces",
                 {"socket": f"inet6:{ports.free_port()}@::"}),
                ("memory: 1024 workers",
                 {"engine": {"workers": 1024, "worker_memory": "64G"}}),
                ("buffer.disk may take", {"buffer": {"disk": ROOM}}),
                ("buffer.memory and buffer.disk have room for one",
                 {"buffer": {"disk": "200M"}}),
                ("an action is \"hold\"",
                 {"action": {"late": "hold"},
                  "hold": {"disk": "1M",
                           "release_socket": self.path / "none"}})):
            with self.subTest(said=said):
                self.assert_warning(said, **settings)

    def test_all_is_told_at_once(self):
        done = self.survey(user="no-such-account", buffer={"disk": ROOM},
                           socket_group="no-such-group")
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn(": errors: 2, warnings: 1\n", done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 3)

    def test_start_says_the_same(self):
        empty = owned_dir(self.path / "empty", 0, 0, 0o755)
        served = daemon.Daemon(self.path / "daemon", self.database,
                               buffer={"disk": ROOM},
                               engine={"database": [empty]}, expected_log=(
                                   "buffer.disk may take", "no signatures"))
        self.addCleanup(served.stop)
        served.launch()
        served.wait_log("warning: buffer.disk may take")
        served.wait_log('error: engine.database = ".*there are no signatures')


if __name__ == "__main__":
    testmain.main(needs.daemon)
