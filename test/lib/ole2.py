# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""OLE2 compound files ([MS-CFB]) and the Office documents made of them.

Only as much of them as is looked at: a document of these opens in no office
program, but a scanner takes it for one.
"""

import struct

_SECTOR = 512
_MINI = 64
_CUTOFF = 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_STORAGE, _STREAM, _ROOT = 1, 2, 5


def _padded(data, size):
    return data + bytes(-len(data) % size)


def _chain(first, count):
    """The links of count sectors that follow each other."""
    return [*range(first + 1, first + count), _END] if count else []


def _entry(name, kind, right=_FREE, child=_FREE, start=_END, size=0):
    """An entry of the directory; siblings hang on each other's right."""
    text = name.encode("utf-16-le") + b"\0\0"
    return (text.ljust(64, b"\0") + struct.pack(
        "<HBBIII", len(text), kind, 1, _FREE, right, child) + bytes(36) +
            struct.pack("<IQ", start, size))


def _flat(tree):
    """A tree of dicts (storages) and bytes (streams) as a list of
    [name, value, right, child]."""
    rows = [["Root Entry", tree, _FREE, _FREE]]
    for row in rows:
        if isinstance(row[1], dict) and row[1]:
            row[3] = len(rows)
            for name, value in row[1].items():
                rows.append([name, value, len(rows) + 1, _FREE])
            rows[-1][2] = _FREE
    return rows


class _Sectors:
    """The sectors of a file, or of its stream for small streams."""

    def __init__(self, size):
        self.size = size
        self.data = b""
        self.links = []

    def add(self, data):
        """Adds data; returns where it starts."""
        start = len(self.links)
        data = _padded(data, self.size)
        self.links += _chain(start, len(data) // self.size)
        self.data += data
        return start


def compound(tree, sizes=()):
    """The bytes of a compound file; {"name": bytes or {...}}.

    sizes gives streams another size than they have: a lie.
    """
    sizes = dict(sizes)
    small, large = _Sectors(_MINI), _Sectors(_SECTOR)
    rows = _flat(tree)
    starts = {}
    for row in rows:
        if isinstance(row[1], bytes):
            pool = small if len(row[1]) < _CUTOFF else large
            starts[row[0]] = pool.add(row[1])
    root = large.add(small.data) if small.data else _END
    mini_fat = struct.pack(f"<{len(small.links)}I", *small.links)
    mini_start = large.add(mini_fat) if mini_fat else _END
    entries = b""
    for name, value, right, child in rows:
        if name == "Root Entry":
            entries += _entry(name, _ROOT, right, child, root,
                              len(small.data))
        elif isinstance(value, dict):
            entries += _entry(name, _STORAGE, right, child)
        else:
            entries += _entry(name, _STREAM, right, child, starts[name],
                              sizes.get(name, len(value)))
    directory = large.add(entries)
    return _file(large, directory, mini_start, len(small.links))


def _file(sectors, directory, mini_start, minis):
    """Adds the allocation table and the header."""
    fats = 1
    while fats * 128 < len(sectors.links) + fats:
        fats += 1
    first = len(sectors.links)
    links = sectors.links + [_FAT] * fats
    table = struct.pack(f"<{len(links)}I", *links)
    table += b"\xff" * (fats * _SECTOR - len(table))
    places = [*range(first, first + fats)]
    header = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack(
        "<HHHHH", 0x3e, 3, 0xfffe, 9, 6) + bytes(6) + struct.pack(
            "<IIIIIIIIII", 0, fats, directory, 0, _CUTOFF, mini_start,
            1 if minis else 0, _END, 0, places[0]))
    header += struct.pack(f"<{fats - 1}I", *places[1:])
    return header.ljust(_SECTOR, b"\xff") + sectors.data + table


# Documents

def document(text):
    """A Word document, hardly."""
    return compound({"WordDocument": _word(0) + text.ljust(_CUTOFF, b"\0")})


def encrypted_package():
    """A .docx or .xlsx of our day, saved with a password."""
    return compound({"EncryptionInfo": b"\4\0\4\0\x40\0\0\0<encryption/>",
                     "EncryptedPackage": bytes(range(256)) * 20})


def rights_managed():
    """A document that its readers need a licence for."""
    return compound({"\tDRMContent": bytes(range(256)) * 20})


def _word(flags):
    """The beginning of a FibBase."""
    return struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0x409, 0, flags)


def locked_word():
    """A .doc with a password."""
    return compound({"WordDocument": _word(0x100) + b"\x55" * _CUTOFF})


def _record(kind, data):
    return struct.pack("<HH", kind, len(data)) + data


def _workbook(*records):
    """The beginning of a workbook's globals."""
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    return begin + b"".join(records) + b"\x55" * _CUTOFF


def locked_excel(write_protected=False):
    """An .xls with a password."""
    locks = [_record(0x86, b"")] if write_protected else []
    locks.append(_record(0x2F, b"\1\0" + bytes(range(52))))
    return compound({"Workbook": _workbook(*locks)})


def locked_powerpoint():
    """A .ppt with a password."""
    atom = struct.pack("<HHII", 0, 0xFF6, 0x20, 0x14) + b"\xdf\xc4\xd1\xf3"
    return compound({"PowerPoint Document": b"\x55" * _CUTOFF,
                     "Current User": atom + bytes(28)})


def _ovba(data):
    """Compressed as in [MS-OVBA] 2.4.1: one chunk of literals."""
    tokens = b"".join(b"\0" + data[at:at + 8]
                      for at in range(0, len(data), 8))
    return b"\1" + struct.pack("<H", 0xB000 | len(tokens) - 1) + tokens


def macro_document(source=b"Sub AutoOpen()\r\nMsgBox 1\r\nEnd Sub\r\n"):
    """A .doc with a macro in VBA."""
    def field(kind, data):
        return struct.pack("<HI", kind, len(data)) + data
    name, wide = b"Module1", "Module1".encode("utf-16-le")
    project = (field(1, struct.pack("<I", 1)) + field(15, b"\1\0") +
               field(19, b"\xff\xff") + field(25, name) +
               field(0x47, wide) + field(26, name) + field(50, wide) +
               field(28, b"") + field(0x48, b"") +
               field(0x31, struct.pack("<I", 0)) +
               field(30, struct.pack("<I", 0)) + field(0x2C, b"\xff\xff") +
               field(0x21, b"") + field(0x2B, b"") + field(16, b""))
    return compound({
        "WordDocument": _word(0) + b"\x20" * _CUTOFF,
        "Macros": {"VBA": {"dir": _ovba(project),
                           "_VBA_PROJECT": b"\xcc\x61\xff\xff\0\0\0",
                           "Module1": _ovba(source)}}})
