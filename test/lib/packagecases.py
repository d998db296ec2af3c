# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The Debian packages: built, checked, and installed in systems that are
thrown away.  The tests of test/package, for one release of Debian each."""

import os
import pathlib
import re
import subprocess
import unittest

import needs
from scratchdir import scratch_dir

_HERE = pathlib.Path(__file__).resolve().parents[1] / "package"
_PATIENCE = 600

PROGRAMS = 5

# As the administrator of another machine builds it: elsewhere, from files of
# another age, in another language and time zone, closed to others.
_BUILD_ELSEWHERE = """
set -e
mkdir -p /var/tmp/another/place
cd /var/tmp/another/place
tar -C /source -c --exclude=./.git --exclude='./build*' --exclude=./test . |
    tar -x -m
export TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 HOME=/var/tmp/another
umask 077
mkdir packages
hostname another
bash contrib/debian/build packages
cp packages/* /out/elsewhere
"""

# The same package under the next version.
_NEXT_VERSION = """
set -e
cd /var/tmp
dpkg-deb -R /out/vscan-milter_*-1_*.deb next
sed -i 's/^\\(Version: .*\\)-1$/\\1-2/' next/DEBIAN/control
dpkg-deb --root-owner-group -b next /out
"""


def needed():
    """For testmain.main()."""
    needs.root()
    needs.program("debootstrap")


class PackageCase(unittest.TestCase):
    """suite is named by the tests."""

    suite = None

    @classmethod
    def setUpClass(cls):
        if cls.suite is None:
            raise unittest.SkipTest("the cases themselves")
        cls.out = cls.enterClassContext(scratch_dir())
        (cls.out / "elsewhere").mkdir()
        cls.in_system("build", "/source/contrib/debian/build", "/out")
        cls.in_system("build", "sh", "-c", _NEXT_VERSION)

    @classmethod
    def in_system(cls, system, *command, check=True):
        """Runs a command in the system "bare" or "build"; returns what it
        printed, and its status if that isn't checked."""
        done = subprocess.run(
            [_HERE / "root", cls.suite, system, *command], text=True,
            env=os.environ | {"VSCAN_OUT": str(cls.out)}, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_PATIENCE, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n"
                                 + done.stdout[-20000:])
        return done.stdout

    def in_bare_system(self, program):
        """Runs a program of test/package/inside."""
        self.in_system("bare", "python3", "-B",
                       f"/source/test/package/inside/{program}")

    def test_lintian_finds_no_error_and_no_warning(self):
        print(self.in_system(
            "build", "sh", "-c", "lintian --allow-root --pedantic "
            "--fail-on error,warning /out/*-1_*.changes"))

    def test_another_build_is_the_same(self):
        self.in_system("build", "bash", "-c", _BUILD_ELSEWHERE)
        again = sorted((self.out / "elsewhere").glob("*.deb"))
        self.assertEqual(len(again), 2)
        for package in again:
            self.assertEqual(package.read_bytes(),
                             (self.out / package.name).read_bytes(),
                             package.name)

    def test_binaries_are_hardened(self):
        told = self.in_system("build", "sh", "-c", """
            dpkg-deb -x /out/vscan-milter_*-1_*.deb /var/tmp/x
            cd /var/tmp/x/usr
            hardening-check sbin/* libexec/vscan-milter/* || :""")
        for what in ("Position Independent Executable", "Stack protected",
                     "Fortify Source functions", "Read-only relocations",
                     "Immediate binding"):
            self.assertEqual(len(re.findall(rf"{what}: \W*\w*yes", told)),
                             PROGRAMS, f"{what}\n{told}")

    def test_apparmor_profiles_are_understood(self):
        """By this Debian's parser, for a kernel that has all it knows of."""
        told = self.in_system("build", "sh", "-c", """
            dpkg-deb -x /out/vscan-milter_*-1_*.deb /var/tmp/x
            cp -R /var/tmp/x/etc/apparmor.d /etc
            cd /etc/apparmor.d
            kernel=$(ls abi/[0-9].0 | tail -n 1)
            for profile in usr.sbin.vscan*; do
                apparmor_parser -QKT --warn=all --kernel-features="$kernel" \\
                    "$profile" || exit
                echo "understood: $profile"
            done""")
        self.assertEqual(told.count("understood:"), 3, told)
        self.assertNotRegex(told, "Warning|rror")

    def test_completions_are_understood(self):
        self.in_system("build", "sh", "-c", """
            bash -n /source/contrib/completion/bash/vscan-milter &&
            zsh -n /source/contrib/completion/zsh/_vscan-milter""")

    def test_mail_as_installed(self):
        self.in_bare_system("mail.py")

    def test_as_readme_says(self):
        self.in_bare_system("as_readme_says.py")

    def test_removal(self):
        self.in_bare_system("removal.py")

    def test_piuparts(self):
        self.in_bare_system("piuparts.py")

    def test_autopkgtest(self):
        self.in_bare_system("autopkgtest.py")
