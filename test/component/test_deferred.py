#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""vscanctl deferred: which mail was deferred, and what became of it."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import needs
import procs
import signatures
import testmain
from daemoncase import DaemonCase
from waiting import wait_until

EX_USAGE, EX_NOINPUT = 64, 66
REPLY, SCAN_SECONDS = 1, 2


class DeferredCase(DaemonCase):
    """One story, of two mails, told in the order in which it happens."""

    settings = {"deadline": {"reply": f"{REPLY}s"}}

    def ask(self, *arguments, **options):
        """Runs the command; returns the finished process."""
        return procs.run([needs.build() / "sbin/vscanctl", "-c",
                          self.daemon.config_file, "deferred", *arguments], check=False, **options)

    def listed(self, *arguments):
        """What --json says, by key."""
        done = self.ask("--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([mail["first_seen"] for mail in found],
                         sorted(mail["first_seen"] for mail in found))
        return {mail["key"]: mail for mail in found}

    def wait_listed(self, what, predicate):
        """Waits until the listing is like that, and returns it: it is written
        behind."""
        found, = wait_until(what, lambda: (
            (all_,) if predicate(all_ := self.listed()) else None),
                            timeout=60)
        return found

    def defer(self, mail, **envelope):
        """Its scan takes too long; returns its key."""
        since = self.daemon.mark()
        self.assertEqual(self.deliver(mail, **envelope).action, "tempfail")
        return self.daemon.wait_message("verdict=late", since).key

    def assert_count(self, count, ready):
        """The last line of what people are shown."""
        done = self.ask()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.stdout.splitlines()[-1], f"{count} deferred, {ready} of "
            "them with a verdict that is ready")
        return done.stdout

    def test_from_the_first_try_to_the_answer(self):
        self.assertEqual(self.ask().returncode, 0)
        self.assert_count(0, 0)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        self.assert_count(0, 0)

        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.defer(mail, sender="<from@sender.example>",
                         recipients=["<b@x.example>", "<c@x.example>"])
        found = self.wait_listed("the first try", lambda all_: key in all_)
        self.assertEqual(found[key]["sender"], "<from@sender.example>")
        self.assertEqual(found[key]["recipients"],
                         ["<b@x.example>", "<c@x.example>"])
        self.assertEqual(found[key]["recipients_more"], 0)
        self.assertEqual([found[key]["message_id"]],
                         mails.fields_named(mail, "Message-ID"))
        self.assertEqual(found[key]["queue_id"], "TESTQUEUEID")
        self.assertEqual(found[key]["tries"], 1)
        self.assertRegex(found[key]["reason"], "^[a-z-]+$")
        self.assertIsNone(found[key]["verdict"])
        self.assert_count(1, 0)

        self.wait_listed("the verdict",
                         lambda all_: all_[key]["verdict"] == "clean")
        text = self.assert_count(1, 1)
        self.assertRegex(text, rf"(?m)^{key}$")
        self.assertRegex(text, r"verdict: +clean, ready since ")

        other = self.defer(signatures.slow_mail(SCAN_SECONDS))
        self.wait_listed("the other mail", lambda all_: other in all_)
        self.assert_filters(key, other)
        self.assertEqual(
            self.deliver(mail, sender="<from@sender.example>", recipients=[
                "<b@x.example>", "<c@x.example>"]).action, "accept")
        self.wait_listed("the answer", lambda all_: list(all_) == [other])

        self.wait_listed("the other verdict",
                         lambda all_: all_[other]["verdict"] == "clean")
        self.assert_count(1, 1)
        before = self.listed()
        self.daemon.kill_all()
        self.assertEqual(self.listed(), before)
        self.daemon.start()
        self.assertEqual(self.listed(), before)

    def assert_filters(self, key, other):
        """Of these two mails the first is asked for, or both."""
        for arguments, expected in (
                (["--key", key], [key]),
                (["--key=" + key[:6]], [key]),
                (["--sender", "FROM@sender.example"], [key]),
                (["--recipient", "<c@x.example>"], [key]),
                (["--recipient", "nobody@x.example"], []),
                (["--queue-id", "TESTQUEUEID"], [key, other]),
                (["--queue-id", "TESTQUEUEID", "--key", other], [other])):
            self.assertEqual(list(self.listed(*arguments)), expected,
                             arguments)

    def test_a_retry_that_had_its_answer_is_no_longer_waited_for(self):
        """Not even if it waited for the scan itself."""
        mail = signatures.slow_mail(SCAN_SECONDS)
        key = self.defer(mail)
        self.wait_listed("the first try", lambda all_: key in all_)
        wait_until("the answer",
                   lambda: self.deliver(mail).action == "accept", timeout=60)
        self.wait_listed("nothing of it", lambda all_: key not in all_)


class TroubleCase(DaemonCase):
    """What it says when there is nothing that it can read."""

    ask = DeferredCase.ask

    def assert_refused(self, reason, *arguments, **options):
        """It names the file and the reason, and prints nothing."""
        done = self.ask(*arguments, **options)
        self.assertEqual(done.returncode, EX_NOINPUT)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr,
                         rf"^vscanctl: \S+/ledger\.sqlite\b.*{reason}")

    def test_others_may_not_look(self):
        self.assert_refused("Permission denied", user="daemon", group="daemon",
                            extra_groups=[])

    def test_root_is_given_up_before_the_file_is_read(self):
        ledger = pathlib.Path(
            self.daemon.settings["state_directory"]) / "ledger.sqlite"
        owner = ledger.stat()
        try:
            procs.run(["chown", "root", ledger])
            ledger.chmod(0o600)
            self.assert_refused("Permission denied")
        finally:
            procs.run(["chown", str(owner.st_uid), ledger])

    def test_wrong_use_is_explained(self):
        for arguments in (["something"], ["--json", "more"], ["--key"],
                          ["--colour", "blue"]):
            done = self.ask(*arguments)
            self.assertEqual(done.returncode, EX_USAGE)
            self.assertIn("usage: vscanctl", done.stderr)

    def test_without_a_file_or_with_another(self):
        self.daemon.stop()
        ledger = pathlib.Path(
            self.daemon.settings["state_directory"]) / "ledger.sqlite"
        ledger.unlink()
        self.assert_refused("is not there: no mail has been deferred yet")
        self.assertFalse(ledger.exists())
        ledger.write_bytes(b"no ledger" * 1000)
        ledger.chmod(0o644)
        self.assert_refused("file is not a database", "--json")


if __name__ == "__main__":
    testmain.main(needs.daemon)
