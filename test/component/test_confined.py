#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Filter, engine and supervisor give up what they don't need, and work on."""

import datetime
import pathlib
import pwd
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemon import Daemon, USER
from daemoncase import DaemonCase
from scratchdir import scratch_dir
from syslogsink import SyslogSink, private_log
from waiting import wait_until

# Of <linux/capability.h>.
NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7,
           "SETPCAP": 8, "NET_BIND_SERVICE": 10, "SYS_ADMIN": 21,
           "SYS_RESOURCE": 24}


def documented():
    """The supervisor's capabilities as vscan-milter-security(7) has them:
    {name: whether it is needed}."""
    manual = needs.file(pathlib.Path(__file__).parents[2] / "contrib" / "man" /
                        "vscan-milter-security.7").read_text()
    items = manual.partition(".Sh CAPABILITIES\n")[2].partition("\n.El\n")[0]
    return {name: item.rstrip().endswith("; needed")
            for item in items.split("\n.It ")[1:]
            for name in re.findall(r"CAP_(\w+)", item.partition("\n")[0])}


SUPERVISOR_CAPABILITIES = sum(1 << NUMBERS[name] for name in documented())

FILTERED = "2"		# of Seccomp: in status


class StatusCase(DaemonCase):
    """What the kernel says of the processes."""

    def setUp(self):
        self.assert_in_service()
        self.processes = {
            "supervisor": self.daemon.pid, "filter": self.daemon.filter(),
            "engine": self.daemon.engine(),
            "worker": self.daemon.workers()[0]}

    def each(self, *but):
        """(name, status) of the processes, each as a subtest."""
        for name, pid in self.processes.items():
            if name not in but:
                with self.subTest(process=name):
                    yield name, procs.status(pid)

    def test_none_can_gain_privileges(self):
        for _, status in self.each():
            self.assertEqual(status["NoNewPrivs"], "1")

    def test_system_calls_of_all_are_filtered(self):
        but = ()
        if needs.has_sanitizer():
            print("of the worker only, with a sanitizer", file=sys.stderr)
            but = ("supervisor", "filter", "engine")
        for _, status in self.each(*but):
            self.assertEqual(status["Seccomp"], FILTERED)

    def test_supervisor_has_few_capabilities_left(self):
        status = procs.status(self.processes["supervisor"])
        # A container's root may lack some that the supervisor would keep.
        ours = int(procs.status("self")["CapPrm"], 16)
        self.assertNotEqual(ours, ours & SUPERVISOR_CAPABILITIES)
        for field in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(status[field], 16),
                             ours & SUPERVISOR_CAPABILITIES, field)

    def test_filter_and_worker_have_no_capability(self):
        for _, status in self.each("supervisor", "engine"):
            for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[field], 16), 0, field)

    def test_none_can_be_looked_into_by_its_account(self):
        if needs.has_sanitizer():
            self.skipTest("LeakSanitizer attaches to its process")
        account = ["setpriv", "--reuid", USER, "--regid",
                   str(pwd.getpwnam(USER).pw_gid), "--clear-groups"]
        for name, pid in self.processes.items():
            with self.subTest(process=name):
                done = procs.run([*account, "cat", f"/proc/{pid}/environ"],
                                 check=False)
                self.assertIn("Permission denied", done.stderr)


class NeededCase(unittest.TestCase):
    """The manual says which capabilities the service can't do without."""

    def test_service_runs_with_the_needed_capabilities_alone(self):
        path = self.enterContext(scratch_dir())
        few = [f"+{name.lower()}" for name, is_needed in documented().items()
               if is_needed]
        self.assertEqual(len(few), 4)
        daemon = Daemon(
            path / "daemon", signatures.make_set(path / "signatures"),
            run_with=["setpriv", "--inh-caps", "-all",
                      "--bounding-set", ",".join(["-all", *few])])
        daemon.state.rmdir()
        with daemon:
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")


# Another zone's time, for the command that follows.
IN_KOLKATA = ["sh", "-c", "mount --bind /usr/share/zoneinfo/Asia/Kolkata "
              "/etc/localtime && exec \"$@\"", "sh"]
HOURS_EAST = 5.5


class SyslogCase(unittest.TestCase):
    """The confined filter still finds /dev/log, also after syslogd has been
    started anew, and the local time that goes with it."""

    def setUp(self):
        needs.file("/usr/share/zoneinfo/Asia/Kolkata")
        path = self.enterContext(scratch_dir())
        self.socket, self.log = path / "log.socket", path / "syslog.log"
        self.sink = SyslogSink(self.socket, self.log)
        self.sink.start()
        self.addCleanup(lambda: self.sink.stop())
        database = signatures.make_set(path / "signatures")
        # Few descriptors, so that the first line is not a warning of them,
        # before the filter is confined.
        self.daemon = Daemon(
            path / "daemon", database, log={"target": "syslog"},
            limits={"sessions": 10, "waiting": 5, "queue": 5},
            run_with=[*private_log(path), *IN_KOLKATA])
        self.daemon.log_file = self.log
        self.enterContext(self.daemon)

    def send(self):
        """One mail; returns what its line in the log has in it."""
        mail = mails.plain()
        self.assertEqual(milterclient.deliver(
            self.daemon.socket, mail).action, "accept")
        return mails.fields_named(mail, "Message-ID")[0].strip("<> ")

    def wait_line(self, word):
        """A mail's line."""
        return wait_until("the mail's line", lambda: re.search(
            f".*vscan-milter/filter.*{word}.*", self.log.read_text()))[0]

    def deliver(self):
        """One mail, and its line in the log."""
        return self.wait_line(self.send())

    def test_lines_come_before_and_after_a_new_syslogd(self):
        self.deliver()
        self.sink.stop()
        self.socket.unlink()
        word = self.send()
        self.sink = SyslogSink(self.socket, self.log)
        self.sink.start()
        self.deliver()
        self.wait_line(word)

    def test_libmilter_has_no_complaint(self):
        """It logs by itself, and as an error, for each reply that was to be
        left out and is not."""
        self.deliver()
        self.assertEqual(
            [], re.findall(".*milter claimed.*", self.log.read_text()))

    def test_lines_have_the_local_time(self):
        stamp = re.match(r"<\d+>(\w+ +\d+ [\d:]+)", self.deliver())[1]
        now = datetime.datetime.now(datetime.timezone.utc)
        said = datetime.datetime.strptime(
            f"{now.year} {stamp} +0000", "%Y %b %d %H:%M:%S %z")
        self.assertAlmostEqual((said - now).total_seconds() / 3600,
                               HOURS_EAST, delta=0.1)


if __name__ == "__main__":
    testmain.main(needs.daemon)
