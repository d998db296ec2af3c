# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The other end of /dev/log, for an MTA that logs nowhere else."""

import socket
import threading

from running import Running


class SyslogSink(Running):
    """Writes what comes to path into a file."""

    def __init__(self, path, log_file):
        self._log_file = log_file
        log_file.touch()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._thread = threading.Thread(target=self._serve)

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
