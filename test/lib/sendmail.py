# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A Sendmail of the test's own, although its package conflicts with Postfix's.

The packages are fetched, unpacked and never installed.  The daemon runs in a
mount and host name namespace, where it finds a fully qualified name (without
one it sleeps for a minute), a hosts file that knows that name, and a /dev/log
that is the test's.
"""

import fcntl
import os
import pathlib
import shlex
import shutil

import needs
import ports
import procs
from mta import Mta
from syslogsink import SyslogSink

# Sendmail and the libraries of it that a base system need not have.
_PACKAGES = ["sendmail-bin", "sendmail-cf", "libdb5.3", "libldap-2.5-0",
             "libnsl2", "libsasl2-2", "libsasl2-modules",
             "libsasl2-modules-db", "libtirpc3", "libwrap0", "sasl2-bin"]

_HOST = "sendmail.example"

# The one client that may log in.
LOGIN, PASSWORD = f"user@{_HOST}", "secret"

# Where sasldb is, and that nothing else is asked.
_SASL = """pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN
sasldb_path: {directory}/sasldb2
"""

_MC = """
OSTYPE(`linux')
define(`confDOMAIN_NAME', `{host}')
define(`confSERVICE_SWITCH_FILE', `{directory}/service.switch')
define(`confPID_FILE', `{directory}/sendmail.pid')
define(`confCW_FILE', `-o {directory}/local-host-names')
define(`confDONT_PROBE_INTERFACES', `True')
define(`confTO_IDENT', `0')
define(`confLOG_LEVEL', `14')
define(`confDEF_USER_ID', `nobody')
define(`QUEUE_DIR', `{queue}')
define(`ALIAS_FILE', `')
define(`STATUS_FILE', `{directory}/statistics')
define(`HELP_FILE', `')
define(`SMART_HOST', `relay:[127.0.0.1]')
define(`RELAY_MAILER_ARGS', `TCP $h {sink_port}')
define(`confAUTH_MECHANISMS', `PLAIN')
TRUST_AUTH_MECH(`PLAIN')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
FEATURE(`promiscuous_relay')
FEATURE(`no_default_msa')
DAEMON_OPTIONS(`Family=inet, Address=127.0.0.1, Port={port}, Name=MTA')
INPUT_MAIL_FILTER(`vscan', `S={milter}, F=T')
{more}
MAILER(`local')
MAILER(`smtp')
LOCAL_CONFIG
ESASL_PATH={sasl_path}
ESASL_CONF_PATH={directory}/sasl
"""

# Runs in the namespaces; $1 is the directory, the rest the command.
_ENTER = """
set -e
cd "$1"; shift
hostname {host}
mount --bind hosts /etc/hosts
mount -t tmpfs -o mode=755 none dev
for node in null zero random urandom tty; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
touch dev/log
mount --bind log.socket dev/log
mount --rbind dev /dev
exec "$@"
"""


def unpacked():
    """The directory with Sendmail's files, fetched if need be."""
    needs.root()
    root = needs.build() / "sendmail-root"
    with open(needs.build() / "sendmail-root.lock", "w",
              encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _unpack(root)
    return root


def _unpack(root):
    needs.program("m4")
    new = root.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    packages = new / "packages"
    packages.mkdir(parents=True)
    done = procs.run(["apt-get", "download", "-q", *_PACKAGES],
                     check=False, timeout=300, cwd=packages)
    if done.returncode != 0:
        raise needs.Missing(f"can't fetch Sendmail: {done.stderr.strip()}")
    for package in packages.iterdir():
        procs.run(["dpkg", "-x", package, new])
    # A binary with setgid would not be given LD_LIBRARY_PATH.
    (new / "usr/libexec/sendmail/sendmail").chmod(0o755)
    new.rename(root)


class Sendmail(Mta):
    """One daemon: up in the with block, down and gone after it."""

    def __init__(self, directory, sink_port, milter, queue=".", more=""):
        """milter is the socket as Sendmail spells it (local:PATH); queue the
        QUEUE_DIR below its queue directory, where it may end with a "*"; more
        stands in its .mc file."""
        self._root = unpacked()
        self.directory = pathlib.Path(directory)
        self.port = ports.free_port()
        self.queue = self.directory / "queue"
        self.log_file = self.directory / "sendmail.log"
        self.cf = self.directory / "sendmail.cf"
        self.directory.mkdir(mode=0o755)
        self.queue.mkdir(mode=0o700)
        (self.directory / "dev").mkdir()
        (self.directory / "service.switch").write_text(
            "passwd files\nhosts files\naliases files\n")
        (self.directory / "hosts").write_text(
            f"127.0.0.1 localhost {_HOST}\n")
        self._sasl_path = self.directory / "sasl-plugins"
        self._make_login()
        self._make_cf(sink_port=sink_port, milter=milter, more=more,
                      queue=self.queue / queue, sasl_path=self._sasl_path)
        self._syslog = SyslogSink(self.directory / "log.socket",
                                  self.log_file)
        self._process = None

    def _make_login(self):
        # Copied, for Sendmail takes none from below a directory that
        # everybody may write to.
        plugins, = self._root.glob("usr/lib/*-linux-gnu/sasl2")
        shutil.copytree(plugins, self._sasl_path)
        conf = self.directory / "sasl"
        conf.mkdir(mode=0o700)
        (conf / "Sendmail.conf").write_text(
            _SASL.format(directory=self.directory))
        name, _, realm = LOGIN.partition("@")
        procs.run([self._root / "usr/sbin/saslpasswd2", "-p", "-c",
                   "-f", self.directory / "sasldb2", "-u", realm, name],
                  stdin=None, input=PASSWORD, env=dict(
                      self._environment(), SASL_PATH=str(self._sasl_path)))

    def _make_cf(self, **values):
        mc_file = self.cf.with_suffix(".mc")
        mc_file.write_text(_MC.format(
            host=_HOST, directory=self.directory, port=self.port, **values))
        cf_dir = self._root / "usr/share/sendmail/cf"
        self.cf.write_text(procs.run(
            ["m4", f"-D_CF_DIR_={cf_dir}/", cf_dir / "m4/cf.m4", mc_file]
        ).stdout)
        self.cf.chmod(0o644)

    def _argv(self, *arguments):
        return ["unshare", "-u", "-m", "sh", "-c", _ENTER.format(host=_HOST),
                "sh", self.directory,
                self._root / "usr/libexec/sendmail/sendmail", *arguments]

    def _environment(self):
        libraries = [*self._root.glob("lib/*-linux-gnu"),
                     *self._root.glob("usr/lib/*-linux-gnu")]
        return dict(os.environ,
                    LD_LIBRARY_PATH=":".join(str(path)
                                             for path in libraries))

    def start(self):
        self._syslog.start()
        with (self.directory / "stderr.log").open("wb") as stderr:
            self._process = procs.start(
                self._argv("-C", self.cf, "-bD", "-q1s"),
                env=self._environment(),
                stdout=stderr, stderr=stderr)
        self.wait_greeting(self._process)

    def stop(self):
        if self._process is not None:
            family = procs.descendants(self._process.pid)
            procs.stop(self._process)
            for pid in family:
                procs.signal_if_alive(pid)
            procs.wait_gone(family)
        self._syslog.stop()

    def make_program(self):
        """Makes what others may run as Sendmail's program; returns its
        path."""
        path = self.directory / "program"
        words = [f"LD_LIBRARY_PATH={self._environment()['LD_LIBRARY_PATH']}",
                 *(str(word) for word in self._argv())]
        path.write_text(f'#!/bin/sh\nexec env {shlex.join(words)} "$@"\n')
        path.chmod(0o755)
        return path

    def quarantined(self):
        """The queue IDs of the mails that a milter quarantined."""
        return sorted(path.name.removeprefix("hf")
                      for path in self.queue.rglob("hf*"))
