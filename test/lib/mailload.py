# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A steady load of small mails through an MTA, and what became of each."""

import contextlib
import threading
import time

import mails
import smtpclient

SENDERS = 5


class Load:
    """So many mails a second, over sessions that stay open."""

    def __init__(self, port, rate):
        self._port = port
        self._pause = SENDERS / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers = {}   # by the mail's own word
        self.errors = []
        self._threads = [threading.Thread(target=self._send)
                         for _ in range(SENDERS)]

    def _send(self):
        try:
            with smtpclient.Client(self._port) as client:
                due = time.monotonic()
                while not self._stop.is_set():
                    mail = mails.plain()
                    word = mails.fields_named(mail, "Subject")[0].encode()
                    answer = client.deliver(mail)
                    with self._lock:
                        self.answers[word] = answer
                    due += self._pause
                    time.sleep(max(0.0, due - time.monotonic()))
        except Exception as error:   # the test says what it was
            self.errors.append(error)

    @contextlib.contextmanager
    def running(self):
        """It runs in the block, and has ended after it."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def count(self):
        """How many mails have been answered."""
        with self._lock:
            return len(self.answers)
