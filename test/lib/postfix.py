# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A Postfix of the test's own, beside whatever the machine runs.

It has its own configuration, queue, data directory and log, and listens on a
free port of loopback.  Its processes run in their chroot as in Debian's own
master.cf: the milter's socket must lie below the queue directory.
"""

import pathlib
import pwd
import socket
import subprocess

import needs
import ports
import procs
from mta import Mta
from scratchdir import owned_dir

_MAIN = {
    "compatibility_level": "3.6",
    "queue_directory": "{directory}/queue",
    "data_directory": "{directory}/data",
    "maillog_file": "{directory}/maillog.log",
    "maillog_file_prefixes": "{directory}",
    "myhostname": "postfix.example",
    "mydestination": "",
    "local_recipient_maps": "",
    "alias_maps": "",
    "alias_database": "",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "relayhost": "[127.0.0.1]:{sink_port}",
    "smtp_host_lookup": "native",
    "smtpd_peername_lookup": "no",
    "smtp_tls_security_level": "none",
    "smtpd_tls_security_level": "none",
    "message_size_limit": "0",
    "mailbox_size_limit": "0",
    "minimal_backoff_time": "1s",
    "queue_run_delay": "1s",
    "smtpd_milters": "{milter}",
    "non_smtpd_milters": "{milter}",
    "milter_default_action": "tempfail",
}

# Debian's services, as far as a relay needs them, with its chroot column.
_MASTER = """
127.0.0.1:{port} inet n - y - - smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       y       -       -       smtp
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def needed():
    """For testmain.main(): Postfix and its account."""
    needs.root()
    needs.program("postfix")
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        raise needs.Missing("no account postfix on this machine") from None


class Postfix(Mta):
    """One instance: up in the with block, down and gone after it."""

    def __init__(self, directory, sink_port, milter, **settings):
        """milter is the socket as Postfix spells it, a UNIX one below the
        queue directory.  settings go into main.cf."""
        self.directory = pathlib.Path(directory)
        self.port = ports.free_port()
        self.queue = self.directory / "queue"
        self.log_file = self.directory / "maillog.log"
        self.config = self.directory / "config"
        self._master = None
        for path in (self.queue, self.config):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        postfix = pwd.getpwnam("postfix")
        owned_dir(self.directory / "data", postfix.pw_uid, postfix.pw_gid)
        main = {name: value.format(directory=self.directory, milter=milter,
                                   sink_port=sink_port)
                for name, value in _MAIN.items()} | settings
        (self.config / "main.cf").write_text("".join(
            f"{name} = {value}\n" for name, value in main.items()))
        (self.config / "master.cf").write_text(
            _MASTER.format(port=self.port))

    def _command(self, program, *arguments):
        return procs.run([needs.program(program), "-c", self.config,
                          *arguments]).stdout.strip()

    def start(self):
        self._command("postfix", "check")
        daemons = self._command("postconf", "-h", "daemon_directory")
        self._master = procs.start(
            [f"{daemons}/master", "-c", self.config],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_greeting(self._master)

    def stop(self):
        if self._master is not None:
            family = procs.descendants(self._master.pid)
            procs.stop(self._master)
            procs.wait_gone(family)

    def make_socket_directory(self):
        """Makes queue/vscan for the milter's socket; returns its path."""
        return owned_dir(self.queue / "vscan", 0, 0, 0o755)

    def submit(self, mail, sender, recipient):
        """Local submission through the sendmail command: into maildrop."""
        mail_file = self.directory / "submission"
        mail_file.write_bytes(mail.replace(b"\r\n", b"\n"))
        with mail_file.open("rb") as stdin:
            procs.run([needs.program("sendmail"), "-C", self.config, "-i",
                       "-f", sender, recipient], stdin=stdin)
        mail_file.unlink()

    def kick_pickup(self):
        """What the minute's wake-up does: look through maildrop again."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.queue / "public/pickup"))
            link.send(b"W")

    def waiting_in(self, queue):
        """The queue IDs in maildrop, incoming, active, deferred or hold."""
        return sorted(path.name for path in (self.queue / queue).rglob("*")
                      if path.is_file())

    def release(self, queue_id):
        """Takes a mail out of the hold queue and has it delivered."""
        self._command("postsuper", "-H", queue_id)
        self._command("postqueue", "-i", queue_id)
