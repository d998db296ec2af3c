# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Signature sets of the tests' own, small and known.

Nothing here holds the EICAR test file as it is: a virus scanner on the
developer's machine would take the source away.
"""

import functools
import hashlib
import pathlib
import resource

import mails
import needs
import procs
from scratchdir import scratch_dir

EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD" +
         "-ANTIVIRUS-TEST-FILE!$H+H*").encode()
EICAR_NAME = "Vscan.Test.Eicar"
EICAR_FOUND = EICAR_NAME + ".UNOFFICIAL"

TESTFILES = "/usr/share/clamav-testfiles"

# Never matches, but costs time in proportion to the ticks: a scan that is as
# slow as a test wants it, and that no limit of libclamav interrupts.
_SLOW_RULE = f"""rule VS_SLOW {{ strings: $a = "{mails.TICK}"
condition: for all i in (1..(#a * 2000000)) : ( i > 0 ) and filesize < 0 }}
"""


def body_signature(name, text):
    """A line of an .ndb file: these bytes, anywhere in any file."""
    return f"{name}:0:*:{text.hex()}\n"


def make_set(directory):
    """Makes the directory with EICAR and the slow rule; returns it."""
    directory = pathlib.Path(directory)
    directory.mkdir(mode=0o755)
    (directory / "eicar.ndb").write_text(body_signature(EICAR_NAME, EICAR))
    (directory / "slow.yar").write_text(_SLOW_RULE)
    return directory


def break_set(directory):
    """Makes the whole set of this directory one that can't be loaded."""
    (directory / "broken.ndb").write_text("this is no signature\n")


def mend_set(directory):
    """Undoes break_set()."""
    (directory / "broken.ndb").unlink(missing_ok=True)


def add_testfiles(directory):
    """Adds what finds the program that every test file of ClamAV holds.

    By its hash, as ClamAV's own tests do, and by a text in it, since some
    containers give it back changed.
    """
    clam = needs.file(f"{TESTFILES}/clam.exe").read_bytes()
    digest = hashlib.md5(clam, usedforsecurity=False).hexdigest()
    (directory / "clam.hdb").write_text(
        f"{digest}:{len(clam)}:Vscan.Test.Clam-1\n")
    start = clam.index(b"KERNEL32.DLL")
    (directory / "clam.ndb").write_text(
        body_signature("Vscan.Test.Clam-2", clam[start:start + 48]))


def clamscan(database, path):
    """What clamscan says of a file: "OK" or the name of what it found."""
    done = procs.run([needs.program("clamscan"), "--no-summary",
                      f"--database={database}", path], check=False)
    answer = done.stdout.strip().removeprefix(f"{path}: ")
    if done.returncode == 0 and answer == "OK":
        return "OK"
    if done.returncode == 1 and answer.endswith(" FOUND"):
        return answer.removesuffix(" FOUND")
    raise AssertionError(f"clamscan ended with {done.returncode}: "
                         f"{done.stdout}{done.stderr}")


def _cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scan_seconds(database, path, mail):
    """CPU time: by the clock a scan takes longer on a machine with other work,
    and the mails would be made too quick."""
    path.write_bytes(b"Received: from test\r\n" + mail)
    before = _cpu_of_children()
    clamscan(database, path)
    return _cpu_of_children() - before


@functools.cache
def _tick_seconds():
    """What one tick in a mail costs on this machine."""
    with scratch_dir() as path:
        database = make_set(path / "signatures")
        without, with_ten = (
            _scan_seconds(database, path / "mail", mails.ticking(ticks))
            for ticks in (0, 10))
    return (with_ten - without) / 10


def slow_mail(seconds, **headers):
    """A mail, unlike any other, whose scan takes about so many seconds."""
    return mails.ticking(max(1, round(seconds / _tick_seconds())), **headers)
