#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""piuparts: the package comes, is upgraded, and goes, in systems of its own;
it compares their files before and after."""

import hashlib
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import installed
import procs
import testmain

ARCHIVES = pathlib.Path("/var/cache/apt/archives")
# piuparts wants a mirror, and there is no network.
MIRROR = pathlib.Path("/mirror")
BASE = MIRROR / "base.tar.gz"
_APT = pathlib.Path("/etc/apt/apt.conf.d/test-mirror")
_UNSIGNED = """Acquire::AllowInsecureRepositories "true";
APT::Get::AllowUnauthenticated "true";
"""
_PATIENCE = 500


def suite():
    """Which Debian this is."""
    return re.search(r"^VERSION_CODENAME=(\w+)$",
                     pathlib.Path("/etc/os-release").read_text(),
                     re.MULTILINE)[1]


def entry(package):
    """What a mirror says of a package."""
    fields = procs.run(["dpkg-deb", "-f", package]).stdout
    return (f"{fields}Filename: {package.relative_to(MIRROR)}\n"
            f"Size: {package.stat().st_size}\n"
            f"SHA256: {hashlib.sha256(package.read_bytes()).hexdigest()}\n")


def make_mirror():
    """Of the packages that apt has here, and the older one of ours."""
    architecture = procs.run(["dpkg", "--print-architecture"]).stdout.strip()
    release = MIRROR / "dists" / suite()
    index = release / f"main/binary-{architecture}"
    for directory in (MIRROR / "pool", index):
        directory.mkdir(parents=True)
    for package in (*ARCHIVES.glob("*.deb"), installed.package(1)):
        shutil.copy(package, MIRROR / "pool")
    (index / "Packages").write_text("\n".join(
        entry(package) for package in sorted((MIRROR / "pool").iterdir())))
    (release / "Release").write_text(
        f"Codename: {suite()}\nSuite: {suite()}\nComponents: main\n"
        f"Architectures: {architecture}\n")


class Piuparts(installed.InstalledCase):
    """All its checks."""

    def test_it_finds_nothing(self):
        make_mirror()
        _APT.write_text(_UNSIGNED)
        procs.run(["tar", "-C", "/", "--one-file-system", "-I", "gzip -1",
                   f"--exclude=.{MIRROR}", "-cf", BASE, "."],
                  timeout=_PATIENCE)
        self.install("piuparts")
        done = procs.run(
            ["piuparts", f"--basetgz={BASE}", f"--distribution={suite()}",
             f"--mirror=file://{MIRROR} main", f"--bindmount={MIRROR}",
             "--no-eatmydata", installed.package(2)], check=False, timeout=_PATIENCE)
        print(done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0)
        # Not only the installation: the older one was found.
        self.assertIn("PASS: Installation, upgrade and purging", done.stdout)


if __name__ == "__main__":
    testmain.main()
