# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The other end of /dev/log: for programs that log nowhere else, and with a
/dev of their own for those whose log is to be looked at."""

import socket
import threading

from running import Running

# A mount namespace with a /dev of its own, in which log is our socket.
_ENTER = """
set -e
cd "$1"
shift
mkdir -p dev
mount --make-rprivate /
mount -t tmpfs -o mode=755 none dev
for node in null zero full random urandom tty; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
ln -s "$PWD/log.socket" dev/log
mount --rbind dev /dev
exec "$@"
"""


def private_log(directory):
    """A command that starts what follows it so that /dev/log is the socket
    log.socket in this directory."""
    return ["unshare", "-m", "sh", "-c", _ENTER, "sh", directory]


class SyslogSink(Running):
    """Writes what comes to path into a file."""

    def __init__(self, path, log_file):
        self._log_file = log_file
        log_file.touch()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        if self._thread.is_alive():
            # An empty datagram is what no syslog client sends.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"", self._socket.getsockname())
            self._thread.join()
        self._socket.close()

    def _serve(self):
        with self._log_file.open("ab", buffering=0) as log:
            while line := self._socket.recv(65536):
                log.write(line.rstrip(b"\n\0") + b"\n")


class StuckSyslog(Running):
    """A syslog daemon that hangs: its socket is full, and nobody reads."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)

    def start(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"full", self._socket.getsockname())
            except BlockingIOError:
                pass

    def stop(self):
        self._socket.close()
