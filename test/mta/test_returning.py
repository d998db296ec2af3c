#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A mail that takes long, sent again and again, is scanned once.

A client retries every few seconds, as if nothing but patience would help.
Whatever happens meanwhile, there is one scan, and the first try after its end
is delivered.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import lateness
import mails
import needs
import othermilters
import postfix
import signatures
import tagmilter
import testmain
from daemoncase import MtaCase

SCAN_SECONDS = 20
RETRY_SECONDS = 5
DEADLINE = 2.0

# What changes on the way between two tries of one mail.
TRACES = ("Received", "ARC_Seal", "X_Google_Smtp_Source", "DKIM_Signature")


def with_new_traces(mail):
    """The same mail as another relay would send it."""
    return b"".join(
        f"{name.replace('_', '-')}: {mails.token()}\r\n".encode()
        for name in TRACES) + mail


class ReturningCase(MtaCase):
    """Postfix, two workers, and mails whose scan takes 20 s of CPU time."""

    @classmethod
    def enter_mta(cls):
        mta = postfix.Postfix(cls.scratch / "postfix", cls.sink.port,
                              "unix:vscan/milter.sock")
        socket = mta.make_socket_directory()
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            socket=f"unix:{socket}/milter.sock",
            deadline={"reply": "2s"}, drain_timeout="1s")),
                cls.enterClassContext(mta))

    def line_of(self, mail, since):
        """The log's line about this try; that of an earlier mail may still
        come after `since`, for a reply doesn't wait for the log."""
        message_id, = mails.fields_named(mail, "Message-ID")
        return self.daemon.wait_message(message_id, since)

    def assert_late(self, mail):
        """One try that is answered at the deadline; returns its line."""
        since = self.daemon.mark()
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 451, answer)
        self.assertLess(answer.seconds, DEADLINE + lateness.after_deadline())
        line = self.line_of(mail, since)
        self.assertEqual(line.verdict, "late")
        return line

    def begin(self, mail, change=lambda mail: mail):
        """Tries until the scan has ended; returns the key."""
        key = self.assert_late(change(mail)).key
        while not self.daemon.scans(key):
            time.sleep(RETRY_SECONDS)
            if self.daemon.scans(key):
                break
            since = self.daemon.mark()
            answer = self.deliver(change(mail))
            if answer.code == 250:
                break
            self.assertLess(answer.seconds, DEADLINE + lateness.after_deadline())
            self.assertEqual(self.line_of(mail, since).key, key)
        return key

    def assert_known(self, mail, key, source):
        """The next try is delivered, at once, and nothing is scanned."""
        since = self.daemon.mark()
        answer = self.deliver(mail)
        self.assertEqual(answer.code, 250, answer)
        line = self.line_of(mail, since)
        self.assertEqual((line.verdict, line.key), ("clean", key))
        self.assertIn(line.source, source)
        self.assertLess(line.ms("total"), 1000 * lateness.at_once())
        self.assertEqual(len(self.daemon.scans(key)), 1)
        self.sink.wait_for(self.own_word(mail))

    def test_undisturbed(self):
        mail = signatures.slow_mail(SCAN_SECONDS)
        self.assert_known(mail, self.begin(mail), ("cache",))

    def test_other_trace_headers_at_each_try(self):
        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.begin(mail, with_new_traces)
        since = self.daemon.mark()
        self.assertEqual(self.deliver(with_new_traces(mail)).code, 250)
        line = self.line_of(mail, since)
        self.assertEqual((line.source, line.key), ("cache", key))
        self.assertEqual(len(self.daemon.scans(key)), 1)

    def test_all_processes_killed_after_the_verdict(self):
        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.begin(mail)
        time.sleep(1)   # it is written behind, within this time
        self.daemon.kill_all()
        self.daemon.start()
        self.assert_known(mail, key, ("store",))

    def test_signatures_changed_after_the_verdict(self):
        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.begin(mail)
        since = self.daemon.mark()
        (self.database / f"new-{mails.token()}.ndb").write_text(
            signatures.body_signature("Vscan.Test.New", mails.token()
                                      .encode()))
        self.daemon.reload()
        self.daemon.wait_in_service(since)
        self.assert_known(mail, key, ("store",))
        # Another sender's mail of the same content is scanned afresh.
        other = self.deliver(mail, sender="other@sender.example")
        self.assertEqual(other.code, 451)

    def test_stopped_after_the_verdict(self):
        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.begin(mail)
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon.start()
        self.assert_known(mail, key, ("store",))


