#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The release service with mail in the quarantine of real Postfix and real
Sendmail.

The mail is held by the daemon, which is told to quarantine clean mail and to
keep the X-Virus-Status header that the client has put a mark in.
"""

import contextlib
import fcntl
import pathlib
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import needs
import ports
import postfix
import release
import sendmail
import signatures
import smtpclient
import testmain
from release import DELETE, INSPECT, RELEASE
from scratchdir import scratch_dir
from sink import Sink
from waiting import wait_until

VERBS = (INSPECT, RELEASE, DELETE)
HOUR = 3600

SETTINGS = {"action": {"clean": "quarantine"},
            "headers": {"keep_from": ["127.0.0.0/8"]}}


class Held:
    """A mail in quarantine, as the milter would remember it."""

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


class ReleaseCase(unittest.TestCase):
    """One MTA with the daemon in it, and a release service."""

    # Where what is released goes; None: to nobody.
    sink = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.database = signatures.make_set(cls.scratch / "signatures")
        cls.sink = cls.enterClassContext(Sink())
        cls.mta, cls.release = cls.enter_mta(
            cls.enterClassContext, cls.scratch, cls.sink.port)

    def hold(self, text=b"Hello.\r\n", status="Not scanned ({mark})",
             **envelope):
        """Has a mail held; returns it as Held."""
        with smtpclient.Client(self.mta.port) as client:
            return self.hold_in(client, text, status, **envelope)

    def hold_in(self, client, text=b"Hello.\r\n",
                status="Not scanned ({mark})", **envelope):
        """The same in a session that is open."""
        mark = release.new_mark()
        mail = mails.plain(text, X_Virus_Status=status.format(mark=mark))
        before = set(self.held())
        answer = client.deliver(mail, **envelope)
        self.assertEqual(answer.code, 250, answer)
        queue_id, = set(self.held()) - before
        return Held(mail, mark, queue_id)

    def held(self):
        """The queue IDs of the mails in quarantine."""
        return self.held_by(self.mta)

    def ask(self, verb, held, **changes):
        """The result by name, of a request to .release."""
        return self.release.ask(verb, *held.named(**changes)).result

    def assert_all(self, result, held, **changes):
        """Every verb has the same result, and the mail stays held."""
        for verb in VERBS:
            self.assertEqual(self.ask(verb, held, **changes), result,
                             (verb, changes))
        self.assertIn(held.queue_id, self.held())


class ReleaseTests:
    """What both MTAs have to pass; to be mixed into a ReleaseCase."""

    def test_held_mail_is_found_released_and_delivered_at_once(self):
        held, other = self.hold(), self.hold()
        self.assertEqual(self.ask(INSPECT, held), "done")
        self.assertIn(held.queue_id, self.held())
        self.assertEqual(self.ask(RELEASE, held), "done")
        got = self.sink.wait_for(held.mark.encode()).data
        self.assertEqual(
            mails.without_fields(got, "Received", "X-Virus-"),
            mails.without_fields(held.mail, "X-Virus-"))
        self.assertIn(other.queue_id, self.held())
        self.assertIn(self.ask(RELEASE, held), ("absent", "not-held"))
        self.assertEqual(len(self.sink.holding(held.mark.encode())), 1)

    def test_held_mail_is_deleted(self):
        held, other = self.hold(), self.hold()
        self.assertEqual(self.ask(DELETE, held), "done")
        self.assertNotIn(held.queue_id, self.held())
        self.assertEqual([], [path for path in self.mta.queue.rglob("*")
                              if held.queue_id in path.name])
        self.assertIn(other.queue_id, self.held())
        self.assertEqual(self.ask(DELETE, held), "absent")
        self.assertEqual(self.ask(RELEASE, held), "absent")
        self.assertEqual(self.sink.holding(held.mark.encode()), [])

    def test_other_mails_of_the_session_are_left_alone(self):
        with smtpclient.Client(self.mta.port) as client:
            first, second, third = (self.hold_in(client) for _ in range(3))
        self.assertEqual(self.ask(RELEASE, first), "done")
        self.assertEqual(self.ask(DELETE, second), "done")
        self.sink.wait_for(first.mark.encode())
        self.assertIn(third.queue_id, self.held())
        self.assertEqual(self.ask(INSPECT, second), "absent")

    def test_mail_that_is_not_meant_is_left_alone(self):
        held = self.hold()
        for changes in ({"mark": release.new_mark()},
                        {"mark": held.mark[:-1] + "0"}
                        if held.mark[-1] != "0" else {"mark": "0" * 32},
                        {"size": held.size + 1024 ** 2},
                        {"size": 2 ** 63 - 1},
                        {"arrived_at": held.arrived_at - 72 * HOUR},
                        {"arrived_at": -2 ** 63}):
            self.assert_all("other", held, **changes)

    def test_size_and_time_need_not_be_exact(self):
        held = self.hold(b"\r\n" * 500_000)
        for changes in ({"size": held.size - 1000},
                        {"size": held.size + 1000},
                        {"arrived_at": held.arrived_at - 24 * HOUR},
                        {"arrived_at": held.arrived_at + 720 * HOUR}):
            self.assertEqual(self.ask(INSPECT, held, **changes), "done")
        self.assertEqual(self.ask(INSPECT, held, size=0), "other")

    def test_mark_counts_only_in_its_header_and_as_a_word(self):
        for status in ("Not scanned (x{mark})", "Not scanned ({mark}0)",
                       "Clean\r\nX-Virus: {mark}",
                       "Clean\r\nX-Virus-Status-2: {mark}",
                       "Clean\r\nSubject: X-Virus-Status: {mark}"):
            with self.subTest(status=status):
                self.assert_all("other", self.hold(status=status))
        mark = release.new_mark()
        held = self.hold(f"\r\nX-Virus-Status: {mark}\r\n".encode())
        self.assert_all("other", held, mark=mark)

    def test_mark_counts_in_any_such_header(self):
        for status in ("Clean\r\nX-Virus-Status: {mark}",
                       "Clean\r\nx-virus-STATUS:{mark}",
                       "Not scanned\r\n\t(late,\r\n mark={mark})"):
            with self.subTest(status=status):
                held = self.hold(status=status)
                self.assertEqual(self.ask(INSPECT, held), "done")
                self.assertEqual(self.ask(RELEASE, held), "done")
                self.sink.wait_for(held.mark.encode())

    def test_mail_that_is_not_there_is_absent(self):
        held = self.hold()
        for queue_id in (held.queue_id[:-1], held.queue_id + "0",
                         "0", "Z" * 63, "ALL"):
            self.assert_all("absent", held, queue_id=queue_id)

    def test_queue_id_that_is_none_is_not_answered(self):
        held = self.hold()
        for queue_id in ("", "-d", "*", "../" + held.queue_id,
                         held.queue_id + " ALL", "Z" * 64):
            for verb in VERBS:
                self.assertIsNone(self.release.ask(
                    verb, *held.named(queue_id=queue_id)))
        self.assert_all("other", held, mark=release.new_mark())

    def test_every_request_is_a_line_in_the_log(self):
        held = self.hold()
        since = len(self.release.log())
        self.ask(INSPECT, held)
        self.ask(DELETE, held, mark=release.new_mark())
        self.release.wait_log(
            rf"release: {held.queue_id}: verb=inspect, "
            rf"result=done, mta={self.NAME}:\S+\n", since)
        self.release.wait_log(
            rf"warning: release: {held.queue_id}: "
            rf"verb=delete, result=other, mta={self.NAME}:\S+: "
            r"it doesn't carry the mark\n", since)
        self.assertNotIn(held.mark, self.release.log(since))


class NotHeldTests:
    """Mail that was released and can't be delivered, so that it is in the
    queue, but not held; to be mixed into a ReleaseCase."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.database = signatures.make_set(cls.scratch / "signatures")
        cls.mta, cls.release = cls.enter_mta(
            cls.enterClassContext, cls.scratch, ports.free_port())

    def test_mail_that_is_no_longer_held_is_left_alone(self):
        held = self.hold()
        self.assertEqual(self.ask(RELEASE, held), "done")
        wait_until("its place in the queue",
                   lambda: self.ask(INSPECT, held) == "not-held")
        for verb in VERBS:
            self.assertEqual(self.ask(verb, held), "not-held")
            self.assertEqual(
                self.ask(verb, held, mark=release.new_mark()), "other")
        self.assertTrue(any(held.queue_id in path.name
                            for path in self.mta.queue.rglob("*")))


