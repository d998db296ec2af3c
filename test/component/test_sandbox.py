#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A worker that a mail has taken over gets nowhere, and costs that mail.

Each attempt is made by code in the worker itself (attacks.c), on a kernel that
has all of the sandbox and on one without namespaces.  The same attempts with
engine.sandbox = "off" show that they are good for something, and those with
one mechanism alone what that one is good for.
"""

import os
import pathlib
import shutil
import signal
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import attacked
import mails
import milterclient
import needs
import procs
import signatures
import testmain
from attacked import KILLED, LOST, WON
from daemon import Daemon
from daemoncase import DaemonCase
from scratchdir import scratch_dir
from waiting import wait_until

LANDLOCK = "landlock_create_ruleset"
SECCOMP = "seccomp"
NAMESPACES = "namespaces"


def landlock_version():
    """The kernel's; 0 if it has none."""
    return max(0, procs.system_call(444, 0, 0, 1))


class AttackedCase(DaemonCase):
    """A daemon to attack, and what there is to be had around it."""

    lacks = ()

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(attacked.attacked_daemon(
            *cls.lacks, **cls.settings))
        cls.state = pathlib.Path(cls.daemon.settings["state_directory"])
        cls.listen(socket.AF_UNIX, cls.daemon.settings["control_socket"])
        os.chmod(cls.daemon.settings["control_socket"], 0o666)
        cls.abstract = mails.token()
        cls.listen(socket.AF_UNIX, f"\0{cls.abstract}")
        cls.port = cls.listen(socket.AF_INET, ("127.0.0.1", 0))[1]
        cls.sibling = cls.hold_a_worker()

    @classmethod
    def listen(cls, family, address):
        """A socket that would be connected to; returns its address."""
        listener = cls.enterClassContext(socket.socket(family))
        listener.bind(address)
        listener.listen(64)
        return listener.getsockname()

    @classmethod
    def hold_a_worker(cls):
        """The process id of a worker that is in the middle of a scan, and
        stays there."""
        client = cls.enterClassContext(
            milterclient.MilterClient(cls.daemon.socket))
        client.connect()
        client.envelope()
        client.content(signatures.slow_mail(20))
        client.send_end()
        worker = cls.daemon.busy_worker()
        os.kill(worker, signal.SIGSTOP)
        return worker

    def sibling_scratch(self):
        """Where the scratch of that worker is for others."""
        path = os.readlink(f"/proc/{self.sibling}/cwd")
        return f"/proc/{self.sibling}/root" if path == "/" else path

    def result(self, attack, argument=""):
        """How the attack ended; its mail was deferred."""
        since = self.daemon.mark()
        outcome = self.deliver(attacked.mail(attack, argument))
        self.assertEqual(outcome.action, "tempfail")
        self.assertRegex(outcome.reply, r"^451 4\.7\.1 ")
        self.assertEqual(outcome.header("X-Virus-Status"), [])
        ended = wait_until("the worker's end", lambda: [
            line.fields["ended"] for line in self.daemon.scans("", since)
            if "ended" in line.fields])
        return ended[-1]

    def assert_defeated(self, attack, argument=""):
        """It failed or was fatal, and the next mail is served."""
        self.assertIn(self.result(attack, argument), (LOST, KILLED))
        self.assert_in_service()

    def assert_killed(self, attack, argument=""):
        """It was fatal, and the next mail is served."""
        self.assertEqual(self.result(attack, argument), KILLED)
        self.assert_in_service()

    def assert_won(self, attack, argument=""):
        """It came to what it wanted."""
        with self.subTest(attack=attack, argument=argument):
            self.assertEqual(self.result(attack, argument), WON)


class FileAttempts:
    """What the sandbox keeps from being opened."""

    def test_accounts_are_not_read(self):
        self.assert_defeated("read", "/etc/passwd")

    def test_store_is_not_read(self):
        self.assert_defeated("read", self.state / "ledger.sqlite")

    def test_store_is_not_written(self):
        self.assert_defeated("write", self.state / "ledger.sqlite")

    def test_nothing_is_put_into_the_state_directory(self):
        path = self.state / mails.token()
        self.assert_defeated("write", path)
        self.assertFalse(path.exists())

    def test_nothing_is_put_into_directories_that_are_open_to_all(self):
        for directory in ("/tmp", "/var/tmp", "/dev/shm",
                          self.daemon.buffers):
            path = pathlib.Path(directory) / mails.token()
            with self.subTest(directory=directory):
                self.assert_defeated("write", path)
                self.assertFalse(path.exists())

    def test_nothing_is_put_above_its_directory(self):
        name = mails.token()
        self.assert_defeated("write", f"../../../../../../../tmp/{name}")
        self.assertFalse(pathlib.Path("/tmp", name).exists())

    def test_another_workers_scratch_is_not_listed(self):
        self.assert_defeated("list", self.sibling_scratch())

    def test_memory_of_other_processes_is_not_opened(self):
        for pid in (self.sibling, self.daemon.filter(), self.daemon.engine()):
            self.assert_defeated("memory", pid)


