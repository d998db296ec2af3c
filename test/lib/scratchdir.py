# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Private directories that are gone after the test.

Sendmail refuses a milter socket below a world-writable directory, and the
150 MB mails are too much for a small tmpfs: so they lie in /var/lib, not in
/tmp.  Their mode lets the daemon's account and the MTA's through; what is
secret in them has a mode of its own.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile

BASE = "/var/lib"

# What testmain.py prints the logs of when a test has failed.
_live = []


@contextlib.contextmanager
def scratch_dir():
    """Yields a new directory as a Path; removes it with all below it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vscan-test-", dir=BASE))
    path.chmod(0o755)
    _live.append(path)
    try:
        yield path
    finally:
        _live.remove(path)
        shutil.rmtree(path)


def logs():
    """Every log file below the directories that exist now."""
    return [log for path in _live for log in sorted(path.rglob("*.log"))]


def owned_dir(path, uid, gid, mode=0o700):
    """A directory of another account, made if need be; returns its path."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path
