# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Archives as an attacker, an unusual program or a damaged disk makes them.

Made by hand where Python's own modules make sound ones only.
"""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

NAME = "file.txt"
_ZIP_LOCAL, _ZIP_ENTRY, _ZIP_END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


# ZIP

def zip_of(*files, method=zipfile.ZIP_DEFLATED):
    """An archive of (name, data) pairs."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, data in files:
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 12, 0, 0)),
                          data, method)
    return archive.getvalue()


def _patched(archive, marks, offset, value):
    """The archive with value at offset behind each of the marks."""
    archive = bytearray(archive)
    for mark, place in zip(marks, offset):
        at = archive.index(mark) + place
        archive[at:at + len(value)] = value
    return bytes(archive)


def zip_without_directory(data):
    """Cut off where its directory begins."""
    archive = zip_of((NAME, data))
    return archive[:archive.index(_ZIP_ENTRY)]


def zip_with_bad_directory(data):
    """With a directory that does not begin as one."""
    return _patched(zip_of((NAME, data)), [_ZIP_ENTRY], [0], b"XX")


def zip_that_ends_elsewhere(data):
    """With an end that points to no directory."""
    return _patched(zip_of((NAME, data)), [_ZIP_END], [12], b"\1\0\0\0" * 2)


def zip_with_method(data, method):
    """With a member that claims to be packed by another method."""
    return _patched(zip_of((NAME, data)), [_ZIP_LOCAL, _ZIP_ENTRY], [8, 10],
                    struct.pack("<H", method))


def zip_that_claims(data, size):
    """With a member that claims another size."""
    return _patched(zip_of((NAME, data)), [_ZIP_LOCAL, _ZIP_ENTRY],
                    [22, 24], struct.pack("<I", size))


