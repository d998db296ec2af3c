#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The packages for Fedora and EPEL, as Debian's rpmbuild makes them: what is
in them, what they do, and that they are the same each time.

None is installed: no Fedora can be had here.
"""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "lib"))

import needs
import procs
import testmain
from scratchdir import scratch_dir

TOP = TEST.parent
SPEC = TOP / "contrib/rpm/vscan-milter.spec"

# Path, mode and owner.
FILES = """
/etc/vscan-milter drwxr-xr-x root
/etc/vscan-milter/vscan-milter.conf -rw-r--r-- root
/usr/lib/systemd/system/vscan-milter.service -rw-r--r-- root
/usr/lib/systemd/system/vscan-release.service -rw-r--r-- root
/usr/lib/sysusers.d/vscan-milter.conf -rw-r--r-- root
/usr/lib/tmpfiles.d/vscan-milter.conf -rw-r--r-- root
/usr/libexec/vscan-milter drwxr-xr-x root
/usr/libexec/vscan-milter/vscan-engine -rwxr-xr-x root
/usr/libexec/vscan-milter/vscan-filter -rwxr-xr-x root
/usr/sbin/vscan-milter -rwxr-xr-x root
/usr/sbin/vscan-release -rwxr-xr-x root
/usr/sbin/vscanctl -rwxr-xr-x root
/usr/share/doc/vscan-milter-0.1.0 drwxr-xr-x root
/usr/share/doc/vscan-milter-0.1.0/README -rw-r--r-- root
/usr/share/doc/vscan-milter-0.1.0/vscan-milter.socket -rw-r--r-- root
/usr/share/licenses/vscan-milter-0.1.0 drwxr-xr-x root
/usr/share/licenses/vscan-milter-0.1.0/COPYING -rw-r--r-- root
/usr/share/man/man5/vscan-milter-log.5.gz -rw-r--r-- root
/usr/share/man/man5/vscan-milter.conf.5.gz -rw-r--r-- root
/usr/share/man/man7/vscan-milter-security.7.gz -rw-r--r-- root
/usr/share/man/man8/vscan-milter.8.gz -rw-r--r-- root
/usr/share/man/man8/vscan-release.8.gz -rw-r--r-- root
/usr/share/man/man8/vscanctl.8.gz -rw-r--r-- root
/var/lib/vscan-milter drwxr-x--- vscan-milter
"""

POLICY = "/usr/share/selinux/packages/targeted/vscan.pp.bz2"


def copy_sources(target):
    """The sources as they are in git, or would be with the next commit."""
    names = procs.run(["git", "-C", TOP, "ls-files", "-z", "--cached",
                       "--others", "--exclude-standard"]).stdout
    for name in filter(None, names.split("\0")):
        if (TOP / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, target / name)
    return target


def query(package, form):
    """rpm -qp with --queryformat; the lines of it."""
    return procs.run(["rpm", "-qp", "--qf", form, package]).stdout.split("\n")


class RpmCase(unittest.TestCase):
    """Built once for all, but for the test that builds again."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.first = cls.build("first")
        cls.package = cls.first / "vscan-milter-0.1.0-1.x86_64.rpm"
        cls.policy = cls.first / "vscan-milter-selinux-0.1.0-1.noarch.rpm"

    @classmethod
    def build(cls, name, **environment):
        """Builds from a copy of the sources; returns where the packages
        lie."""
        tree = copy_sources(cls.scratch / name / "source")
        out = cls.scratch / name / "out"
        out.mkdir()
        procs.run([tree / "contrib/rpm/build", out], timeout=600,
                  env=os.environ | environment)
        return out

    def test_two_builds_give_the_same_bytes(self):
        """Elsewhere, in another time zone and locale, by another umask."""
        umask = os.umask(0o077)
        try:
            second = self.build("another/place", TZ="Asia/Tokyo",
                                LC_ALL="C", CMAKE_C_COMPILER_LAUNCHER="")
        finally:
            os.umask(umask)
        names = sorted(path.name for path in self.first.iterdir())
        self.assertEqual(len(names), 3)
        self.assertEqual(names, sorted(path.name
                                       for path in second.iterdir()))
        for name in names:
            self.assertEqual((self.first / name).read_bytes(),
                             (second / name).read_bytes(), name)

    def test_files_are_those_that_are_listed(self):
        found = query(self.package,
                      "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}\n]")
        self.assertEqual([line for line in found if line],
                         FILES.strip().split("\n"))
        self.assertIn(POLICY, query(self.policy, "[%{FILENAMES}\n]"))

    def test_configuration_is_kept_at_an_upgrade(self):
        self.assertIn(
            "/etc/vscan-milter/vscan-milter.conf cn",
            query(self.package, "[%{FILENAMES} %{FILEFLAGS:fflags}\n]"))

    def scripts(self):
        """The package's scriptlets by their names."""
        return {tag: "\n".join(query(self.package, f"%{{{tag}}}"))
                for tag in ("PREIN", "POSTIN", "PREUN", "POSTUN",
                            "POSTTRANS")}

    def test_scriptlets_are_sound_and_expanded(self):
        for tag, text in self.scripts().items():
            procs.run(["sh", "-n", "-c", text])
            self.assertNotRegex(text, r"%\{?[a-z_]+", tag)

    def test_scriptlets_do_what_is_due(self):
        scripts = self.scripts()
        self.assertRegex(scripts["PREIN"], "useradd -r .*vscan-milter")
        self.assertIn("install-system-units vscan-milter.service "
                      "vscan-release.service", scripts["POSTIN"])
        self.assertIn("remove-system-units vscan-milter.service "
                      "vscan-release.service", scripts["PREUN"])
        # An upgrade goes over to the new programs and defers no mail.
        self.assertNotRegex(scripts["POSTUN"],
                            "restart-system-units.* vscan-milter.service")
        self.assertIn("vscan-milter --restart", scripts["POSTTRANS"])

    def remove(self, held):
        """What the scriptlet for a removal says; held: mail is."""
        state = self.scratch / "state"
        state.mkdir(exist_ok=True)
        (state / "1.eml").unlink(missing_ok=True)
        if held:
            (state / "1.eml").touch()
        text = self.scripts()["PREUN"].replace(
            "/var/lib/vscan-milter", str(state)).replace(
            "/usr/lib/systemd/systemd-update-helper", "/nowhere")
        return procs.run(["sh", "-c", text, "preun", "0"]).stderr

    def test_removal_warns_of_held_mail(self):
        self.assertIn("held mail is left", self.remove(held=True))
        self.assertEqual(self.remove(held=False), "")

    def unpacked(self):
        """The package's files below a directory."""
        root = self.scratch / "root"
        if not root.exists():
            root.mkdir()
            data = subprocess.run(["rpm2cpio", str(self.package)], check=True,
                                  capture_output=True).stdout
            subprocess.run(["cpio", "-id", "--quiet"], input=data, cwd=root,
                           check=True)
        return root

    def test_programs_run_and_take_the_configuration(self):
        root = self.unpacked()
        said = procs.run([root / "usr/sbin/vscan-milter", "-V"]).stdout
        self.assertRegex(said, r"vscan-milter 0\.1\.0\n(.*\n)*libclamav ")
        printed = procs.run([
            root / "usr/sbin/vscan-milter", "--print-config", "-c",
            root / "etc/vscan-milter/vscan-milter.conf"]).stdout
        self.assertRegex(printed, '(?m)^\tlate_submission = "hold"')

    def test_units_name_the_installed_programs(self):
        root = self.unpacked()
        for unit in (root / "usr/lib/systemd/system").iterdir():
            text = unit.read_text()
            self.assertNotIn("/usr/local", text)
            for program in re.findall("(?m)^Exec[A-Za-z]*=(/\\S+)", text):
                self.assertTrue((root / program[1:]).exists(), program)

    def test_account_is_the_one_that_owns_the_state(self):
        text = (self.unpacked() / "usr/lib/sysusers.d/vscan-milter.conf"
                ).read_text()
        self.assertRegex(text, "(?m)^u vscan-milter - ")

    def test_rpmlint_finds_nothing(self):
        done = procs.run([needs.program("rpmlint"),
                          "--config", TOP / "contrib/rpm/rpmlint.toml",
                          "--rpmlintrc",
                          TOP / "contrib/rpm/vscan-milter.rpmlintrc",
                          *self.first.iterdir(), SPEC], check=False)
        self.assertEqual([], [line for line in done.stdout.split("\n")
                              if re.search(r": [EW]: ", line)])
        self.assertIn("0 errors, 0 warnings", done.stdout)


if __name__ == "__main__":
    testmain.main(functools.partial(needs.program, "rpmbuild"),
                  functools.partial(needs.file, "/usr/share/selinux/devel"))