def enter_postfix(enter, scratch, sink_port, **settings):
    """A daemon and Postfix, and a release service for it.

    Postfix looks through its queue seldom, as it does by default: so what is
    delivered at once is not delivered by chance.
    """
    mta = postfix.Postfix(
        scratch / "postfix", sink_port, "unix:vscan/milter.sock",
        **{"queue_run_delay": "300s", "minimal_backoff_time": "300s"}
        | settings)
    socket = mta.make_socket_directory()
    enter(daemon.Daemon(
        scratch / "postfix-daemon", scratch / "signatures",
        socket=f"unix:{socket}/milter.sock", **SETTINGS))
    enter(mta)
    return mta, enter(release.Release(
        scratch / "postfix-release",
        {"hold": {"mta": [f"postfix:{mta.config}"]}}))


def enter_sendmail(enter, scratch, sink_port, directories=(), **options):
    """The same with Sendmail, and directories in its queue directory."""
    served = enter(daemon.Daemon(
        scratch / "sendmail-daemon", scratch / "signatures", **SETTINGS))
    socket = served.socket.removeprefix("unix:")
    mta = sendmail.Sendmail(scratch / "sendmail", sink_port,
                            f"local:{socket}", **options)
    for path in directories:
        (mta.queue / path).mkdir(parents=True)
    enter(mta)
    return mta, enter(release.Release(
        scratch / "sendmail-release",
        {"hold": {"mta": [f"sendmail:{mta.cf}"],
                  "sendmail": str(mta.make_program())}}))