def zip64_of(data):
    """With the sizes in an extra field, as for 4 GB and more."""
    extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
    crc = zlib.crc32(data)
    name = NAME.encode()
    common = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, 0xFFFFFFFF,
                         0xFFFFFFFF, len(name), len(extra))
    local = _ZIP_LOCAL + common + name + extra + data
    entry = (_ZIP_ENTRY + struct.pack("<H", 45) + common +
             struct.pack("<HHHII", 0, 0, 0, 0, 0) + name + extra)
    return local + entry + _ZIP_END + struct.pack(
        "<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def streamed_zip(data):
    """With sizes behind the members only, as written to a pipe."""
    class Pipe(io.RawIOBase):
        """Takes bytes, and can't seek."""
        def __init__(self):
            super().__init__()
            self.taken = b""

        def writable(self):
            return True

        def write(self, data):
            self.taken += bytes(data)
            return len(data)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(NAME, data)
    return pipe.taken


def zip_with_two_ends(first, second):
    """Two archives in one: which members there are depends on the program."""
    outer, inner = (zip_of((NAME, data), method=zipfile.ZIP_STORED)
                    for data in (first, second))
    return outer[:-2] + struct.pack("<H", len(inner)) + inner


# tar

def tar_of(*files, form=tarfile.USTAR_FORMAT):
    """An archive of (name, data) pairs."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=form) as file:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return archive.getvalue()


def _tar_header(header, **fields):
    """The header with fields set, and the checksum mended."""
    places = {"name": 0, "size": 124, "type": 156, "magic": 257}
    header = bytearray(header)
    for name, value in fields.items():
        header[places[name]:places[name] + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def tar_of_two_formats(first, second):
    """Its second member has an old header, without a magic."""
    one = tar_of(("first.txt", first))
    two = tar_of(("second.txt", second))
    end = 512 + (len(first) + 511) // 512 * 512
    return one[:end] + _tar_header(two[:512], magic=bytes(8)) + two[512:]


def tar_with_binary_size(data):
    """The size as a binary number, as GNU tar writes large ones."""
    archive = tar_of((NAME, data))
    size = b"\x80" + len(data).to_bytes(11, "big")
    return _tar_header(archive[:512], size=size) + archive[512:]


def tar_without_beginning(first, second):
    """Its first header is damaged; tar goes on with the next."""
    archive = tar_of(("first.txt", first), ("second.txt", second))
    return b"\xff" * 512 + archive[512:]


# CAB

def cab_of(data, name=NAME, folder_blocks=None):
    """With MSZIP, a block for 32 KiB."""
    blocks = b""
    pieces = [data[at:at + 32768] for at in range(0, len(data), 32768)]
    history = b""
    for piece in pieces:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=history) \
            if history else zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"CK" + packer.compress(piece) + packer.flush()
        blocks += struct.pack("<IHH", 0, len(packed), len(piece)) + packed
        history = piece
    if folder_blocks is not None:
        blocks = folder_blocks
    entry = struct.pack("<IIHHHH", len(data), 0, 0, 0x5A21, 0x6000,
                        0x20) + name.encode() + b"\0"
    start = 36 + 8
    head = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0,
                       start + len(entry) + len(blocks), 0, start, 0, 3, 1,
                       1, 1, 0, 1, 0)
    folder = struct.pack("<IHH", start + len(entry), len(pieces), 1)
    return head + folder + entry + blocks


# RAR, which nothing free can write

def _rar4_block(kind, flags, rest, data=b""):
    body = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body + data


def rar4_of(data):
    """A RAR 2.0 archive with one stored file."""
    name = NAME.encode()
    member = struct.pack("<IIBIIBBHI", len(data), len(data), 2,
                         zlib.crc32(data), 0x5A216000, 20, 0x30, len(name),
                         0x20) + name
    return (b"Rar!\x1a\x07\0" + _rar4_block(0x73, 0, bytes(6)) +
            _rar4_block(0x74, 0x8000, member, data) +
            _rar4_block(0x7B, 0x4000, b""))


def _rar5_block(rest, data=b""):
    body = bytes([len(rest)]) + rest
    return struct.pack("<I", zlib.crc32(body)) + body + data


def rar5_of(data):
    """A RAR 5 archive with one stored file of less than 128 bytes."""
    name = NAME.encode()
    size = bytes([len(data)])
    member = (b"\2\2" + size + b"\4" + size + b"\x20" +
              struct.pack("<I", zlib.crc32(data)) + b"\0\0" +
              bytes([len(name)]) + name)
    return (b"Rar!\x1a\x07\1\0" + _rar5_block(b"\1\0\0") +
            _rar5_block(member, data) + _rar5_block(b"\5\0\0"))


# Others

def program():
    """The beginning of a program for Windows, in which there is nothing."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x14C, 0, 0, 0, 0, 224,
                       0x102)
    return dos + coff + struct.pack("<H", 0x10B) + bytes(222 + 512)


def self_extracting(archive):
    """The archive behind a program."""
    return program() + archive


def bzip2_of_two(first, second):
    """Two streams, one behind the other; bzip2 unpacks both."""
    return bz2.compress(first) + bz2.compress(second)


def damaged_gzip(data):
    """With a byte in its middle that is another one."""
    archive = bytearray(gzip.compress(data))
    archive[len(archive) // 2] ^= 0x55
    return bytes(archive)


def xz_with_dictionary(data):
    """With the claim that it takes a dictionary of 4 GB to unpack."""
    archive = bytearray(lzma.compress(data))
    at, end = 12, 12 + 4 * (archive[12] + 1) - 4
    archive[archive.index(b"\x21\1", at) + 2] = 40
    archive[end:end + 4] = struct.pack("<I", zlib.crc32(archive[at:end]))
    return bytes(archive)


def ar_of(data):
    """As made by ar, and by dpkg-deb."""
    return (b"!<arch>\n" + f"{NAME + '/':<16}{0:<12}{0:<6}{0:<6}{644:<8}"
            f"{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2))


def empty_iso():
    """A CD's image with nothing in it but that it is one."""
    return bytes(32768) + b"\1CD001\1" + bytes(2041)


def zeros(size):
    """What packs best."""
    return bytes(size)
