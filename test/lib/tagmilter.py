# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Another milter, to stand before the one that is tested.

It accepts all mail and adds headers to it, new ones for each try.
"""

import itertools
import socketserver
import struct
import threading

import milterclient
from running import Running

_ADD_HEADERS = 0x1
_ONLY_THE_END = (milterclient.NO_CONNECT | milterclient.NO_HELO |
                 milterclient.NO_MAIL | milterclient.NO_RCPT |
                 milterclient.NO_BODY | milterclient.NO_HEADERS |
                 milterclient.NO_EOH | milterclient.NO_UNKNOWN |
                 milterclient.NO_DATA)


class _Session(socketserver.StreamRequestHandler):
    def _frames(self):
        while len(head := self.rfile.read(4)) == 4:
            data = self.rfile.read(struct.unpack("!I", head)[0])
            yield data[:1], data[1:]

    def _send(self, command, data=b""):
        self.wfile.write(struct.pack("!I", len(data) + 1) + command + data)

    def handle(self):
        for command, _ in self._frames():
            if command == b"O":
                self._send(b"O", struct.pack("!III", 6, _ADD_HEADERS,
                                             _ONLY_THE_END))
            elif command == b"E":
                for name, value in self.server.owner.headers():
                    self._send(b"h", f"{name}\0{value}\0".encode())
                self._send(b"c")
            elif command == b"Q":
                return


class TagMilter(Running):
    """Its socket is .socket; make(n) gives the headers of the n-th mail, as
    pairs of name and value."""

    def __init__(self, make):
        self._make = make
        self._tries = itertools.count(1)
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0),
                                                       _Session)
        self._server.daemon_threads = True
        self._server.owner = self
        self.socket = f"inet:127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def headers(self):
        """Those of the next mail."""
        return self._make(next(self._tries))

    def start(self):
        self._thread.start()

    def stop(self):
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
