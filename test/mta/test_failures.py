#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What a sender sees in Postfix while nothing can be scanned, and after it."""

import os
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import logcheck
import needs
import postfix
import signatures
import testmain
from daemoncase import MtaCase
from waiting import wait_until

SCAN_CPU = 2
TRIES = 3
LATER = r"^4\.7\.1 "


class FailureCase(MtaCase):
    """Postfix, and workers that have little CPU time for each mail."""

    @classmethod
    def enter_mta(cls):
        mta = postfix.Postfix(cls.scratch / "postfix", cls.sink.port,
                              "unix:vscan/milter.sock")
        socket = mta.make_socket_directory()
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            expected_log=(*logcheck.ODD_SCANS, *logcheck.BAD_SIGNATURES,
                          *logcheck.ENGINE_KILLED),
            socket=f"unix:{socket}/milter.sock",
            deadline={"reply": "4s", "scan_cpu": f"{SCAN_CPU}s"})),
                cls.enterClassContext(mta))

    def assert_later(self, answer):
        """451, and ours."""
        self.assertEqual(answer.code, 451, answer)
        self.assertRegex(answer.text, LATER)

    def final_answer(self, mail):
        """That of the next try; of a later one if the machine is busy, and
        the next one late as well."""
        return wait_until("the final answer", lambda: (
            answer if (answer := self.deliver(mail)).code != 451 else None))

    def assert_delivered_at_last(self, mail):
        """The next try is."""
        answer = self.final_answer(mail)
        self.assertEqual(answer.code, 250, answer)
        self.assert_delivered(mail)

    def test_mail_without_an_engine_is_deferred_and_then_delivered(self):
        mail = signatures.slow_mail(SCAN_CPU / 3)
        since = self.daemon.mark()
        signatures.break_set(self.database)
        os.kill(self.daemon.engine(), signal.SIGKILL)
        self.daemon.wait_log("no engine in service, mail is deferred", since)
        for _ in range(TRIES):
            self.assert_later(self.deliver(mail))
        signatures.mend_set(self.database)
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_in_service(since)
        self.assert_delivered_at_last(mail)

    def test_mail_whose_worker_is_killed_is_deferred_and_delivered(self):
        mail = signatures.slow_mail(SCAN_CPU / 3)
        for _ in range(TRIES):
            answers = []
            sender = threading.Thread(
                target=lambda: answers.append(self.deliver(mail)))
            sender.start()
            os.kill(self.daemon.busy_worker(), signal.SIGKILL)
            sender.join()
            self.assert_later(answers[0])
        self.assert_delivered_at_last(mail)

    def test_endless_mail_is_refused(self):
        if needs.has_thread_sanitizer():
            self.skipTest(needs.has_thread_sanitizer.__doc__)
        mail = signatures.slow_mail(600)
        self.assert_later(self.deliver(mail))
        answer = self.final_answer(mail)
        self.assertEqual(answer.code, 554, answer)
        self.assertRegex(answer.text, r"^5\.7\.1 .*scan-cpu")
        self.assert_not_delivered(mail)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed)
