# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Test cases with the daemon in them, alone or behind an MTA."""

import contextlib
import unittest

import mails
import signatures
import smtpclient
from daemon import Daemon
from milterclient import MilterClient
from scratchdir import scratch_dir
from sink import Sink


@contextlib.contextmanager
def fresh_daemon(signature_files=None, **options):
    """A daemon of its own, in a directory of its own, in service.

    signature_files are added to its set: {name: text}; options are Daemon's.
    """
    with scratch_dir() as path:
        database = signatures.make_set(path / "signatures")
        for name, text in (signature_files or {}).items():
            (database / name).write_text(text)
        with Daemon(path / "daemon", database, **options) as daemon:
            yield daemon


class DaemonCase(unittest.TestCase):
    """Tests that share one daemon, which they talk to as an MTA would."""

    settings = {}
    signature_files = {}
    expected_log = ()   # errors and warnings that its tests make (daemon.py)

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(fresh_daemon(
            cls.signature_files, expected_log=cls.expected_log,
            **cls.settings))

    def run(self, result=None):
        """Each test; what it made the daemon complain of is its failure."""
        since = self.daemon.mark()
        self.addCleanup(lambda: self.daemon.assert_log_expected(since))
        return super().run(result)

    def session(self, **options):
        """A milter session with its client connected, closed at the end."""
        client = self.enterContext(
            MilterClient(self.daemon.socket, **options))
        client.connect()
        return client

    def deliver(self, mail, **envelope):
        """One mail in a session of its own; returns its Outcome."""
        client = self.session()
        outcome = client.deliver(mail, **envelope)
        client.quit()
        return outcome

    def assert_in_service(self):
        """The next mails are scanned, and found out."""
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        self.assertEqual(self.deliver(
            mails.plain(signatures.EICAR + b"\r\n")).action, "reject")


class MtaCase(unittest.TestCase):
    """Tests that share an MTA with the daemon in it and a sink behind."""

    daemon = None
    mta = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.database = signatures.make_set(cls.scratch / "signatures")
        cls.sink = cls.enterClassContext(Sink())
        cls.daemon, cls.mta = cls.enter_mta()

    @classmethod
    def enter_mta(cls):
        """Enters a Daemon and an Mta with enterClassContext() and returns
        them."""
        raise NotImplementedError

    def deliver(self, mail, **envelope):
        """One mail over SMTP, in a session of its own."""
        return smtpclient.deliver(self.mta.port, mail, **envelope)

    def own_word(self, mail):
        """A text that this mail alone has: its subject's token."""
        return mails.fields_named(mail, "Subject")[0].encode()

    def assert_delivered(self, mail, *, ours=1):
        """It came to the sink as it was sent, but for what was added."""
        got = self.sink.wait_for(self.own_word(mail)).data
        self.assertEqual(
            mails.without_fields(got, "Received", "X-Virus-"),
            mails.without_fields(mail, "X-Virus-"))
        self.assertEqual(len(mails.fields_named(got, "X-Virus-Status")), ours)
        self.assertEqual(
            len(mails.fields_named(got, "X-Virus-Scanned")), ours)
        return got

    def assert_not_delivered(self, mail):
        """It is not at the sink, but for a bounce to its sender.  For mails
        whose end has been seen."""
        self.assertEqual([], [
            delivery for delivery in self.sink.holding(self.own_word(mail))
            if mails.RECIPIENT in delivery.recipients])
