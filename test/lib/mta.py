# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the tests ask of either MTA."""

import re
import socket

from running import Running
from waiting import PATIENCE, wait_until


class Mta(Running):
    """A server on .port of loopback that writes .log_file."""

    port = None
    log_file = None

    def wait_greeting(self, process):
        """Waits until a new SMTP session is greeted; fails if process ends
        before, or the log has a fatal error.  Postfix accepts connections,
        and never answers them, where smtpd can't start."""
        def greets():
            assert process.poll() is None, f"it ended: {process.args}"
            assert " fatal: " not in self.log(), self.log()
            try:
                with socket.create_connection(
                        ("127.0.0.1", self.port), timeout=1) as link:
                    return link.recv(4).startswith(b"220")
            except OSError:
                return False
        wait_until(f"the greeting of {type(self).__name__}", greets)

    def log(self):
        """All of its log so far."""
        try:
            return self.log_file.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, timeout=PATIENCE):
        """Waits for a log line that the regular expression is found in."""
        return wait_until(f"{pattern} in {self.log_file}",
                          lambda: re.search(pattern, self.log()), timeout)
