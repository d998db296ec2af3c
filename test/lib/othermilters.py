# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Milters that administrators run before ours: OpenDKIM and rspamd.

Each runs alone, with a configuration and a loopback port of its own, and asks
no DNS server.
"""

import pathlib
import socket

import needs
import ports
import procs
from running import Running
from waiting import wait_until


class OtherMilter(Running):
    """.socket is what smtpd_milters takes.  All files are below directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755)
        self.port = ports.free_port()
        self.socket = f"inet:127.0.0.1:{self.port}"
        self._process = None

    def _argv(self):
        raise NotImplementedError

    def start(self):
        output = open(self.directory / "output", "wb")
        with output:
            self._process = procs.start(self._argv(), stdout=output,
                                        stderr=output)

        def answers():
            assert self._process.poll() is None, \
                (self.directory / "output").read_text(errors="replace")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        wait_until(f"{type(self).__name__} on its port", answers, 60)

    def stop(self):
        if self._process is not None:
            procs.stop(self._process)


class OpenDkim(OtherMilter):
    """Signs what comes from domain; its two headers have the time of the try
    and the queue ID."""

    def __init__(self, directory, domain):
        super().__init__(directory)
        key = self.directory / "key.pem"
        procs.run([needs.program("openssl"), "genrsa", "-out", key, "2048"])
        key.chmod(0o600)
        (self.directory / "opendkim.conf").write_text(
            f"Mode s\nDomain {domain}\nSelector test\nKeyFile {key}\n"
            f"Socket inet:{self.port}@127.0.0.1\nSyslog no\n"
            "SoftwareHeader yes\nUserID root\nRequireSafeKeys no\n")

    def _argv(self):
        return [needs.program("opendkim"), "-f", "-x",
                self.directory / "opendkim.conf"]


_RSPAMD = """
options {{
	pidfile = "{0}/pid";
	tempdir = "{0}";
	dynamic_conf = "{0}/dynamic";
	control_socket = "{0}/control.sock";
	hs_cache_dir = "{0}";
	filters = "";
	dns {{ nameserver = ["127.0.0.1:{2}"]; timeout = 1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; }}
worker "rspamd_proxy" {{
	bind_socket = "127.0.0.1:{1}";
	milter = yes;
	count = 1;
	upstream "local" {{ default = yes; self_scan = yes; }}
}}
actions {{ reject = 1000; add_header = 500; }}
modules {{ path = "/usr/share/rspamd/plugins/milter_headers.lua"; }}
milter_headers {{
	extended_spam_headers = true;
	skip_local = false;
	skip_authenticated = false;
	use = ["authentication-results"];
}}
lua = "/usr/share/rspamd/rules/rspamd.lua";
"""


class Rspamd(OtherMilter):
    """Adds what its extended headers are: result, server, queue ID, action."""

    def __init__(self, directory):
        super().__init__(directory)
        (self.directory / "rspamd.conf").write_text(_RSPAMD.format(
            self.directory, self.port, ports.free_port()))

    def _argv(self):
        # -i: as root, which this one user alone talks to.
        return [needs.program("rspamd"), "-f", "-i", "-c",
                self.directory / "rspamd.conf"]
