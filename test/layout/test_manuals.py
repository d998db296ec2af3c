#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The manuals say all that the programs know: each setting, option, exit
status, reason, log field and header.  And they are sound mdoc, and installed.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import codefacts
import needs
import procs
import testmain
from scratchdir import scratch_dir

SOURCES = codefacts.ROOT / "contrib" / "man"
PROGRAMS = ("vscan-milter", "vscan-release", "vscanctl")

# What the conf manual says for each enum config_effect.
EFFECTS = {
    "CONFIG_AT_ONCE": "A reload puts a change in force.",
    "CONFIG_BY_ENGINE": "A reload puts a change in force, as soon as an "
                        "engine has loaded with it.",
    "CONFIG_BY_RELEASE": "A reload puts a change in force; vscan-release has "
                         "to be restarted for it, too.",
    "CONFIG_BY_RESTART": "Only a restart puts a change in force.",
}

# A paragraph that an administrator understands has more words than this.
FEW_WORDS = 6


def pages():
    """Each page by its name."""
    made = needs.build() / "product" / "contrib" / "man"
    return {path.name: path for path in [*SOURCES.glob("*.[1-9]"),
                                         *made.glob("*.[1-9]")]}


def source(page):
    return pages()[page].read_text(encoding="utf-8")


def plain(page):
    """The page as it is read, without line breaks."""
    done = procs.run([needs.program("mandoc"), "-T", "utf8", "-O", "width=78",
                      pages()[page]])
    text = re.sub(r".\x08", "", done.stdout)
    # A word may be broken behind a hyphen of its own.
    text = re.sub(r"([\w])-\n\s+", r"\1-", text)
    return re.sub(r"\s+", " ", text)


def words(text):
    """Each word or name in it, such as hold-disk or X-Virus-Status."""
    return set(re.findall(r"[A-Za-z][\w.*-]*\w|[A-Za-z]\S*\*|\w+", text))


def entries(page):
    """The text below each \".It Ic NAME\", as mdoc."""
    found = re.split(r"(?m)^\.It Ic (\S+)\n", source(page))
    return {name: re.split(r"(?m)^\.El", text)[0]
            for name, text in zip(found[1::2], found[2::2])}


def printed_settings():
    """(name, comment, value) of each setting, as --print-config has them."""
    text = procs.run([needs.build() / "sbin" / "vscan-milter",
                      "--print-config", "-c", "/dev/null"]).stdout
    section, comment = "", []
    for line in text.splitlines():
        if match := re.match(r"(\w+) \{$", line):
            section = match[1] + "."
        elif match := re.match(r"\s*#(\w+) = (.*)$", line):
            yield section + match[1], " ".join(comment), match[2]
            comment = []
        elif match := re.match(r"\s*# (.*)$", line):
            comment.append(match[1])


def section_of(page, heading):
    return re.search(rf"(?ms)^\.Sh {heading}\n(.*?)(?=^\.Sh |\Z)",
                     source(page))[1]