class CallAttempts:
    """What the sandbox keeps from being done."""

    def test_control_socket_is_not_reached(self):
        self.assert_killed("connect", self.daemon.settings["control_socket"])

    def test_milter_socket_is_not_reached(self):
        self.assert_killed("connect", self.daemon.socket.removeprefix("unix:"))

    def test_abstract_socket_is_not_reached(self):
        self.assert_killed("abstract", self.abstract)

    def test_network_socket_is_not_made(self):
        for attack in ("inet", "listen", "datagram", "netlink"):
            with self.subTest(attack=attack):
                self.assert_killed(attack, self.port)

    def test_pair_of_sockets_is_not_made(self):
        self.assert_killed("socketpair")

    def test_call_of_another_interface_is_not_made(self):
        if os.uname().machine != "x86_64":
            self.skipTest("x32 is x86's")
        self.assert_killed("x32")

    def test_modes_and_times_of_files_are_not_changed(self):
        self.assert_defeated("message-mode")
        for attack in ("mode", "times"):
            self.assert_defeated(attack, self.state / "ledger.sqlite")

    def test_filter_is_not_signalled(self):
        self.assert_no_signals(self.daemon.filter())

    def test_engine_is_not_signalled(self):
        self.assert_no_signals(self.daemon.engine())

    def test_another_worker_is_not_signalled(self):
        self.assert_no_signals(self.sibling)

    def assert_no_signals(self, pid):
        """By none of the ways to do it."""
        for attack in ("signal", "thread-signal", "socket-signal", "pidfd"):
            with self.subTest(attack=attack):
                self.assert_defeated(attack, pid)

    def test_another_workers_memory_is_not_copied(self):
        self.assert_killed("readv", self.sibling)

    def test_another_worker_is_not_traced(self):
        self.assert_killed("ptrace", self.sibling)

    def test_another_workers_limits_are_not_touched(self):
        self.assert_defeated("limits", self.sibling)

    def test_memory_is_not_shared_with_other_processes(self):
        self.assert_defeated("shared-memory")

    def test_program_is_not_run(self):
        self.assert_killed("exec")

    def test_process_is_not_started(self):
        self.assert_killed("fork")

    def test_file_system_is_not_mounted(self):
        self.assert_killed("mount")

    def test_namespace_is_not_made(self):
        self.assert_killed("unshare")

    def test_root_directory_is_not_escaped(self):
        self.assert_killed("escape", "etc/passwd")

    def test_file_is_not_opened_by_its_handle(self):
        self.assert_killed("file-handle", "/")

    def test_memory_is_not_made_executable(self):
        self.assert_defeated("code")

    def test_message_is_not_made_executable(self):
        self.assert_defeated("code-of-message")

    def test_rare_doors_of_the_kernel_are_shut(self):
        for attack in ("bpf", "keyring", "userfaultfd", "io-uring", "perf"):
            with self.subTest(attack=attack):
                self.assert_killed(attack)

    def test_no_descriptor_leads_out(self):
        self.assert_defeated("descriptors")

    def test_death_by_a_forbidden_call_never_counts_against_the_mail(self):
        mail = attacked.mail("datagram")
        for _ in range(4):
            outcome = self.deliver(mail)
            self.assertEqual(outcome.action, "tempfail")
            self.assertRegex(outcome.reply, r"^451 4\.7\.1 ")


class WholeCase(FileAttempts, CallAttempts, AttackedCase):
    """All of the sandbox."""

    settings = {"engine": {"sandbox": "require"}}


class PlainCase(FileAttempts, CallAttempts, AttackedCase):
    """No namespaces, as in many containers: Landlock and seccomp."""

    lacks = (NAMESPACES,)


class RootAloneCase(FileAttempts, AttackedCase):
    """An old kernel: namespaces and the root directory in them."""

    lacks = (LANDLOCK, SECCOMP)

    def test_what_the_network_namespace_keeps_away(self):
        self.assert_defeated("inet", self.port)
        self.assert_defeated("abstract", self.abstract)
        self.assert_defeated("connect",
                             self.daemon.socket.removeprefix("unix:"))

    def test_what_the_process_namespace_hides(self):
        for attack in ("signal", "thread-signal", "pidfd", "readv", "ptrace"):
            self.assert_defeated(attack, self.sibling)


