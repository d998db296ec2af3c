#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The release service with real mail in the quarantine of a real Postfix."""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import needs
import postfix
import release
import smtpclient
import testmain
from release import DELETE, INSPECT, RELEASE
from scratchdir import scratch_dir
from sink import Sink
from waiting import wait_until

HOUR = 3600


class Held:
    """A mail in the quarantine, as the milter would remember it."""

    def __init__(self, mail, mark, queue_id):
        self.mail = mail
        self.mark = mark
        self.queue_id = queue_id
        self.size = len(mail)
        self.arrived_at = int(time.time())

    def named(self, **changes):
        """What a request has in it behind the verb."""
        return [changes.get(name, getattr(self, name))
                for name in ("queue_id", "mark", "size", "arrived_at")]


class PostfixCase(unittest.TestCase):
    """Mail that Postfix itself holds, since a rule says so."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.sink = cls.enterClassContext(Sink())
        cls.mta = cls.enterClassContext(postfix.Postfix(
            cls.scratch / "postfix", cls.sink.port, "",
            smtpd_end_of_data_restrictions="check_sender_access static:HOLD"))
        cls.release = cls.enterClassContext(release.Release(
            cls.scratch / "release",
            {"hold": {"mta": [f"postfix:{cls.scratch}/postfix/config"]}}))

    def hold(self, mail=None):
        mark = release.new_mark()
        mail = mail or mails.plain(
            X_Virus_Status=f"Not scanned (held {mark})")
        before = set(self.mta.waiting_in("hold"))
        self.assertEqual(smtpclient.deliver(self.mta.port, mail).code, 250)
        queue_id, = set(self.mta.waiting_in("hold")) - before
        return Held(mail, mark, queue_id)

    def ask(self, verb, held, **changes):
        return self.release.ask(verb, *held.named(**changes)).result

    def test_held_mail_is_found_released_and_delivered_at_once(self):
        held = self.hold()
        self.assertEqual(self.ask(INSPECT, held), "done")
        self.assertEqual(self.ask(RELEASE, held), "done")
        self.sink.wait_for(held.mark.encode(), 5)
        self.assertIn(self.ask(RELEASE, held), ("absent", "not-held"))

    def test_held_mail_is_deleted(self):
        held, other = self.hold(), self.hold()
        self.assertEqual(self.ask(DELETE, held), "done")
        self.assertNotIn(held.queue_id, self.mta.waiting_in("hold"))
        self.assertIn(other.queue_id, self.mta.waiting_in("hold"))
        self.assertEqual(self.ask(DELETE, held), "absent")

    def test_mail_that_is_not_meant_is_left_alone(self):
        held = self.hold()
        for changes in ({"mark": release.new_mark()},
                        {"size": held.size + 1024 ** 2},
                        {"arrived_at": held.arrived_at - 72 * HOUR}):
            for verb in (INSPECT, RELEASE, DELETE):
                self.assertEqual(self.ask(verb, held, **changes), "other")
        self.assertIn(held.queue_id, self.mta.waiting_in("hold"))


if __name__ == "__main__":
    testmain.main(needs.root, postfix.needed)
