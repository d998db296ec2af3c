#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The sandbox changes no verdict: what is unpacked without it is with it.

What a scan opens by its name would be missing: above all the C library's
character sets, without which a document in one of them is left unread, and
called clean.
"""

import base64
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import milterclient
import needs
import procs
import signatures
import testmain
from daemon import Daemon
from scratchdir import scratch_dir

UNICODE = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32",
           "utf-32-le", "utf-32-be")

# Of a web page, to be found in its normalised form only.
PAGE = "vscan-page-text"
PAGE_SIGNATURE = f"Vscan.Test.Page:3:*:{PAGE.encode().hex()}\n"

# Whoever reads it as it stands doesn't find EICAR.
WORD = """<?xml version="1.0" encoding="{charset}" standalone="yes"?>
<?mso-application progid="Word.Document"?>
<w:wordDocument
 xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:body>
<w:binData w:name="a.mso">{data}</w:binData></w:body></w:wordDocument>
"""


def word_document(charset):
    """A Word 2003 document that says that it is in that character set, with
    EICAR attached: to be found it has to be parsed."""
    data = base64.encodebytes(signatures.EICAR).decode()
    return WORD.format(charset=charset, data=data)


def charsets():
    """The names that the C library knows, without those for itself."""
    names = procs.run(["iconv", "-l"]).stdout.split()
    return sorted({name.rstrip("/") for name in names
                   if "/" not in name.rstrip("/")})


class SandboxVerdictsCase(unittest.TestCase):
    """Two daemons, one with the sandbox and one without."""

    @classmethod
    def setUpClass(cls):
        path = cls.enterClassContext(scratch_dir())
        database = signatures.make_set(path / "signatures")
        signatures.add_testfiles(database)
        (database / "page.ndb").write_text(PAGE_SIGNATURE)
        cls.within, cls.without = (
            cls.enterClassContext(Daemon(path / level, database,
                                         expected_log=["sandbox is off"],
                                         engine={"sandbox": level}))
            for level in ("require", "off"))

    def verdict(self, daemon, mail):
        """What it says of a mail: reply or label."""
        outcome = milterclient.deliver(daemon.socket, mail)
        return (outcome.action, outcome.reply,
                outcome.header("X-Virus-Status"))

    def assert_same(self, attachments):
        """Of each (name, bytes); returns how many were found out."""
        found = 0
        for name, data in attachments:
            mail = mails.multipart(
                ("text/plain; charset=koi8-r", "quoted-printable", b"\xd4"),
                ("application/octet-stream", "base64", data))
            within = self.verdict(self.within, mail)
            self.assertEqual(within, self.verdict(self.without, mail), name)
            found += within[0] == "reject"
        return found

    def test_documents_in_every_character_set(self):
        names = charsets()
        self.assertGreater(len(names), 200)
        found = self.assert_same(
            (name, word_document(name).encode()) for name in names)
        # The others are none of which XML could begin as it does.
        self.assertGreater(found, len(names) / 2)

    def test_pages_in_unicode(self):
        page = f"<html><head></head><body><p>{PAGE}</p></body></html>"
        found = self.assert_same(
            (name, page.encode(name)) for name in UNICODE)
        self.assertGreaterEqual(found, len(UNICODE) - 1)

    def test_files_of_many_kinds(self):
        files = sorted(needs.file(signatures.TESTFILES).iterdir())
        found = self.assert_same(
            (path.name, path.read_bytes()) for path in files)
        self.assertGreater(found, 30)


if __name__ == "__main__":
    testmain.main(needs.daemon)
