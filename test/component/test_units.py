#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The units for systemd, as systemd itself reads them."""

import functools
import pathlib
import re
import sys
import unittest

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "lib"))

import mails
import milterclient
import needs
import procs
import testmain
from daemoncase import fresh_daemon
from scratchdir import scratch_dir

SYSTEMD = TEST.parent / "contrib/systemd"
UNITS = sorted([*SYSTEMD.glob("*.service"), *SYSTEMD.glob("socket/*.socket")])
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
INSTALLED = "/usr/local/sbin"

# What systemd-analyze makes of the service at most, from 0 (sealed) to 10.
EXPOSURE = {"vscan-milter.service": 4.3, "vscan-release.service": 6.8}

# A mail server as Debian has it, which starts after the milter.
POSTFIX = """
[Unit]
After=network.target
[Service]
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
"""


class UnitCase(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(scratch_dir())

    def write(self, name, text):
        """A unit with the built programs; returns its path."""
        path = self.directory / name
        path.write_text(text.replace(INSTALLED, str(needs.build() / "sbin")))
        return path

    def verify(self, name, text):
        """What systemd has to say of a unit, beside those that it names."""
        for unit in UNITS:
            self.write(unit.name, unit.read_text())
        return self.analyze("verify", "--man=no", self.write(name, text))

    def analyze(self, *arguments):
        """What systemd-analyze says."""
        done = procs.run([needs.program("systemd-analyze"), *arguments],
                         check=False)
        return done.stdout + done.stderr

    def test_units_are_understood(self):
        self.assertTrue(UNITS)
        for unit in UNITS:
            self.assertEqual(self.verify(unit.name, unit.read_text()), "")

    def test_units_are_understood_with_all_that_can_be_switched_on(self):
        for unit in UNITS:
            text = re.sub(r"(?m)^#(?=[A-Z]\w+=)", "", unit.read_text())
            self.assertEqual(self.verify(unit.name, text), "")

    def test_mistakes_would_be_found(self):
        text = SERVICES[0].read_text()
        for mistake in (text.replace("ProtectSystem=full", "ProtectSystm=x"),
                        text.replace(INSTALLED, "/nowhere")):
            self.assertNotEqual(self.verify(SERVICES[0].name, mistake), "")

    def verify_with_postfix(self, change=""):
        """All of them together, with a mail server."""
        paths = [self.write(unit.name, unit.read_text() + (
            change if unit.stem == "vscan-release" else ""))
            for unit in UNITS]
        paths.append(self.write("postfix.service", POSTFIX))
        return self.analyze("verify", "--man=no", *paths)

    def test_their_order_at_the_start_has_no_circle(self):
        self.assertEqual(self.verify_with_postfix(), "")
        # One that waits for the mail server would make one.
        self.assertIn("cycle", self.verify_with_postfix(
            "[Unit]\nAfter=postfix.service\n"
            "Wants=vscan-milter.service postfix.service\n"))

    def test_they_leave_little_exposed(self):
        for unit in SERVICES:
            text = self.analyze("security", "--offline=true", self.write(
                unit.name, unit.read_text()))
            figure = re.search(r"exposure level for \S+: ([0-9.]+)", text)
            self.assertLessEqual(float(figure[1]), EXPOSURE[unit.name])

    def test_capabilities_are_those_that_the_service_keeps(self):
        code = (TEST.parent / "milter/supervisor/supervisor_confine.c"
                ).read_text()
        kept = re.findall(r"\bCAP_\w+(?=,)", code.partition("needed[]")[2]
                          .partition("};")[0])
        unit = (SYSTEMD / "vscan-milter.service").read_text()
        bounded = re.search("(?m)^CapabilityBoundingSet=(.*)", unit)[1]
        self.assertEqual(bounded.split(), sorted(kept))


    def test_milter_has_its_own_sandbox_under_the_unit_s_filter(self):
        """The system calls that the unit leaves are those that it needs, to
        confine itself further, too."""
        if needs.has_sanitizer():
            self.skipTest("a sanitizer's runtime makes calls of its own")
        words = " ".join(re.findall(
            "(?m)^SystemCallFilter=(.*)",
            (SYSTEMD / "vscan-milter.service").read_text())).split()
        refused = self.calls("@known") - set().union(
            *(self.calls(word) for word in words))
        self.assertIn("ptrace", refused)
        self.assertNotIn("read", refused)
        # Its log may have no warning, and it waits for the engine.
        with fresh_daemon(run_with=[
                needs.build() / "component/without",
                *(f"-{call}" for call in sorted(refused)), "--"]) as daemon:
            self.assertEqual(milterclient.deliver(
                daemon.socket, mails.plain()).action, "accept")

    def calls(self, name):
        """The system calls of a set of systemd's, or the call itself."""
        if not name.startswith("@"):
            return {name}
        found = set()
        for line in self.analyze("syscall-filter", name).splitlines()[1:]:
            word = line.strip()
            if word and not word.startswith("#"):
                found |= self.calls(word)
        return found


if __name__ == "__main__":
    testmain.main(needs.daemon, functools.partial(needs.program,
                                                 "systemd-analyze"))
