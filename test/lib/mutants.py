# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mails and archives with bytes flipped, cut out and doubled, from a seed.

The same seed makes the same mails, so that a finding can be made again.
"""

import bz2
import gzip
import lzma
import pathlib
import random
import unittest.mock
import zipfile

import archives
import mails
import ole2
import signatures

# Some test files have more than 1 MB: they come up less often than others.
_LARGE = 500_000


def _payloads():
    """Files with something to find in them, and some without: pairs of a
    name and bytes."""
    files = [(path.name, path.read_bytes()) for path in
             sorted(pathlib.Path(signatures.TESTFILES).iterdir())]
    small = [file for file in files if len(file[1]) < _LARGE]
    large = [file for file in files if len(file[1]) >= _LARGE]
    made = [
        ("eicar.com", signatures.EICAR),
        ("eicar.txt", b"Some text, and then:\n" + signatures.EICAR + b"\n"),
        ("eicar.html", b"<html><body><p>" + signatures.EICAR +
         b"</p><script>var a = 1;</script></body></html>\n"),
        ("eicar.doc", ole2.compound({
            "WordDocument": b"\xec\xa5\xc1\0" + bytes(5000),
            "Data": signatures.EICAR + bytes(5000)})),
        ("macro.doc", ole2.macro_document()),
        ("locked.doc", ole2.encrypted_package()),
        ("eicar.docx", archives.zip_of(
            ("[Content_Types].xml", b"<Types/>"),
            ("word/document.xml", b"<w:document>" + signatures.EICAR +
             b"</w:document>"))),
        ("text.txt", b"Nothing to be found in these lines.\n" * 20),
        ("page.html", b"<html><body>Nothing <b>here</b></body></html>\n" * 9),
        ("empty", b""),
    ]
    return small * 2 + large[:1] + made * 4


def _cab(name, data):
    return archives.cab_of(data, name) if data else data


_WRAPPERS = [
    lambda name, data: archives.zip_of((name, data)),
    lambda name, data: archives.zip_of(
        (name, data), ("other.txt", b"other " * 40),
        method=zipfile.ZIP_STORED),
    lambda name, data: archives.zip_of(
        (name, data), method=zipfile.ZIP_BZIP2),
    lambda name, data: archives.tar_of((name, data), ("b", b"second" * 90)),
    lambda name, data: gzip.compress(archives.tar_of((name, data)), mtime=0),
    lambda name, data: gzip.compress(data, mtime=0),
    lambda name, data: bz2.compress(data),
    lambda name, data: lzma.compress(data),
    _cab,
    lambda name, data: archives.self_extracting(
        archives.zip_of((name, data))),
]


class Mutator:
    """Changes bytes, driven by a random.Random."""

    def __init__(self, rng):
        self._rng = rng

    def _span(self, data):
        """A place in data, near its ends more often than in its middle:
        there the headers and directories are."""
        rng, size = self._rng, len(data)
        start = rng.choice([rng.randrange(size), rng.randrange(
            min(size, 64)), size - 1 - rng.randrange(min(size, 64))])
        return start, min(size, start + int(2 ** rng.uniform(0, 10)))

    def bytes(self, data):
        """One to four changes to data."""
        for _ in range(self._rng.randint(1, 4)):
            if data:
                data = self._rng.choice([
                    self._flip, self._flip, self._cut, self._double,
                    self._overwrite, self._truncate])(data)
        return data

    def _flip(self, data):
        data = bytearray(data)
        for _ in range(self._rng.randint(1, 8)):
            start, _ = self._span(data)
            data[start] ^= 1 << self._rng.randrange(8)
        return bytes(data)

    def _cut(self, data):
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _double(self, data):
        start, end = self._span(data)
        return data[:end] + data[start:]

    def _overwrite(self, data):
        start, end = self._span(data)
        byte = self._rng.choice([b"\0", b"\xff", b"A"])
        return data[:start] + byte * (end - start) + data[end:]

    def _truncate(self, data):
        return data[:self._span(data)[0]]

    def lines(self, mail):
        """One to three changes to the lines of a mail: its MIME structure."""
        rng = self._rng
        rows = mail.split(b"\r\n")
        for _ in range(rng.randint(1, 3)):
            at = rng.choice([rng.randrange(len(rows)),
                             rng.randrange(min(len(rows), 25))])
            change = rng.randrange(6)
            if change == 0:
                del rows[at]
            elif change == 1:
                rows.insert(at, rows[rng.randrange(len(rows))])
            elif change == 2:
                rows[at] = self.bytes(rows[at])
            elif change == 3:
                rows[at] = rows[at].swapcase()
            elif change == 4:
                rows[at] = b" " + rows[at]
            else:
                rows[at] = rows[at].replace(b"base64", b"7bit").replace(
                    b"mixed", b"alternative").replace(b":", b" :")
            rows = rows or [b""]
        return b"\r\n".join(rows)


def _mail(rng, payloads):
    """One mail, changed at one or two of its layers or at none."""
    mutator = Mutator(rng)
    name, data = rng.choice(payloads)
    depth = rng.choice([0, 0, 1, 1, 2])
    changed = rng.choice([None, *range(depth + 1), "mail", "mail"])
    for level in range(depth + 1):
        if level > 0:
            data = rng.choice(_WRAPPERS)(name, data)
            name = f"{name}.{level}"
        if changed == level:
            data = mutator.bytes(data)
    mail = mails.attached(data, name, rng.choice(
        ["base64", "base64", "quoted-printable"]
        if len(data) < 20_000 else ["base64"]))
    if rng.random() < 0.15:
        mail = mails.forwarded(mail)
    return mutator.lines(mail) if changed == "mail" else mail


def _deliverable(mail, number):
    """The mail as an MTA could hand it on: no NUL in a header, each line of
    it a field, and a Message-ID of its own."""
    fields, body = mails.split(mail.lstrip(b" \t"))
    kept = []
    for name, value in fields:
        name = bytes(byte for byte in name if 33 <= byte <= 126)
        if name and name.lower() != b"message-id":
            kept.append((name, value.replace(b"\0", b"?")))
    kept.append((b"Message-ID", f" <mutant-{number}@example>".encode()))
    return mails.join(kept, body)


def _with_words(seed):
    """While it lasts, the tokens of mails come from the seed, too."""
    words = random.Random(seed + 1)
    return unittest.mock.patch.object(
        mails, "token", lambda: f"{words.getrandbits(128):032x}")


def generate(seed, count):
    """Yields count mails."""
    rng = random.Random(seed)
    payloads = _payloads()
    with _with_words(seed):
        for number in range(count):
            yield _deliverable(_mail(rng, payloads), number)


def infected_archives(seed, count):
    """Yields count pairs of an archive that was changed, in which EICAR is
    or was, packed, and a mail with it."""
    rng = random.Random(seed)
    mutator = Mutator(rng)
    text = b"some text and more of it\n" * 30
    with _with_words(seed):
        for number in range(count):
            archive = mutator.bytes(rng.choice(_WRAPPERS)(
                "evil.txt", gzip.compress(text + signatures.EICAR + text,
                                          mtime=0)))
            yield archive, _deliverable(mails.attached(archive), number)
