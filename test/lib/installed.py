# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A whole system of the test's own, in which the package is installed.

For what runs in test/package/root: it changes the system that it finds.
"""

import json
import pathlib
import re
import socket
import unittest

import mails
import procs
import signatures
import smtpclient
from scratchdir import scratch_dir
from sink import Sink
from syslogsink import SyslogSink
from waiting import wait_until

PACKAGES = pathlib.Path("/out")
NAME = "vscan-milter"
CONFIGURATION = pathlib.Path("/etc/vscan-milter/vscan-milter.conf")
STATE = pathlib.Path("/var/lib/vscan-milter")
SOCKET = pathlib.Path("/var/spool/postfix/vscan-milter/milter.sock")
SIGNATURES = pathlib.Path("/var/lib/clamav")
SMTP = 25

_LOG = pathlib.Path("/dev/log")
_POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
# As on a machine with sysvinit that runs; a chroot's default is to start
# nothing.
_STARTS_OURS = """#!/bin/sh
case $1 in
vscan-*) exit 0 ;;
esac
exit 101
"""


def package(number):
    """The package of this Debian revision."""
    return next(PACKAGES.glob(f"{NAME}_*-{number}_*.deb"))


def apt_get(*arguments, check=True):
    """apt-get without the network; returns what it printed."""
    done = procs.run(["apt-get", "-q", "-y", "--no-install-recommends",
                      "-o", "Dpkg::Use-Pty=0", *arguments], check,
                     timeout=300)
    return done.stdout + done.stderr


def service(name, what, check=True):
    """The init script, as an administrator without systemd calls it."""
    return procs.run([f"/etc/init.d/{name}", what], check)


def accepts(path):
    """Whether somebody listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
            return True
        except OSError:
            return False


def supervisor():
    """The process ID of the service, 0 if it doesn't run."""
    for entry in procs.PROC.iterdir():
        if (entry.name.isdigit() and procs.name(entry.name) == NAME and
                procs.parent(entry.name) == 1 and procs.alive(entry.name)):
            return int(entry.name)
    return 0


def filters():
    """The process IDs of the filter, and of those before it, oldest first."""
    return [pid for pid in procs.children(supervisor())
            if procs.name(pid) == "vscan-filter"]


def held():
    """The mails in Postfix's hold queue, as postqueue shows them."""
    lines = procs.run(["postqueue", "-j"]).stdout.splitlines()
    return [mail for mail in map(json.loads, lines)
            if mail["queue_name"] == "hold"]


def spooled():
    """The held mails of which the service has the bytes."""
    return sorted(STATE.glob("held/*.eml"))


def in_queue(name):
    """The files in a queue directory of Postfix."""
    return [path for path in pathlib.Path("/var/spool/postfix", name
                                          ).rglob("*") if path.is_file()]


def submit(mail):
    """The sendmail command, as a local user or a program runs it."""
    with scratch_dir() as directory:
        (directory / "mail").write_bytes(mail.replace(b"\r\n", b"\n"))
        with (directory / "mail").open("rb") as stdin:
            procs.run(["/usr/sbin/sendmail", "-i", "-f", mails.SENDER,
                       mails.RECIPIENT], stdin=stdin)


class InstalledCase(unittest.TestCase):
    """A system with a syslog and a sink, and nothing installed yet."""

    @classmethod
    def setUpClass(cls):
        if socket.gethostname() != "mail" or not PACKAGES.is_dir():
            raise RuntimeError("this is for test/package/root only")
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.syslog = cls.scratch / "syslog.log"
        _LOG.unlink(missing_ok=True)
        cls.enterClassContext(SyslogSink(_LOG, cls.syslog))
        cls.sink = cls.enterClassContext(Sink())
        _POLICY.write_text(_STARTS_OURS)
        _POLICY.chmod(0o755)

    @classmethod
    def install(cls, *packages):
        return apt_get("install", *packages)

    @classmethod
    def start_postfix(cls, said):
        """Debian's Postfix with the lines that the postinst has said, and a
        relay to the sink."""
        lines = re.findall(r"^ +((?:non_)?smtpd_milters) = (\S+)$", said,
                           re.MULTILINE)
        assert len(lines) == 2, said
        settings = dict(lines) | {
            "relayhost": f"[127.0.0.1]:{cls.sink.port}",
            "smtp_host_lookup": "native", "smtpd_peername_lookup": "no",
            "inet_protocols": "ipv4", "inet_interfaces": "127.0.0.1",
        }
        procs.run(["postconf", "-e", *(f"{name}={value}"
                                       for name, value in settings.items())])
        procs.run(["postfix", "start"])
        wait_until("Postfix", cls.greets, 20)

    @staticmethod
    def greets():
        """Whether Postfix answers."""
        try:
            with socket.create_connection(("127.0.0.1", SMTP), 5) as link:
                return link.recv(3) == b"220"
        except OSError:
            return False

    @classmethod
    def add_signatures(cls):
        """Where freshclam puts them."""
        if not SIGNATURES.exists():
            signatures.make_set(SIGNATURES)
        wait_until("an engine", lambda: "in service" in cls.log(), 90)

    @classmethod
    def log(cls):
        """What has come to syslog so far."""
        return cls.syslog.read_text(errors="replace")

    @classmethod
    def line_of(cls, mail):
        """The log line of a mail."""
        message_id = mails.fields_named(mail, "Message-ID")[0]
        return wait_until(f"a line of {message_id}", lambda: [
            line for line in cls.log().splitlines()
            if f"message-id={message_id}," in line], 30)[-1]

    @classmethod
    def slow_mail(cls, seconds):
        """A mail whose scan takes about so long, by the time of another."""
        probe = mails.ticking(4)
        answer = smtpclient.deliver(SMTP, probe)
        assert answer.code == 250, answer
        key = re.search(r" key=(\w+),", cls.line_of(probe))[1]
        # Not scan_ms, which is longer on a machine with other work.
        took = int(wait_until("its scan's line", lambda: re.search(
            rf" scan: key={key}, .* cpu_ms=(\d+)", cls.log()))[1])
        return mails.ticking(max(1, round(4000 * seconds / max(took, 1))))

    def delivered(self, mail):
        """The mail as it has come to the sink, or None."""
        subject = mails.fields_named(mail, "Subject")
        found = [delivery.data for delivery in list(self.sink.deliveries)
                 if mails.fields_named(delivery.data, "Subject") == subject]
        self.assertLessEqual(len(found), 1, "it was delivered twice")
        return found[0] if found else None

    def wait_delivered(self, mail, timeout=300):
        return wait_until("the delivery", lambda: self.delivered(mail),
                          timeout)
