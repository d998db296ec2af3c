# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What a test cannot do without; where it is missing, the test is skipped.

A program that lacks something must not pass: Missing makes testmain.py end it
with the exit code that CTest counts as skipped, and print the reason.
"""

import os
import pathlib
import re
import shutil
import subprocess


class Missing(Exception):
    """Something that the test needs is not to be had on this machine."""


def root():
    """The test starts an MTA, or changes accounts."""
    if os.geteuid() != 0:
        raise Missing("must be run as root")


def namespaces():
    """The engine runs its workers in namespaces of their own."""
    done = subprocess.run(
        ["unshare", "--user", "--pid", "--mount", "--net", "--ipc", "--fork",
         "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"no namespaces: {done.stderr.strip()}")


def program(name):
    """The path of a command; sbin directories are looked through too."""
    path = shutil.which(name, path=os.environ.get("PATH", "") +
                        ":/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"no {name} on this machine")
    return path


def seven_zip():
    """7-Zip's name, which is another on Debian 13 than on Debian 12."""
    return "7zz" if shutil.which("7zz") else "7z"


def file(path):
    """A file or directory of some package."""
    if not os.path.exists(path):
        raise Missing(f"no {path} on this machine")
    return pathlib.Path(path)


def build():
    """The directory in which the daemon was built."""
    if "VSCAN_BUILD" not in os.environ:
        raise Missing("VSCAN_BUILD does not name the build directory")
    return pathlib.Path(os.environ["VSCAN_BUILD"]).resolve()


def daemon():
    """The daemon, and what its engine asks of the kernel."""
    root()
    namespaces()
    return file(build() / "sbin" / "vscan-milter")


def _sanitizers():
    cache = (build() / "CMakeCache.txt").read_text()
    return cache.partition("VSCAN_SANITIZE:STRING=")[2].split("\n")[0]


def has_thread_sanitizer():
    """ThreadSanitizer puts a signal off until the program's next call that it
    knows, and a scan makes none: so a worker's CPU limit never ends it."""
    return _sanitizers() == "thread"


def has_sanitizer():
    """A build that is many times slower; its runtime has to be preloaded
    before anything else, forks, starts programs and looks into processes: with
    it, only workers have a filter for system calls."""
    return _sanitizers() != ""
