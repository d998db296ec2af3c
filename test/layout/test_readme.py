#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""README is short, and says what the code says.  Its commands are run by
component/test_readme and by test/package."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import codefacts
import needs
import procs
import readme
import testmain
from scratchdir import scratch_dir

WORDS = 1000

# What stands for %v in the reply's texts.
NAMES = r"NAME|KIND|REASON"


def defaults():
    """The printed default of each setting."""
    text = procs.run([needs.build() / "sbin/vscan-milter", "--print-config",
                      "-c", "/dev/null"]).stdout
    found, section = {}, ""
    for line in text.splitlines():
        if match := re.match(r"(\w+) \{$", line):
            section = match[1]
        elif match := re.match(r'\s*#(\w+) = "(.*)"$', line):
            found[f"{section}.{match[1]}"] = match[2]
    return found


class Readme(unittest.TestCase):
    """What it says."""

    def test_it_has_at_most_a_thousand_words(self):
        self.assertLessEqual(len(readme.TEXT.split()), WORDS)

    def test_files_that_it_names_are_there(self):
        named = re.findall(
            r"(?<![\w/-])(?:contrib|milter|test)/[\w/.-]*\w", readme.TEXT)
        self.assertGreater(len(named), 5)
        for name in named:
            self.assertTrue((readme.ROOT / name).exists(), name)

    def test_each_manual_is_named_and_no_other(self):
        pages = {f"{path.name.removesuffix('.in')[:-2]}({digit})"
                 for path in (readme.ROOT / "contrib/man").iterdir()
                 if (digit := path.name.removesuffix(".in")[-1]).isdigit()}
        self.assertEqual(len(pages), 6)
        self.assertEqual(pages, set(re.findall(r"\bvscan[\w.-]+\(\d\)",
                                               readme.TEXT)))

    def test_verdicts_have_their_actions_and_replies(self):
        rows = re.findall(r"(?m)^\| (?!verdict)([a-z, ]+?) +"
                          r"\| [^|]+ \| (\w+) +\| (.*) \|$", readme.TEXT)
        printed, named = defaults(), set()
        for names, action, seen in rows:
            for name in names.split(", "):
                named.add(name)
                self.assertEqual(action, printed[f"action.{name}"], name)
            if reply := re.match(r"[45]\d\d [45]\.\d\.\d (.*)", seen):
                self.assertEqual(re.sub(NAMES, "%v", reply[1]),
                                 printed[f"reply.{names}"])
            elif label := re.match(r"`X-Virus-Status: (\w+)", seen):
                self.assertIn(label[1], codefacts.labels())
        self.assertEqual(named, codefacts.verdicts())

    def test_configurations_can_be_read(self):
        self.assertEqual(len(readme.configurations()), 2)
        with scratch_dir() as path:
            for text in readme.configurations():
                (path / "vscan-milter.conf").write_text(text)
                done = procs.run(
                    [needs.build() / "sbin/vscan-milter", "--print-config",
                     "-c", path / "vscan-milter.conf"], check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    testmain.main()