def tags(number):
    """What rspamd, milter-greylist, OpenDKIM, amavis and a milter of the site
    add, with queue IDs, scores and times that are new for each try."""
    return [
        ("X-Rspamd-Queue-Id", f"4Zabc{number}"),
        ("X-Spamd-Result", f"default: False [{number}.10 / 15.00];\n"
                           f"\tGREYLIST(0.00)[pass,body]; T({number})[]"),
        ("X-Greylist", f"delayed {number} seconds by mx"),
        ("DKIM-Filter", f"OpenDKIM Filter v2.11.0 mx 4Zabc{number}"),
        ("X-Quarantine-ID", f"<Q{number}>"),
        ("X-Site-Try", f"{number}; {mails.token()}"),
    ]


class BehindOthers(MtaCase):
    """Postfix shows a milter what those before it have added."""

    @classmethod
    def enter_others(cls):
        """Starts them; returns their sockets."""
        raise NotImplementedError

    @classmethod
    def enter_mta(cls):
        mta = postfix.Postfix(cls.scratch / "postfix", cls.sink.port, ", ".join(
            [*cls.enter_others(), "unix:vscan/milter.sock"]))
        socket = mta.make_socket_directory()
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            socket=f"unix:{socket}/milter.sock",
            deadline={"reply": "1s"}, drain_timeout="1s",
            headers={"ignore": ["X-Site-*"]})),
                cls.enterClassContext(mta))

    def assert_each_try_is_the_same_mail(self):
        """Returns its last line in the log, and what the sink got."""
        mail = signatures.slow_mail(4)
        message_id, = mails.fields_named(mail, "Message-ID")
        self.assertEqual([451, 451], [self.deliver(mail).code
                                      for _ in range(2)])
        first, second = self.daemon.wait_messages(2, message_id)
        self.assertEqual(second.key, first.key)
        self.assertEqual(second.source, "joined")
        self.daemon.wait_log(f"scan: key={first.key}", timeout=60)
        self.assertEqual(self.deliver(mail).code, 250)
        self.assertEqual(len(self.daemon.scans(first.key)), 1)
        last = self.daemon.wait_messages(3, message_id)[-1]
        return last, self.sink.wait_for(self.own_word(mail)).data


class BehindAnotherMilterCase(BehindOthers):
    """One that adds all that we know others to add, and a header of the
    site's own."""

    @classmethod
    def enter_others(cls):
        return [cls.enterClassContext(tagmilter.TagMilter(tags)).socket]

    def test_each_try_is_the_same_mail(self):
        _, got = self.assert_each_try_is_the_same_mail()
        self.assertEqual(mails.fields_named(got, "X-Rspamd-Queue-Id"),
                         ["4Zabc3"])


class BehindRealMiltersCase(BehindOthers):
    """rspamd and OpenDKIM, as they are."""

    @classmethod
    def enter_others(cls):
        others = (othermilters.Rspamd(cls.scratch / "rspamd"),
                  othermilters.OpenDkim(cls.scratch / "opendkim",
                                        "sender.example"))
        return [cls.enterClassContext(other).socket for other in others]

    def test_each_try_is_the_same_mail(self):
        last, got = self.assert_each_try_is_the_same_mail()
        queue_id = last.text.split("]: ")[1].split(":")[0]
        self.assertEqual(mails.fields_named(got, "X-Rspamd-Queue-Id"),
                         [queue_id])
        self.assertRegex(mails.fields_named(got, "DKIM-Filter")[0],
                         f"{queue_id}$")
        self.assertEqual(len(mails.fields_named(got, "DKIM-Signature")), 1)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
