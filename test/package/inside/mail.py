#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The package and Debian's Postfix, as they are after their installation and
the two lines in main.cf: what becomes of mail."""

import collections
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import installed
import mails
import procs
import signatures
import smtpclient
import testmain
from mailload import Load
from waiting import wait_until

RATE = 20
RULES = pathlib.Path("/etc/logcheck/ignore.d.server/vscan-milter")

# syslog.h
NOTICE = 5

_CLASSES = {"[:digit:]": "0-9", "[:alnum:]": "0-9A-Za-z",
            "[:xdigit:]": "0-9A-Fa-f"}


def matches(rule, line):
    """Whether grep -E would find the line by the rule."""
    for name, letters in _CLASSES.items():
        rule = rule.replace(name, letters)
    return re.search(rule, line) is not None


class Mail(installed.InstalledCase):
    """Each test finds the service running, with the signatures of the
    tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.said = cls.install(installed.package(1), "postfix")
        cls.start_postfix(cls.said)
        cls.add_signatures()

    def test_clean_mail_is_delivered_with_a_label(self):
        mail = mails.plain()
        answer = smtpclient.deliver(installed.SMTP, mail)
        self.assertEqual(answer.code, 250, answer)
        self.assertEqual(mails.fields_named(self.wait_delivered(mail),
                                            "X-Virus-Status"), ["Clean"])

    def test_eicar_is_refused_by_its_name(self):
        mail = mails.attached(mails.zipped(signatures.EICAR))
        answer = smtpclient.deliver(installed.SMTP, mail)
        self.assertEqual(answer.code, 550, answer)
        self.assertIn(signatures.EICAR_NAME, answer.text)
        self.assertIsNone(self.delivered(mail))

    def test_slow_local_mail_leaves_the_outbox_at_once(self):
        mail = self.slow_mail(15)
        installed.submit(mail)
        held = wait_until("the mail in the hold queue", installed.held, 30)
        self.assertEqual(len(held), 1, held)
        self.assertEqual(held[0]["sender"], mails.SENDER)
        self.assertEqual(installed.in_queue("maildrop"), [])
        self.assertEqual(len(installed.in_queue("hold")), 1)
        self.assertEqual(len(installed.spooled()), 1)
        self.assertIsNone(self.delivered(mail))
        delivered = self.wait_delivered(mail, 120)
        self.assertRegex(mails.fields_named(delivered, "X-Virus-Status")[0],
                         r"^Held \(")
        wait_until("the end of what is held", lambda: (
            installed.held() == [] and installed.spooled() == []))

    def test_the_init_scripts_do_what_they_say(self):
        for name in ("vscan-milter", "vscan-release"):
            with self.subTest(name):
                self.assertEqual(
                    installed.service(name, "status", False).returncode, 0)
                installed.service(name, "start")
                installed.service(name, "restart")
                installed.service(name, "force-reload")
                installed.service(name, "stop")
                installed.service(name, "stop")
                self.assertEqual(
                    installed.service(name, "status", False).returncode, 3)
                installed.service(name, "start")
        self.assertTrue(installed.accepts(installed.SOCKET))

    def test_a_broken_configuration_can_be_stopped(self):
        text = installed.CONFIGURATION.read_text()
        self.addCleanup(installed.service, "vscan-milter", "start")
        self.addCleanup(installed.CONFIGURATION.write_text, text)
        installed.CONFIGURATION.write_text("nonsense = 1\n")
        failed = installed.service("vscan-milter", "restart", False)
        self.assertNotEqual(failed.returncode, 0)
        self.assertTrue(installed.accepts(installed.SOCKET))
        installed.service("vscan-milter", "stop")
        self.assertEqual(installed.supervisor(), 0)

    def test_the_tools_find_nothing_wrong(self):
        told = procs.run(["vscanctl", "check-mta"]).stdout
        self.assertNotIn("problem:", told)
        self.assertNotIn("note:", told)
        self.assertIn("0 errors" if "warning" in told else "",
                      procs.run(["vscan-milter", "-t"]).stdout)

    def change_version(self, number):
        """Installs the other version in the middle of a load; the service
        goes over to it, and that costs nobody a deferral."""
        before = installed.supervisor()
        former = installed.filters()
        load = Load(installed.SMTP, RATE)
        with load.running():
            self.more_mails(load)
            self.install("--allow-downgrades", installed.package(number))
            self.more_mails(load)
        self.assertEqual(load.errors, [])
        self.assertEqual([answer for answer in load.answers.values()
                          if answer.code != 250], [])
        wait_until("each mail once", lambda: self.counts(load) == {
            word: 1 for word in load.answers}, 60)
        self.assertEqual(installed.supervisor(), before)
        self.assertNotEqual(installed.filters()[-1], former[-1])

    def more_mails(self, load):
        before = load.count()
        wait_until("more mails", lambda: (
            load.errors or load.count() >= before + 2 * RATE), 60)

    def counts(self, load):
        """How often each mail of the load has come to the sink."""
        words = collections.Counter(
            mails.fields_named(delivery.data, "Subject")[0].encode()
            for delivery in list(self.sink.deliveries))
        return {word: words[word] for word in load.answers}

    def test_upgrade_and_downgrade_under_load(self):
        slow = self.slow_mail(20)
        installed.submit(slow)
        wait_until("the mail in the hold queue", installed.held, 30)
        self.change_version(2)
        self.change_version(1)
        self.wait_delivered(slow, 120)
        self.assertEqual(installed.held(), [])

    def test_what_is_normal_in_the_log_is_known_to_logcheck(self):
        """After the other tests, by its name: what they have logged, but
        what has to do with signatures that are not there yet."""
        smtpclient.deliver(installed.SMTP, mails.plain())
        rules = RULES.read_text().splitlines()
        lines = [line for line in self.log().splitlines()
                 if re.search(r" vscan-(milter|release)[/\w]*\[", line)]
        first = next(number for number, line in enumerate(lines)
                     if re.search(r"engine \w+ in service$", line))
        for line in lines[first:]:
            level, text = re.match(r"<(\d+)>(.*)", line).groups()
            text = f"{text[:15]} host{text[15:]}"
            normal = int(level) % 8 >= NOTICE
            with self.subTest(text):
                self.assertEqual(normal, any(
                    matches(rule, text) for rule in rules))


if __name__ == "__main__":
    testmain.main()
