#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mutated mails get the verdict that clamscan gives them.

But for those that are incomplete or encrypted to us, where clamscan says "OK"
of what it has not seen: these are counted with their reasons.  And what is
clean to us, and to clamscan, holds nothing that Python's own modules can
unpack.  By default a few hundred; with the environment's VSCAN_MUTANTS=5000 so
many, and VSCAN_SEED for others.
"""

import bz2
import collections
import contextlib
import gzip
import io
import lzma
import os
import pathlib
import re
import sys
import tarfile
import zipfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import mutants
import needs
import procs
import signatures
import testmain
from daemoncase import DaemonCase
from scratchdir import scratch_dir

COUNT = int(os.environ.get("VSCAN_MUTANTS", "500"))
SEED = int(os.environ.get("VSCAN_SEED", "4"))

# As the engine's defaults are; what only costs time is left out.
OPTIONS = ["--max-scansize=400M", "--max-filesize=100M", "--max-files=10000",
           "--max-recursion=17", "--max-scantime=0", "--alert-exceeds-max=yes",
           "--alert-encrypted=yes", "--phishing-scan-urls=no",
           "--disable-cache", "--no-summary", "--stdout"]

HEURISTICS = {"Heuristics.Limits.": "incomplete",
              "Heuristics.XZ.": "incomplete",
              "Heuristics.Encrypted.": "encrypted"}


def verdict_of(outcome):
    """(kind, name) from the header that says so."""
    status, = outcome.header("X-Virus-Status")
    kind, name = re.fullmatch(r"([A-Za-z ]+)(?: \((.*)\))?", status).groups()
    return kind.lower(), name or ""


def expected(answer):
    """What clamscan's answer would be as a verdict of ours."""
    if answer == "OK":
        return "clean", ""
    for prefix, kind in HEURISTICS.items():
        if answer.startswith(prefix):
            return kind, answer
    return "infected", answer


def agree(ours, theirs):
    """True if the one is no news beside the other.  clamscan reports one of
    several limits and kinds of encryption, any."""
    if ours[0] in ("incomplete", "encrypted"):
        return theirs[0] != "infected"
    return ours == theirs


# What they raise at what they can't read.
_ERRORS = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError,
           zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error)


def _zip_members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for member in file.infolist():
            with contextlib.suppress(*_ERRORS):
                yield file.read(member)


def _tar_members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        for member in file:
            if member.isreg():
                yield file.extractfile(member).read()


def unpacked(data):
    """All that Python gets out of an archive, and out of gzip in it."""
    found = []
    for read in (_zip_members, _tar_members,
                 lambda data: [gzip.decompress(data)],
                 lambda data: [bz2.decompress(data)],
                 lambda data: [lzma.decompress(data)]):
        with contextlib.suppress(*_ERRORS):
            found.extend(read(data))
    for part in list(found):
        with contextlib.suppress(*_ERRORS):
            found.append(gzip.decompress(part))
    return found


class MutantCase(DaemonCase):
    """Every verdict is accepted, and so can be read in a header."""

    settings = {"action": {"infected": "accept", "error": "accept"},
                "engine": {"workers": 2}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        signatures.add_testfiles(cls.daemon.database)
        since = cls.daemon.mark()
        cls.daemon.reload()
        cls.daemon.wait_in_service(since)

    def ours(self, generated):
        """Our verdicts, in their order."""
        client = self.session()
        return [verdict_of(client.deliver(mail)) for mail in generated]

    def theirs(self, generated):
        """clamscan's, of the same bytes as the engine is shown."""
        with scratch_dir() as path:
            for number, mail in enumerate(generated):
                (path / f"{number}").write_bytes(b"Received: from here\r\n" +
                                                 mail)
            done = procs.run([needs.program("clamscan"), *OPTIONS,
                              f"--database={self.daemon.database}", path],
                             check=False, timeout=1800)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        answers = dict(re.findall(r"^.*/(\d+): (.*?)(?: FOUND)?$",
                                  done.stdout, re.M))
        self.assertEqual(len(answers), len(generated), done.stdout[-500:])
        return [expected(answers[str(number)])
                for number in range(len(generated))]

    def test_mutants_have_the_verdict_of_clamscan(self):
        generated = list(mutants.generate(SEED, COUNT))
        ours, theirs = self.ours(generated), self.theirs(generated)
        counts = collections.Counter(
            f"{kind} {name}" if kind != "infected" else kind
            for kind, name in ours)
        for what, count in sorted(counts.items()):
            print(f"{count:6} {what}")
        for number, pair in enumerate(zip(ours, theirs)):
            with self.subTest(seed=SEED, number=number):
                self.assertTrue(agree(*pair), pair)
        # Else this would compare nothing with nothing.
        self.assertGreater(counts["infected"], COUNT // 4)
        self.assertGreater(counts["clean "], COUNT // 20)

    def test_what_is_clean_holds_nothing_that_python_unpacks(self):
        pairs = list(mutants.infected_archives(SEED, COUNT))
        verdicts = self.ours([mail for _, mail in pairs])
        seen = 0
        for number, ((archive, _), verdict) in enumerate(zip(pairs,
                                                             verdicts)):
            there = any(signatures.EICAR in part
                        for part in unpacked(archive))
            seen += there
            with self.subTest(seed=SEED, number=number):
                self.assertFalse(there and verdict[0] == "clean", verdict)
        self.assertGreater(seen, COUNT // 20)


def _needed():
    needs.program("clamscan")
    needs.file(signatures.TESTFILES)


if __name__ == "__main__":
    testmain.main(needs.daemon, _needed)