class ManualCase(unittest.TestCase):
    def assert_in_page(self, page, names):
        """Each name stands in the page as a word of its own."""
        self.assertTrue(names)
        self.assertEqual([], sorted(set(names) - words(plain(page))), page)

    def test_pages_are_sound_mdoc(self):
        """Other manuals need not be installed, but ours are all there."""
        known = {tuple(name.rsplit(".", 1)) for name in pages()}
        self.assertEqual(len(known), 6)
        for name, path in pages().items():
            with self.subTest(name):
                done = procs.run(
                    [needs.program("mandoc"), "-T", "lint", "-W", "style",
                     path], check=False)
                said = [line for line in done.stdout.splitlines()
                        if "referenced manual not found" not in line]
                self.assertEqual(said, [])
                for wanted in re.findall(r"(?m)^\.Xr (vscan\S+) (\d)",
                                         source(name)):
                    self.assertIn(wanted, known)

    def test_each_setting_has_its_paragraph(self):
        found = entries("vscan-milter.conf.5")
        effects = codefacts.effects()
        settings = list(printed_settings())
        self.assertEqual({name for name, _, _ in settings}, set(effects))
        self.assertEqual(set(found), set(effects))
        for name, comment, default in settings:
            with self.subTest(name):
                text = re.sub(r"\s+", " ", found[name])
                about, facts = text.split(" .Pp ")
                about = about.strip()
                self.assertGreater(len(about.split()), FEW_WORDS)
                self.assertIn(about, comment)
                allowed = re.search(r"Allowed(?: in the list)?: (.*)\. "
                                    r"Default: ", comment)[1]
                self.assertIn(allowed, facts)
                default = "empty" if default in ('""', "{}") else default
                self.assertIn(f"Default: {default}.", facts)
                self.assertTrue(
                    facts.strip().endswith(EFFECTS[effects[name]]), facts)

    def test_defaults_in_brackets_are_the_defaults(self):
        """As in "deadline.progress (3s)"."""
        defaults = {name: value.strip('"')
                    for name, _, value in printed_settings()}
        told = [(page, name, value) for page in pages()
                for name, value in re.findall(
                    r"(?m)^\.Ic ([\w.]+)\n\((\d\w*)\)", source(page))
                if name in defaults]
        self.assertGreater(len(told), 5)
        for page, name, value in told:
            self.assertEqual(value, defaults[name], f"{page}: {name}")

    def test_example_configurations_can_be_read(self):
        with scratch_dir() as path:
            for page in ("vscan-milter.conf.5", "vscan-release.8"):
                examples = [text for text in re.findall(
                    r"(?ms)^\.Bd -literal[^\n]*\n(.*?)^\.Ed", source(page))
                    if re.match(r"socket|action", text)]
                self.assertTrue(examples)
                for text in examples:
                    file = path / "vscan-milter.conf"
                    file.write_text(text)
                    done = procs.run(
                        [needs.build() / "sbin" / "vscan-milter",
                         "--print-config", "-c", file], check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_each_section_and_its_settings_stand_together(self):
        names = list(entries("vscan-milter.conf.5"))
        self.assertEqual(names, [name for name, _, _ in printed_settings()])

    def test_actions_are_explained(self):
        for page in ("vscan-milter.conf.5", "vscan-milter-log.5"):
            self.assertEqual(set(), codefacts.actions() - set(
                re.findall(r"(?m)^\.It Cm (\w+)$", source(page))))

    def test_headers_that_the_engine_is_not_shown_are_listed(self):
        listed = section_of("vscan-milter.conf.5", "BEHIND OTHER MILTERS")
        names = set(re.findall(r"[\w-]+\*?", listed))
        self.assertEqual(set(), codefacts.changing_headers() - names)

    def test_each_option_of_each_program(self):
        for program in PROGRAMS:
            usage = procs.run([needs.build() / "sbin" / program,
                               "--help"]).stdout
            options = set(re.findall(r"(?<![\w-])-(-[a-z-]+|[a-zA-Z])\b",
                                     usage))
            commands = set(re.findall(r"(?m)^  ([a-z-]+) \[", usage))
            with self.subTest(program):
                self.assertGreater(len(options), 3)
                text = source(f"{program}.8")
                flags = set()
                for line in re.findall(r"(?m)^\.(?:It )?(?:Op )?Fl (.*)",
                                       text):
                    flags.update(re.findall(r"(?<!\S)(-?[\w-]+)", line))
                self.assertEqual(set(), options - flags)
                self.assertEqual(set(), commands - set(
                    re.findall(r"(?m)^\.Ss (\S+)$", text)))

    def test_each_exit_status_of_each_program(self):
        for program in PROGRAMS:
            with self.subTest(program):
                listed = re.findall(r"(?m)^\.It (\d+)$", section_of(
                    f"{program}.8", "EXIT STATUS"))
                wanted = codefacts.exit_statuses(program)
                self.assertGreater(len(wanted), 3)
                self.assertEqual(set(), wanted - set(map(int, listed)))

    def test_each_reason(self):
        reasons = codefacts.reasons()
        self.assertGreater(len(reasons), 50)
        text = plain("vscan-milter-log.5")
        # Those that a format's name stands before.
        self.assertIn("FORMAT-not-opened", text)
        self.assertIn("FORMAT-in-part", text)
        self.assert_in_page("vscan-milter-log.5", reasons -
                            {"not-opened", "in-part"})

    def test_each_verdict(self):
        for page in ("vscan-milter.8", "vscan-milter-log.5"):
            self.assert_in_page(page, codefacts.verdicts())

    def test_each_field_of_the_log(self):
        fields = codefacts.log_fields()
        self.assertGreater(len(fields), 20)
        listed = set()
        for line in re.findall(r"(?m)^\.It Cm (.*)",
                               source("vscan-milter-log.5")):
            listed.update(line.split(" , "))
        # tries is in the text of the one line that has it.
        listed.update(re.findall(r"(?m)^\.Cm (\w+)$",
                                 source("vscan-milter-log.5")))
        self.assertEqual(set(), fields - listed)

    def test_words_in_fields_of_the_log(self):
        self.assert_in_page("vscan-milter-log.5",
                            codefacts.sources_of_verdicts())
        self.assert_in_page("vscan-milter-log.5", codefacts.release_words())

    def test_other_lines_are_as_the_sources_have_them(self):
        """Words in capitals stand for something else."""
        said = codefacts.literals()
        lines = re.findall(r"(?m)^\.It Li (.*)", section_of(
            "vscan-milter-log.5", "OTHER LINES"))
        self.assertGreater(len(lines), 20)
        self.assertEqual([], [
            line for line in lines
            for part in re.split(r"\b[A-Z][A-Z0-9]*\b| ; ", line)
            if part.strip(" :") not in said])

    def test_each_header_and_what_it_can_say(self):
        headers = codefacts.own_headers()
        self.assertEqual(len(headers), 2)
        self.assert_in_page("vscan-milter-log.5", headers)
        said = section_of("vscan-milter-log.5", "MAIL HEADERS")
        for label in codefacts.labels():
            self.assertRegex(said, rf"(?m)\b{label}\b")

    def test_all_pages_are_installed(self):
        with scratch_dir() as path:
            subprocess.run(
                ["cmake", "--install", needs.build() / "product"],
                env=os.environ | {"DESTDIR": str(path)}, check=True,
                stdout=subprocess.DEVNULL)
            installed = {page.name: page for page in path.rglob("man?/*")}
            self.assertEqual(set(installed), set(pages()))
            for name, page in installed.items():
                self.assertEqual(page.parent.name, f"man{name[-1]}")
                self.assertEqual(page.read_text(encoding="utf-8"),
                                 source(name))


if __name__ == "__main__":
    testmain.main(lambda: needs.program("mandoc"))