class PostfixCase(ReleaseCase):
    NAME = "postfix"
    enter_mta = staticmethod(enter_postfix)

    @staticmethod
    def held_by(mta):
        return mta.waiting_in("hold")


class SendmailCase(ReleaseCase):
    NAME = "sendmail"
    enter_mta = staticmethod(enter_sendmail)

    @staticmethod
    def held_by(mta):
        return mta.quarantined()


class ReleaseInPostfix(ReleaseTests, PostfixCase):
    """The common tests, and what only Postfix can do."""

    def test_id_that_means_all_mail_to_postsuper_is_none(self):
        held = self.hold()
        hold_queue = self.mta.queue / "hold"
        shutil.copy2(hold_queue / held.queue_id, hold_queue / "ALL")
        shutil.chown(hold_queue / "ALL", "postfix", "postfix")
        try:
            self.assert_all("absent", held, queue_id="ALL")
        finally:
            (hold_queue / "ALL").unlink()

    def test_mail_that_is_being_received_is_absent(self):
        mark = release.new_mark()
        before = set(self.mta.waiting_in("incoming"))
        with smtpclient.Client(self.mta.port) as client:
            client.begin()
            queue_id, = set(self.mta.waiting_in("incoming")) - before
            held = Held(b"", mark, queue_id)
            for verb in VERBS:
                self.assertEqual(self.ask(verb, held), "absent")
            answer = client.end(mails.plain(X_Virus_Status=mark))
            self.assertEqual(answer.code, 250, answer)
        wait_until("the mail in quarantine",
                   lambda: queue_id in self.held())
        self.assertEqual(self.ask(INSPECT, held), "done")

    def test_mail_that_is_being_written_is_left_alone(self):
        held = self.hold()
        path = self.mta.queue / "hold" / held.queue_id
        path.chmod(0o600)       # Postfix's sign of an unfinished file
        for verb in (RELEASE, DELETE):
            self.assertEqual(self.ask(verb, held), "failed")
        path.chmod(0o700)
        self.assertEqual(self.ask(RELEASE, held), "done")

    def test_release_is_confined(self):
        status = pathlib.Path(f"/proc/{self.release.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        # CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID, CAP_SETUID
        self.assertEqual({int(fields[name], 16) for name in
                          ("CapBnd", "CapPrm", "CapEff")}, {0b11100010})
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(fields["Seccomp"].strip(),
                         "0" if needs.has_sanitizer() else "2")


class ReleaseInPostfixWithHashedQueues(PostfixCase):
    """Queues with directories in them, long queue IDs, a zone of its own."""

    @classmethod
    def enter_mta(cls, *arguments):
        return enter_postfix(
            *arguments, hash_queue_names="hold deferred", hash_queue_depth="2",
            enable_long_queue_ids="yes",
            import_environment="MAIL_CONFIG TZ=Pacific/Kiritimati")

    def test_held_mail_is_found_and_released(self):
        held = self.hold()
        self.assertEqual(self.ask(INSPECT, held), "done")
        self.assertEqual(self.ask(RELEASE, held), "done")
        self.sink.wait_for(held.mark.encode())


class NotHeldInPostfix(NotHeldTests, PostfixCase):
    pass


class StoppedPostfix(PostfixCase):
    """Nobody delivers."""

    def test_released_mail_waits_for_postfix(self):
        held = self.hold()
        self.mta.stop()
        self.assertEqual(self.ask(INSPECT, held), "done")
        answer = self.release.ask(RELEASE, *held.named())
        self.assertEqual(answer.result, "failed")
        self.assertIn("it is released, but waits", answer.text)
        self.assertEqual(self.ask(RELEASE, held), "not-held")
        self.mta.start()
        self.sink.wait_for(held.mark.encode(), 20)


class ReleaseInSendmail(ReleaseTests, SendmailCase):
    """The common tests, and what only Sendmail can do."""

    def test_id_that_is_part_of_anothers_is_not_released(self):
        held = self.hold()
        queue = self.mta.queue
        for kind in ("hf", "df"):
            shutil.copy2(queue / f"{kind}{held.queue_id}",
                         queue / f"{kind}{held.queue_id}7")
        answer = self.release.ask(RELEASE, *held.named())
        self.assertEqual(answer.result, "failed")
        self.assertIn("part of another's", answer.text)
        self.assertEqual(self.ask(DELETE, held,
                                  queue_id=held.queue_id + "7"), "done")
        self.assertEqual(self.ask(RELEASE, held), "done")
        self.sink.wait_for(held.mark.encode())

    def test_mail_that_sendmail_has_locked_is_left_alone(self):
        held = self.hold()
        path = self.mta.queue / f"hf{held.queue_id}"
        for lock in (fcntl.flock, fcntl.lockf):
            with path.open("r+b") as file:
                lock(file, fcntl.LOCK_EX)
                self.assertEqual(self.ask(DELETE, held), "failed")
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.assertEqual(self.ask(INSPECT, held), "done")
            answer = self.release.ask(RELEASE, *held.named())
            self.assertEqual(answer.result, "failed")
            self.assertIn("still held", answer.text)
        self.assertEqual(self.ask(RELEASE, held), "done")
        self.sink.wait_for(held.mark.encode())

    def test_unfinished_and_strange_files_are_left_alone(self):
        held = self.hold()
        path = self.mta.queue / f"hf{held.queue_id}"
        text = path.read_bytes()
        path.write_bytes(text.removesuffix(b".\n"))
        self.assert_all("absent", held)
        path.unlink()
        path.mkdir()
        self.assert_all("absent", held)
        path.rmdir()
        elsewhere = self.scratch / "elsewhere"
        elsewhere.write_bytes(text)
        path.symlink_to(elsewhere)
        self.assert_all("absent", held)
        path.unlink()
        path.write_bytes(text)
        path.chmod(0o600)
        self.assertEqual(self.ask(DELETE, held), "done")


class ReleaseInSendmailWithManyQueues(SendmailCase):
    """Queue directories by a pattern and by a group, some of which have their
    kinds of files in directories of their own."""

    GROUP = ("QUEUE_GROUP(`other', `P={queue}/group*, F=f')\n"
             "LOCAL_RULESETS\n"
             "Squeuegroup\n"
             "R$* other.example $*\t$# other\n"
             "R$*\t$# mqueue\n")
    RECIPIENTS = ("somebody@other.example", mails.RECIPIENT)

    @classmethod
    def enter_mta(cls, *arguments):
        queue = cls.scratch / "sendmail/queue"
        return enter_sendmail(
            *arguments, queue="main*", more=cls.GROUP.format(queue=queue),
            directories=("main1", "main2/qf", "main2/df", "main2/xf",
                         "group1/qf", "group1/df", "group2"))

    def hold_divided(self):
        """A mail whose recipients belong to both groups: Sendmail makes two
        of it, and the milter knows the queue ID of one."""
        mail = release.new_mark()
        before = set(self.held())
        text = mails.plain(X_Virus_Status=f"Not scanned ({mail})")
        known = smtpclient.deliver(
            self.mta.port, text, recipients=self.RECIPIENTS).text.split()[1]
        new = set(self.held()) - before
        self.assertEqual(len(new), 2)
        self.assertIn(known, new)
        return Held(text, mail, known), (new - {known}).pop()

    def test_all_parts_of_a_divided_mail_are_released(self):
        held, _ = self.hold_divided()
        self.assertEqual(self.ask(INSPECT, held), "done")
        self.assertEqual(self.ask(RELEASE, held), "done")
        wait_until("both deliveries", lambda: len(
            self.sink.holding(held.mark.encode())) == 2)
        # Sendmail removes a mail from its queue after the delivery.
        wait_until("the end of the mail",
                   lambda: self.ask(RELEASE, held) == "absent")

    def test_all_parts_of_a_divided_mail_are_deleted(self):
        held, other = self.hold_divided()
        self.assertEqual(self.ask(DELETE, held), "done")
        for queue_id in (held.queue_id, other):
            self.assertEqual([], [*self.mta.queue.rglob(f"*{queue_id}")])

    def test_part_that_is_left_is_still_the_mail(self):
        for verb in (RELEASE, DELETE):
            held, other = self.hold_divided()
            path, = self.mta.queue.rglob(f"hf{other}")
            with path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                fcntl.lockf(file, fcntl.LOCK_EX)
                self.assertEqual(self.ask(verb, held), "failed")
            self.assertEqual(self.held().count(held.queue_id), 0)
            self.assertIn(other, self.held())
            self.assertEqual(self.ask(INSPECT, held), "done")
            self.assertNotEqual(self.ask(
                verb, held, mark=release.new_mark()), "done")
            self.assertIn(other, self.held())
            self.assertEqual(self.ask(verb, held), "done")
            self.assertNotIn(other, self.held())

    def test_held_mail_is_found_in_every_directory(self):
        for recipient in self.RECIPIENTS:
            places = set()
            while len(places) < 2:
                held = self.hold(recipients=(recipient,))
                path, = self.mta.queue.rglob(f"hf{held.queue_id}")
                verb = DELETE if path.parent in places else RELEASE
                places.add(path.parent)
                self.assertEqual(self.ask(INSPECT, held), "done", path)
                self.assertEqual(self.ask(verb, held), "done", path)
                if verb == RELEASE:
                    self.sink.wait_for(held.mark.encode())
                wait_until(f"the end of {path}", lambda: not [
                    *self.mta.queue.rglob(f"?f{held.queue_id}")])


class NotHeldInSendmail(NotHeldTests, SendmailCase):
    pass


class StoppedSendmail(SendmailCase):
    """The daemon isn't needed: the release delivers by itself."""

    def test_released_mail_is_delivered(self):
        held = self.hold()
        self.mta.stop()
        self.assertEqual(self.ask(RELEASE, held), "done")
        self.sink.wait_for(held.mark.encode())


class TwoMtas(unittest.TestCase):
    """Postfix and Sendmail, and one service for both."""

    def test_mail_is_found_in_either_mta(self):
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            scratch, sink = enter(scratch_dir()), enter(Sink())
            signatures.make_set(scratch / "signatures")
            inside = {}
            for case, begin in ((PostfixCase, enter_postfix),
                                (SendmailCase, enter_sendmail)):
                inside[case] = begin(enter, scratch, sink.port)
            hold = {"mta": [entry for _, one in inside.values()
                            for entry in one.settings["hold"]["mta"]],
                    "sendmail": str(scratch / "sendmail/program")}
            both = enter(release.Release(scratch / "both", {"hold": hold}))
            for case, (mta, _) in inside.items():
                helper = case()
                helper.mta, helper.release = mta, both
                held = helper.hold()
                self.assertEqual(helper.ask(INSPECT, held), "done")
                self.assertEqual(helper.ask(
                    RELEASE, held, mark=release.new_mark()), "other")
                self.assertEqual(helper.ask(RELEASE, held), "done")
                sink.wait_for(held.mark.encode())
                self.assertEqual(
                    helper.ask(DELETE, held, queue_id="0"), "absent")
            self.check_with_one_missing(enter, scratch, hold, helper)

    def check_with_one_missing(self, enter, scratch, hold, helper):
        """An MTA that can't be asked may have the mail."""
        helper.release = enter(release.Release(scratch / "missing", {
            "hold": hold | {"mta": [f"postfix:{scratch}/nowhere",
                                    *hold["mta"]]}}))
        held = helper.hold()
        self.assertEqual(helper.ask(INSPECT, held), "done")
        self.assertEqual(helper.ask(
            INSPECT, held, mark=release.new_mark()), "failed")
        self.assertEqual(helper.ask(INSPECT, held, queue_id="0"), "failed")


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed, sendmail.unpacked)
