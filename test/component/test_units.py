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

import needs
import procs
import testmain
from scratchdir import scratch_dir

UNITS = sorted((TEST.parent / "contrib/systemd").glob("*.service"))
INSTALLED = "/usr/local/sbin"


class UnitCase(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(scratch_dir())

    def verify(self, name, text):
        """What systemd has to say of a unit with the built programs."""
        path = self.directory / name
        path.write_text(text.replace(INSTALLED, str(needs.build() / "sbin")))
        done = procs.run([needs.program("systemd-analyze"), "verify", path],
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
        text = UNITS[0].read_text()
        for mistake in (text.replace("ProtectSystem=full", "ProtectSystm=x"),
                        text.replace(INSTALLED, "/nowhere")):
            self.assertNotEqual(self.verify(UNITS[0].name, mistake), "")


if __name__ == "__main__":
    testmain.main(needs.build, functools.partial(needs.program,
                                                 "systemd-analyze"))
