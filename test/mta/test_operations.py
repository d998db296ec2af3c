#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What an administrator does to the service in the middle of the day costs
nobody a deferral, and no mail is lost or doubled."""

import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import needs
import postfix
import procs
import signatures
import testmain
from daemoncase import MtaCase
from mailload import Load
from waiting import wait_until

RATE = 50
# Before and after what is done.
MAILS = 3 * RATE


class OperationsCase(MtaCase):
    """Postfix under a load of small mails, with slow ones among them."""

    @classmethod
    def enter_mta(cls):
        mta = postfix.Postfix(cls.scratch / "postfix", cls.sink.port,
                              "unix:vscan/milter.sock",
                              default_process_limit="50")
        socket = mta.make_socket_directory()
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            socket=f"unix:{socket}/milter.sock")),
                cls.enterClassContext(mta))

    def more_mails(self, load, timeout=60):
        """Waits until MAILS more have been answered."""
        before = load.count()
        wait_until(f"{MAILS} more mails", lambda: (
            load.errors or load.count() >= before + MAILS), timeout)

    def assert_all_delivered_once(self, load):
        """Each mail of the load was accepted, and came once."""
        self.assertEqual(load.errors, [])
        self.assertEqual([answer for answer in load.answers.values()
                          if answer.code != 250], [])
        wait_until("the last deliveries", lambda: self.counts(load) == {
            word: 1 for word in load.answers}, 60)

    def counts(self, load):
        """How often each mail of the load has come to the sink."""
        words = collections.Counter(
            mails.fields_named(delivery.data, "Subject")[0].encode()
            for delivery in list(self.sink.deliveries))
        return {word: words[word] for word in load.answers}

    def under_load(self, operation):
        """Does it in the middle of the load."""
        load = Load(self.mta.port, RATE)
        with load.running():
            self.more_mails(load)
            operation()
            self.more_mails(load)
        self.assert_all_delivered_once(load)

    def control(self, option):
        """vscan-milter --restart and its like."""
        procs.run([needs.daemon(), "-c", self.daemon.config_file, option])

    def test_restart(self):
        def restart():
            since = self.daemon.mark()
            self.control("--restart")
            self.daemon.wait_in_service(since)
        self.under_load(restart)

    def test_new_signatures(self):
        def update():
            since = self.daemon.mark()
            (self.database / f"{mails.token()}.ndb").write_text(
                signatures.body_signature("Vscan.Test.New",
                                          mails.token().encode()))
            self.control("--reload")
            self.daemon.wait_in_service(since)
        self.under_load(update)

    def test_new_configuration(self):
        def configure():
            since = self.daemon.mark()
            settings = daemon.merged(self.daemon.settings, {
                "deadline": {"reply": "59s"},
                "engine": {"max_files": 9000}})
            self.daemon.config_file.write_text(daemon.config_text(settings))
            self.control("--reload")
            self.daemon.wait_log("deadline.reply", since)
            self.daemon.wait_in_service(since)
        self.under_load(configure)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
