# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The release service under test, and its wire as a peer speaks it."""

import dataclasses
import os
import pathlib
import re
import secrets
import socket
import struct
import time

import needs
import procs
from daemon import USER, config_text, merged, no_mta
from running import Running
from waiting import PATIENCE, wait_until

# wire/release.h: struct release_request and struct release_reply.
_REQUEST = struct.Struct("=II64s33s7xQq")
_REPLY = struct.Struct("=II256s")
assert (_REQUEST.size, _REPLY.size) == (128, 264)

INSPECT, RELEASE, DELETE = 1, 2, 3
_RESULTS = {1: "done", 2: "absent", 3: "other", 4: "not-held", 5: "failed"}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the service said: its result by name, and its text."""
    result: str
    text: str


def new_mark():
    """A mark as the filter makes them."""
    return secrets.token_hex(16)


def request(verb, queue_id, mark, size, arrived_at=None):
    """The bytes of a request; arrived_at None is now."""
    if arrived_at is None:
        arrived_at = int(time.time())
    return _REQUEST.pack(verb, 0, queue_id.encode(), mark.encode(), size,
                         arrived_at)


def exchange(path, data, timeout=60.0):
    """Sends one message and returns what comes back: b"" if the service
    closes the connection without an answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(timeout)
        link.connect(str(path))
        try:
            link.send(data)
            return link.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return b""


def ask(path, *what, timeout=60.0):
    """One request(); returns its Answer, or None where there was none."""
    data = exchange(path, request(*what), timeout)
    if not data:
        return None
    result, _, text = _REPLY.unpack(data)
    return Answer(_RESULTS[result], text.split(b"\0")[0].decode())


class Release(Running):
    """One service, for the MTAs in settings["hold"]["mta"].

    A Daemon is given .settings, so that it finds this service; other settings
    are taken from what is given here.
    """

    def __init__(self, directory, settings):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755, exist_ok=True)
        self.socket = self.directory / "socket" / "release.sock"
        self.log_file = self.directory / "release.log"
        self.config_file = self.directory / "vscan-release.conf"
        self.settings = {"hold": no_mta(self.directory)
                         | {"release_socket": str(self.socket)}
                         | settings.get("hold", {})}
        self.config_file.write_text(config_text(merged(
            {"user": USER, "log": {"target": "stderr", "level": "debug"}},
            settings, self.settings)))
        self.environment = {}   # beside the test's own
        self.stderr = None      # a file in the place of the log
        self._process = None

    @property
    def pid(self):
        """Its process id."""
        return self._process.pid

    def start(self):
        self.wait_log("vscan-release .* listens on", self.launch())

    def launch(self):
        """Starts it and waits for nothing; returns where its log begins."""
        with self.log_file.open("ab") as log:
            since = log.tell()
            self._process = procs.start(
                [needs.file(needs.build() / "sbin/vscan-release"),
                 "-c", self.config_file, "-f"],
                env=os.environ | self.environment,
                stdout=log, stderr=self.stderr or log)
        return since

    def stop(self):
        if self._process is not None:
            status = procs.stop(self._process)
            assert status == 0, f"it ended with {status}: {self.log()}"

    def kill(self):
        """kill -9."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def terminate(self, timeout=30):
        """SIGTERM, and the exit code that comes of it."""
        self._process.terminate()
        return self._process.wait(timeout)

    def ask(self, *what):
        """One request(), as root."""
        return ask(self.socket, *what)

    def log(self, since=0):
        """Its log from a byte on."""
        return self.log_file.read_bytes()[since:].decode(errors="replace")

    def wait_log(self, pattern, since=0, timeout=PATIENCE):
        """Waits for a line after since that matches; returns the match."""
        def found():
            assert self._process.poll() is None, \
                f"the release service has ended: {self.log()}"
            return re.search(pattern, self.log(since))
        return wait_until(f"{pattern} in the release service's log", found,
                          timeout)