class LandlockAloneCase(FileAttempts, AttackedCase):
    """Neither namespaces nor seccomp."""

    lacks = (NAMESPACES, SECCOMP)

    def test_network_is_not_reached(self):
        if landlock_version() < 4:
            self.skipTest("this kernel's Landlock knows no TCP")
        self.assert_defeated("inet", self.port)

    def test_abstract_socket_is_not_reached_and_nobody_signalled(self):
        if landlock_version() < 6:
            self.skipTest("this kernel's Landlock knows no scopes")
        self.assert_defeated("abstract", self.abstract)
        self.assert_defeated("signal", self.sibling)
        self.assert_defeated("thread-signal", self.daemon.filter())


class SeccompAloneCase(CallAttempts, AttackedCase):
    """Neither namespaces nor Landlock: files are open, calls are not."""

    lacks = (NAMESPACES, LANDLOCK)

    def test_files_are_open(self):
        self.assert_won("read", "/etc/passwd")


class OffCase(AttackedCase):
    """None of it: most of the attempts succeed, so they are real ones."""

    lacks = (NAMESPACES,)
    settings = {"engine": {"sandbox": "off"}}

    def test_files_are_open(self):
        self.assert_won("read", "/etc/passwd")
        self.assert_won("read", self.state / "ledger.sqlite")
        self.assert_won("write", self.state / "ledger.sqlite")
        self.assert_won("list", self.sibling_scratch())
        for directory in ("/tmp", self.state):
            path = pathlib.Path(directory, mails.token())
            self.assert_won("write", path)
            path.unlink()

    def test_sockets_are_reached(self):
        self.assert_won("connect", self.daemon.settings["control_socket"])
        self.assert_won("connect", self.daemon.socket.removeprefix("unix:"))
        self.assert_won("abstract", self.abstract)
        for attack in ("inet", "listen", "datagram", "netlink",
                       "socketpair"):
            self.assert_won(attack, self.port)

    def test_other_processes_are_signalled(self):
        for pid in (self.sibling, self.daemon.filter(), self.daemon.engine()):
            for attack in ("signal", "thread-signal", "socket-signal",
                           "pidfd", "limits"):
                self.assert_won(attack, pid)

    def test_other_things_are_done(self):
        for attack in ("exec", "code", "code-of-message", "unshare",
                       "shared-memory"):
            self.assert_won(attack)
        self.assert_won("file-handle", "/")
        self.assert_won("message-mode")
        for attack in ("mode", "times"):
            self.assert_won(attack, self.state / "ledger.sqlite")

    def test_it_is_said(self):
        self.daemon.wait_log("warning: engine.sandbox is off")


class SettingCase(unittest.TestCase):
    """What is said, and done, where the kernel refuses a part."""

    def test_best_effort_names_what_is_missing_once(self):
        with attacked.attacked_daemon(LANDLOCK) as daemon:
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")
            daemon.wait_log("the kernel refuses a part of the sandbox")
            said = [line for line in daemon.log().splitlines()
                    if "the kernel refuses a part of the sandbox" in line]
            self.assertEqual(len(said), 1, said)
            self.assertRegex(said[0], "warning: .*Landlock")
            self.assertNotIn("seccomp", said[0])

    def test_complete_sandbox_is_no_matter_for_the_log(self):
        with attacked.attacked_daemon() as daemon:
            self.assertNotRegex(daemon.log(), "sandbox|confined")

    def test_required_and_refused_defers_mail_and_says_why(self):
        with scratch_dir() as path:
            daemon = Daemon(
                path / "daemon", signatures.make_set(path / "signatures"),
                run_with=attacked.kernel_without(LANDLOCK),
                expected_log=["no engine in service, mail is deferred: "
                              "engine.sandbox", "this kernel has no"],
                deadline={"reply": "1s"}, engine={"sandbox": "require"})
            try:
                since = daemon.launch()
                daemon.wait_log("error: no engine in service, mail is "
                                'deferred: engine.sandbox = "require".*'
                                "Landlock", since)
                outcome = milterclient.deliver(daemon.socket, mails.plain())
                self.assertEqual(outcome.action, "tempfail")
                self.assertRegex(outcome.reply, r"^451 4\.7\.1 ")
            finally:
                daemon.stop()


class NotReadyCase(AttackedCase):
    """A worker that can't go into its sandbox is none."""

    lacks = (NAMESPACES,)

    def test_reason_is_logged_and_mail_deferred(self):
        shutil.rmtree(self.state / "scratch")
        since = self.daemon.mark()
        for worker in self.daemon.workers():
            procs.signal_if_alive(worker, signal.SIGKILL)
        self.assertEqual(self.deliver(mails.plain()).action, "tempfail")
        self.daemon.wait_log("a worker did not get ready: .*/scratch/.*: "
                             "No such file", since)


def has_landlock():
    """Without it the tests could not tell what it is good for."""
    if landlock_version() == 0:
        raise needs.Missing("this kernel has no Landlock")


if __name__ == "__main__":
    testmain.main(needs.daemon, has_landlock)
