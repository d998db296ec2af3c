# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A daemon whose workers a mail can take over, on the kernel that one likes.

Its engine is the product's with attacks.c linked into it; filter and
supervisor are the product's own.
"""

import contextlib
import shutil

import logcheck
import mails
import needs
import signatures
from daemon import Daemon
from scratchdir import scratch_dir

# What attacks.c ends a worker with, and the kernel if it comes first.
LOST, WON, KILLED = "exit-40", "exit-41", "SIGSYS"

# That, what such a kernel lacks, and a scratch that a test has removed.
EXPECTED_LOG = (
    *logcheck.ODD_SCANS, "is not confined to its", "the kernel gives no",
    "the kernel refuses a part of the sandbox", "engine.sandbox is off",
    "scratch", "a worker did not get ready")


def mail(attack, argument=""):
    """A mail that runs an attack in the worker that is to scan it."""
    return mails.plain(f"VSCAN-ATTACK {attack} {argument}\r\n".encode())


def _make_program(directory):
    """The supervisor looks for the others where it lies itself."""
    build = needs.build()
    children = directory / "libexec" / "vscan-milter"
    children.mkdir(parents=True)
    (directory / "sbin").mkdir()
    shutil.copy(build / "libexec/vscan-milter/vscan-filter", children)
    shutil.copy(build / "component/vscan-engine-attacked",
                children / "vscan-engine")
    return shutil.copy(build / "sbin/vscan-milter", directory / "sbin")


def kernel_without(*names):
    """For Daemon's run_with: system calls that aren't there, and perhaps
    "namespaces"."""
    return [needs.build() / "component/without", *names, "--"] if names else []


@contextlib.contextmanager
def attacked_daemon(*lacks, **settings):
    """Such a daemon, in service, on a kernel that lacks that."""
    with scratch_dir() as path:
        database = signatures.make_set(path / "signatures")
        with Daemon(path / "daemon", database, program=_make_program(path),
                    expected_log=EXPECTED_LOG, run_with=kernel_without(*lacks), **settings) as daemon:
            yield daemon
