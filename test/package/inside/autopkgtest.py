#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The package's own test, as autopkgtest runs it: its dependencies are
installed, and its exit status says how it went."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import installed
import procs
import testmain

TESTS = pathlib.Path("/source/contrib/debian/tests")


class Autopkgtest(installed.InstalledCase):
    """Not by autopkgtest itself, which wants a system to throw away: this is
    one."""

    def test_each_of_them(self):
        control = (TESTS / "control").read_text()
        depends = re.search(r"Depends: ((?:.|\n )*)", control)[1]
        self.install(installed.package(1),
                     *(name for name in re.split(r"[,\s]+", depends)
                       if name not in ("@", "")))
        for name in re.search(r"Tests: (.*)", control)[1].split():
            told = procs.run([TESTS / name], timeout=600).stdout
            self.assertIn("test_slow: ok", told)


if __name__ == "__main__":
    testmain.main()
