# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A service manager as the service sees it: a socket for what it has to say,
and sockets that are opened for it."""

import contextlib
import select
import socket
import time


class ServiceManager:
    """What is sent to NOTIFY_SOCKET, message by message (sd_notify(3))."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self.messages = []      # dictionaries

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._socket.close()

    def environment(self, watchdog=None):
        """For a service that this manager starts; watchdog in seconds."""
        variables = {"NOTIFY_SOCKET": self.path}
        if watchdog is not None:
            variables["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        return variables

    def _receive(self, timeout):
        """The next message, or None."""
        if not select.select([self._socket], [], [], timeout)[0]:
            return None
        text = self._socket.recv(65536).decode()
        message = dict(line.split("=", 1) for line in text.splitlines())
        self.messages.append(message)
        return message

    def take_all(self):
        """What has been sent up to now."""
        while self._receive(0) is not None:
            pass
        return self.messages

    def wait(self, name, matches=lambda value: True, timeout=30.0):
        """Waits for a message that has name, and a value that matches."""
        deadline = time.monotonic() + timeout
        while (message := self._receive(
                max(0, deadline - time.monotonic()))) is not None:
            if name in message and matches(message[name]):
                return message
        raise AssertionError(f"not within {timeout} s: {name} for the service "
                             f"manager, but {self.messages[-5:]}")

    def is_silent(self, name, seconds):
        """True if no message has name for so long."""
        self.take_all()
        with contextlib.suppress(AssertionError):
            self.wait(name, timeout=seconds)
            return False
        return True


# Hands its first argument, a descriptor, or several with commas, to the command
# that follows, as systemd does.
LAUNCHER = """
import os, sys
fds = [os.dup(int(fd)) for fd in sys.argv[1].split(",")]
fds = [os.dup2(fd, 100 + at) for at, fd in enumerate(fds)]
for at, fd in enumerate(fds):
    os.dup2(fd, 3 + at)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(fds))
os.execv(sys.argv[2], sys.argv[2:])
"""


def hand_over(daemon, *sockets):
    """Has the daemon, which is not started yet, be given these."""
    numbers = [each.fileno() for each in sockets]
    daemon.inherited = numbers
    daemon.run_with = ["/usr/bin/python3", "-c", LAUNCHER,
                       ",".join(map(str, numbers))]
