#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What libclamav passes as clean without having looked is never called clean.

A table: how a mail is made, and the verdict and reason that it has to get.
Beside what is damaged stands what is sound, and has to be clean: else a table
of nothing but "incomplete" would be met by calling everything so.  What fills,
breaks or withholds the worker's own means is in test_engine_blind.c.
"""

import base64
import bz2
import gzip
import lzma
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import archives
import logcheck
import mails
import needs
import ole2
import procs
import signatures
import testmain
from daemoncase import DaemonCase
from signatures import EICAR

SEVEN_ZIP = needs.seven_zip()

MIB = 1 << 20
CLEAN, INFECTED = "clean", "infected"
INCOMPLETE, ENCRYPTED = "incomplete", "encrypted"


def text():
    """Some lines unlike any other, which pack well."""
    return f"{mails.token()}\n".encode() * 20


def noise(size=40000):
    """Text that doesn't pack well."""
    return "".join(f"{mails.token()}\n"
                   for _ in range(size // 33)).encode()


def attach(make, *args):
    """Makes a mail with what make(*args) returns; args that can be called
    are called for each mail anew."""
    return lambda: mails.attached(make(*(
        arg() if callable(arg) else arg for arg in args)))


def packed_by(program, *options):
    """A file packed by 7-Zip, as a function that returns bytes."""
    def run():
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            (path / "file.txt").write_bytes(text())
            procs.run([needs.program(program), "a", *options,
                       path / "archive", path / "file.txt"])
            return next(path.glob("archive*")).read_bytes()
    return run


def spoilt(make, at):
    """What make() returns, with one byte changed."""
    def run():
        data = bytearray(make())
        data[at] ^= 0xFF
        return bytes(data)
    return run


seven = packed_by(SEVEN_ZIP, "-t7z")


def pdf(*encryption):
    """A document of one empty page, by qpdf encrypted if need be."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>",
               b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]"
               b"/Contents 4 0 R>>",
               b"<</Length 45>>stream\n%" + b"%-44s" % mails.token().encode()
               + b"\nendstream"]
    data = b"%PDF-1.4\n" + b"".join(
        b"%d 0 obj\n%s\nendobj\n" % (number, item)
        for number, item in enumerate(objects, 1)) + (
            b"trailer<</Root 1 0 R/Size 5>>\n%%EOF\n")
    with tempfile.TemporaryDirectory() as directory:
        plain, out = (pathlib.Path(directory) / name for name in "io")
        plain.write_bytes(data)
        # 3: it had to mend the table of objects, which is missing.
        done = procs.run([needs.program("qpdf"), "--static-id", *encryption,
                          plain, out], check=False)
        assert done.returncode in (0, 3), done.stderr
        return out.read_bytes()


def cms(*options):
    """An S/MIME object made by OpenSSL of a mail with a virus in a ZIP."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        openssl = needs.program("openssl")
        procs.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                   "-subj", "/CN=test", "-keyout", path / "key.pem", "-out",
                   path / "cert.pem"])
        body = mails.attached(mails.zipped(EICAR), "eicar.zip")
        inner = body[body.index(b"MIME-Version"):]
        return subprocess.run(
            [openssl, "cms", "-binary", "-outform", "DER", *(
                str(path / option) if option.endswith(".pem") else option
                for option in options)],
            input=inner, capture_output=True, check=True).stdout


def signed():
    """With the message in the signature."""
    return cms("-sign", "-nodetach", "-signer", "cert.pem",
               "-inkey", "key.pem")


def signature_only():
    """A signature that stands beside its message."""
    return cms("-sign", "-signer", "cert.pem", "-inkey", "key.pem")


def enveloped(*options):
    """Encrypted for one recipient."""
    return cms("-encrypt", "-aes128", *options, "cert.pem")


def damaged_installer():
    """One of ClamAV's test files, with all behind its header changed."""
    data = (needs.file(signatures.TESTFILES) /
            "clam-nsis.exe").read_bytes()
    at = data.index(b"NullsoftInst") + 20
    return data[:at] + bytes(byte ^ 0x5A for byte in data[at:])


def typed(content_type, body):
    """A mail of one part of that type."""
    return mails.plain(body, MIME_Version="1.0", Content_Type=content_type)


def multipart(kind, *parts):
    """A mail of these parts, of another type than mixed."""
    return lambda: mails.multipart(*(
        part() if callable(part) else part for part in parts)).replace(
            b"multipart/mixed", b"multipart/" + kind, 1)


def packed_part():
    """Of a mail: a ZIP."""
    return "application/zip", "base64", archives.zip_of(("a.txt", text()))


def encoded_mail(first, data=None):
    """A message that is a ZIP, with that as its first header."""
    return (first + b": x\r\nContent-Type: application/zip\r\n"
            b"Content-Transfer-Encoding: base64\r\nMessage-ID: <" +
            mails.token().encode() + b"@sender.example>\r\n\r\n" +
            base64.encodebytes(data or packed_part()[2]))


HELLO = ("text/plain", "7bit", b"Hello.\r\n")
SIGNATURE = ("application/pgp-signature", "7bit",
             b"-----BEGIN PGP SIGNATURE-----\r\n")
ARMOUR = (b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA9vWq5Dl\r\n=aBcD\r\n"
          b"-----END PGP MESSAGE-----\r\n")
PGP_MIME = typed(
    'multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"',
    b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1"
    b"\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
    + ARMOUR + b"\r\n--b--\r\n")
S_MIME = typed("application/pkcs7-mime; smime-type=enveloped-data\r\n"
               "Content-Transfer-Encoding: base64",
               b"MIAGCSqGSIb3DQEHA6CAMIACAQAxggE=\r\n")
# A session key for one recipient, and then data.
PGP_BINARY = (b"\x85\x01\x0c\x03" + bytes(8) + b"\1" + b"\x55" * 258 +
              b"\xd2\x40" + b"\x55" * 64)
ODF = archives.zip_of(
    ("mimetype", b"application/vnd.oasis.opendocument.text"),
    ("content.xml", bytes(range(256))),
    ("META-INF/manifest.xml", b'<manifest:manifest><manifest:file-entry '
     b'manifest:full-path="content.xml"><manifest:encryption-data '
     b'manifest:checksum-type="SHA1"/></manifest:file-entry>'
     b'</manifest:manifest>'))

# The row's name, how its mail is made, the reason.

SOUND = {
    "text": attach(text),
    "ZIP": attach(lambda: archives.zip_of(("a.txt", text()),
                                          ("b.txt", text()))),
    "ZIP with nothing but tiny files": attach(archives.zip_of, ("a", b"12345"),
                                              ("b", b"")),
    "ZIP written to a pipe": attach(archives.streamed_zip, text),
    "ZIP in a ZIP": attach(mails.zipped, text, 3),
    "ZIP behind a program": attach(lambda: archives.self_extracting(
        archives.zip_of(*((f"{number}.txt", text())
                          for number in range(30))))),
    "tar": attach(lambda: archives.tar_of(("a", text()), ("b", b""),
                                          ("d/" * 80 + "c", text()))),
    "tar of GNU, long names": attach(lambda: archives.tar_of(
        ("d/" * 80 + "c", text()), form=tarfile.GNU_FORMAT)),
    "tar of POSIX, long names": attach(lambda: archives.tar_of(
        ("d/" * 80 + "\xe9", text()), form=tarfile.PAX_FORMAT)),
    "tar.gz": attach(lambda: gzip.compress(archives.tar_of(("a", text())))),
    "gzip of two members": attach(
        lambda: gzip.compress(text()) + gzip.compress(text())),
    "gzip of nothing": attach(gzip.compress, b""),
    "bzip2": attach(bz2.compress, text),
    "bzip2 of nothing": attach(bz2.compress, b""),
    "xz of two streams": attach(
        lambda: lzma.compress(text()) + lzma.compress(text())),
    "CAB": attach(archives.cab_of, text),
    "CAB behind a program": attach(lambda: archives.self_extracting(
        archives.cab_of(text()))),
    "7z": attach(seven),
    "7z behind a program": attach(
        lambda: archives.self_extracting(seven())),
    "7z stored in a tar": attach(lambda: archives.tar_of(("a.7z", seven()))),
    "ZIP stored in a tar": attach(lambda: archives.tar_of(
        ("a.zip", archives.zip_of(("a", text()))))),
    "ZIP stored in a ZIP": attach(lambda: archives.zip_of(
        ("a.zip", archives.zip_of(("a", text()))),
        method=zipfile.ZIP_STORED)),
    "PDF": attach(pdf),
    "OLE2": attach(ole2.document, text),
    "a program": attach(archives.program),
    "S/MIME signature beside the message": attach(signature_only),
    "signed by PGP": multipart(b"signed", HELLO, SIGNATURE),
    "signed by PGP, a ZIP": multipart(b"signed", packed_part, SIGNATURE),
    "forwarded mail that is a ZIP": lambda: mails.multipart(
        HELLO, ("message/rfc822", "7bit", encoded_mail(b"Received"))),
    "forwarded mail with a header first that is unknown": (
        lambda: mails.multipart(HELLO, (
            "message/rfc822", "7bit", b"Cc: x\r\n\r\n" + text()))),
    "headers of a mail that came back": lambda: mails.multipart(
        HELLO, ("text/rfc822-headers", "7bit",
                b"Cc: x\r\nContent-Transfer-Encoding: base64\r\n\r\n")),
    "forwarded mail": lambda: mails.forwarded(mails.attached(text())),
}

UNREAD = {
    # ZIP
    "ZIP without its directory": (
        attach(archives.zip_without_directory, text), "ZIP-not-opened"),
    "ZIP with a damaged directory": (
        attach(archives.zip_with_bad_directory, text), "ZIP-not-opened"),
    "ZIP whose end points elsewhere": (
        attach(archives.zip_that_ends_elsewhere, text), "ZIP-not-opened"),
    "ZIP packed by LZMA": (
        attach(lambda: archives.zip_of(("a", text()),
                                       method=zipfile.ZIP_LZMA)),
        "ZIP-not-opened"),
    "ZIP packed by PPMd": (
        attach(archives.zip_with_method, text, 98), "ZIP-not-opened"),
    "ZIP with one member packed by LZMA": (
        attach(lambda: mixed_zip(zipfile.ZIP_LZMA)), "ZIP-in-part"),
    "Zip64": (attach(archives.zip64_of, text), "ZIP-not-opened"),
    "ZIP with two directories": (
        attach(archives.zip_with_two_ends, text, lambda: text() * 2),
        "ZIP-not-opened"),
    "ZIP with two directories, one in the other's place": (
        attach(archives.zip_with_two_ends, text, text), "ZIP-in-part"),
    "ZIP that claims to hold less": (
        attach(archives.zip_that_claims, text, 100), "ZIP-in-part"),
    "ZIP behind a program, written to a pipe": (
        attach(lambda: archives.self_extracting(
            archives.streamed_zip(text()))), "ZIP-not-opened"),
    "ZIP behind a program, packed by PPMd": (
        attach(lambda: archives.self_extracting(
            archives.zip_with_method(text(), 98))), "ZIP-not-opened"),
    "ZIP behind a program, without its directory": (
        attach(lambda: archives.self_extracting(
            archives.zip_without_directory(text())[:-4])), "ZIP-in-part"),
    "damaged ZIP in a forwarded mail": (
        lambda: mails.forwarded(mails.attached(
            archives.zip_without_directory(text()))), "ZIP-not-opened"),
    "damaged ZIP in a tar.gz": (
        attach(lambda: gzip.compress(archives.tar_of(
            ("a.zip", archives.zip_without_directory(text()))))),
        "ZIP-not-opened"),
    # RAR: Debian's libclamav comes without the module for it.
    "RAR 4": (attach(archives.rar4_of, text), "RAR-not-opened"),
    "RAR 5": (attach(archives.rar5_of, lambda: text()[:99]),
              "RAR-not-opened"),
    "RAR 4 behind a program": (
        attach(lambda: archives.self_extracting(archives.rar4_of(text()))),
        "RAR-not-opened"),
    "RAR 5 behind a program": (
        attach(lambda: archives.self_extracting(
            archives.rar5_of(text()[:99]))), "RAR-not-opened"),
    "RAR in a ZIP": (
        attach(lambda: archives.zip_of(("a.rar", archives.rar4_of(text())))),
        "RAR-not-opened"),
    # 7z
    "7z with a damaged directory": (
        attach(spoilt(seven, -20)), "7Z-not-opened"),
    "7z with damaged contents": (attach(spoilt(seven, 40)), "7Z-in-part"),
    "7z behind a program, with a damaged directory": (
        attach(lambda: archives.self_extracting(spoilt(seven, -20)())),
        "7Z-not-opened"),
    "7z packed by Deflate": (
        attach(packed_by(SEVEN_ZIP, "-t7z", "-m0=Deflate")), "7Z-in-part"),
    # Others
    "CAB with damaged contents": (
        attach(archives.cab_of, text, "a.txt", b"CKxx" * 10), "CAB-in-part"),
    "tar of two formats": (
        attach(archives.tar_of_two_formats, text, text), "TAR-in-part"),
    "tar whose first header is damaged": (
        attach(archives.tar_without_beginning, text, text),
        "TAR-not-opened"),
    "tar with a size in binary": (
        attach(archives.tar_with_binary_size, text), "TAR-not-opened"),
    "gzip cut off": (attach(lambda: gzip.compress(noise())[:-300]),
                     "GZIP-in-part"),
    "bzip2 of two streams": (
        attach(archives.bzip2_of_two, text, text), "BZIP2-in-part"),
    "bzip2 cut off": (attach(lambda: bz2.compress(noise(MIB))[:-300]),
                      "BZIP2-in-part"),
    "xz cut off": (attach(lambda: lzma.compress(noise())[:-300]),
                   "XZ-not-opened"),
    "xz with a dictionary of 4 GB": (
        attach(archives.xz_with_dictionary, text), "XZ-dictionary"),
    "OLE2 cut off": (attach(lambda: ole2.document(text())[:600]),
                     "OLE2-not-opened"),
    "OLE2 with a stream that claims 800 MB": (
        attach(lambda: ole2.compound({"A": text() * 10, "B": text() * 10},
                                     {"B": 800 * MIB})), "OLE2-in-part"),
    "a CD's image that can't be opened": (
        attach(lambda: archives.empty_iso() + text()), "ISO-not-opened"),
    "installer of NSIS with damaged contents": (
        attach(damaged_installer), "NSIS-not-opened"),
    "Debian package": (attach(archives.ar_of, text), "ar-not-opened"),
    "LZMA": (attach(lambda: lzma.compress(text(), lzma.FORMAT_ALONE)),
             "LZMA-not-opened"),
    "Zstandard": (attach(lambda: b"\x28\xb5\x2f\xfd" + text()),
                  "Zstandard-not-opened"),
    "WIM": (attach(packed_by(SEVEN_ZIP, "-twim")), "WIM-not-opened"),
    "ACE": (attach(lambda: bytes(7) + b"**ACE**" + text()), "ACE-not-opened"),
    "hard disk image": (attach(lambda: text() * 100 + b"conectix" +
                               bytes(504)), "VHD-not-opened"),
    "S/MIME, signed": (
        lambda: mails.multipart(
            ('application/pkcs7-mime; smime-type=signed-data',
             "base64", signed())), "S-MIME-signed-not-opened"),
    # Mail
    "parts in parallel": (multipart(b"parallel", HELLO, packed_part),
                          "MIME-in-part"),
    "signed, but with text for a signature": (
        multipart(b"signed", packed_part, HELLO), "MIME-in-part"),
    "signed, and something behind it": (
        multipart(b"signed", HELLO, SIGNATURE, packed_part), "MIME-in-part"),
    "a part with a line of blanks in its headers": (
        lambda: mails.multipart(HELLO, packed_part()).replace(
            b"Content-Type: application/zip",
            b"X: y\r\n \r\nContent-Type: application/zip", 1),
        "MIME-in-part"),
    "forwarded mail that is no mail to libclamav": (
        lambda: mails.multipart(HELLO, ("message/rfc822", "7bit",
                                        encoded_mail(b"DKIM-Signature"))),
        "MIME-in-part"),
    "the same in base64": (
        lambda: mails.multipart(HELLO, ("message/rfc822", "base64",
                                        encoded_mail(b"Reply-To"))),
        "mail-not-opened"),
    "the same as a file": (
        lambda: mails.attached(encoded_mail(b"Sender"), "a.eml"),
        "mail-not-opened"),
    # What libclamav only prints
    "a part of a message": (
        lambda: typed('message/partial; id="a"; number=1; total=2',
                      text()), "engine-warning"),
}

LOCKED = {
    "ZIP": (attach(mails.encrypted_zip), "Zip"),
    "ZIP, AES": (attach(packed_by(SEVEN_ZIP, "-tzip", "-psecret", "-mem=AES256")),
                 "Zip"),
    "ZIP behind a program": (
        attach(lambda: archives.self_extracting(mails.encrypted_zip())),
        "ZIP"),
    "7z": (attach(packed_by(SEVEN_ZIP, "-t7z", "-psecret")), "7Zip"),
    "7z, directory too": (
        attach(packed_by(SEVEN_ZIP, "-t7z", "-psecret", "-mhe=on")), "7Zip"),
    "PDF": (attach(pdf, "--encrypt", "user", "owner", "256", "--"), "PDF"),
    "Office 2007 and later": (attach(ole2.encrypted_package), "Office"),
    "Office, managed rights": (attach(ole2.rights_managed), "Office"),
    "Word 97": (attach(ole2.locked_word), "Office"),
    "Excel 97": (attach(ole2.locked_excel), "Office"),
    "Excel 97, write-protected": (attach(ole2.locked_excel, True), "Office"),
    "PowerPoint 97": (attach(ole2.locked_powerpoint), "Office"),
    "Office in a ZIP": (
        attach(lambda: mails.zipped(ole2.encrypted_package())), "Office"),
    "OpenDocument": (attach(lambda: ODF), "ODF"),
    "inline PGP": (lambda: mails.plain(ARMOUR), "PGP"),
    "inline PGP in a base64 part, behind text": (
        lambda: mails.multipart(("text/plain", "base64",
                                 b"Hello.\r\n" + ARMOUR)), "PGP"),
    "inline PGP in quoted-printable": (
        lambda: mails.multipart(("text/plain", "quoted-printable",
                                 b"Hello.\r\n" + ARMOUR)), "PGP"),
    "PGP, binary": (attach(lambda: PGP_BINARY), "PGP"),
    "PGP/MIME": (lambda: PGP_MIME, "PGP-MIME"),
    "PGP/MIME, forwarded": (lambda: mails.forwarded(PGP_MIME), "PGP-MIME"),
    "PGP/MIME, forwarded in base64": (
        lambda: mails.multipart(("message/rfc822", "base64", PGP_MIME)),
        "PGP-MIME"),
    "PGP/MIME in a file": (lambda: mails.attached(PGP_MIME, "a.eml"),
                           "PGP-MIME"),
    "S/MIME": (lambda: S_MIME, "S-MIME"),
    "S/MIME, forwarded twice": (
        lambda: mails.forwarded(mails.forwarded(S_MIME)), "S-MIME"),
    "S/MIME as a file": (attach(enveloped), "S-MIME"),
    "S/MIME as a file, streamed": (attach(enveloped, "-stream"), "S-MIME"),
}

# Two blocks of one MD5, published by X. Wang and others in 2004.
TWINS = [bytes.fromhex(
    "d131dd02c5e6eec4693d9a0698aff95c2fcab5" + one +
    "12467eab4004583eb8fb7f8955ad340609f4b30283e4888325" + two +
    "415a085125e8f7cdc99fd91dbd" + three +
    "80373c5bd8823e3156348f5bae6dacd436c919c6dd53e2" + four +
    "87da03fd02396306d248cda0e99f33420f577ee8ce54b67080" + five +
    "0d1ec69821bcb6a8839396f965" + six + "6ff72a70")
         for one, two, three, four, five, six in (
             ("87", "71", "f2", "b4", "a8", "2b"),
             ("07", "f1", "72", "34", "28", "ab"))]
TWIN_FOUND = "Vscan.Test.Twin.UNOFFICIAL"


def mixed_zip(method):
    """One member as usual, and one packed by that method."""
    with tempfile.TemporaryFile() as archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("good.txt", text())
            file.writestr("bad.txt", text(), method)
        archive.seek(0)
        return archive.read()


class TableCase(DaemonCase):
    """Checks rows."""

    def log_line(self, mail, **envelope):
        """What the log says about a mail, and the outcome."""
        since = self.daemon.mark()
        outcome = self.deliver(mail, **envelope)
        word = mails.fields_named(mail, "Message-ID")[0]
        return self.daemon.wait_message(word, since), outcome

    def assert_verdict(self, mail, verdict, name):
        """The log and, where it is accepted, the header say so."""
        line, outcome = self.log_line(mail)
        self.assertEqual((line.verdict, line.name), (verdict, name or "-"))
        if outcome.action == "accept":
            label = verdict.capitalize() + (f" ({name})" if name else "")
            self.assertEqual(outcome.header("X-Virus-Status"), [label])

    def check(self, rows, verdict):
        """Each row's mail gets this verdict and the row's reason; and so it
        does with a signature's text in a part after or before it: then it is
        infected."""
        for row, (make, name) in rows.items():
            with self.subTest(row=row):
                self.assert_verdict(make(), verdict, name)

    def check_with_a_virus(self, rows):
        """The same in one mail with a virus, which wins, whichever comes
        first."""
        virus = ("application/octet-stream", "base64", EICAR)
        for row, (make, _) in rows.items():
            other = ("message/rfc822", "7bit", make())
            for order in ([virus, other], [other, virus]):
                with self.subTest(row=row, first=order[0][0]):
                    self.assert_verdict(mails.multipart(*order), INFECTED,
                                        signatures.EICAR_FOUND)


class ContentCase(TableCase):
    """Nothing but the message itself is out of the ordinary."""

    settings = {"engine": {"workers": 1}}
    signature_files = {"twin.ndb": signatures.body_signature(
        "Vscan.Test.Twin", TWINS[1][16:32])}

    def test_what_is_sound_is_clean(self):
        self.check({row: (make, "") for row, make in SOUND.items()}, CLEAN)

    def test_what_stays_shut_is_incomplete(self):
        self.check(UNREAD, INCOMPLETE)

    def test_what_is_encrypted_is_called_so(self):
        self.check(LOCKED, ENCRYPTED)

    def test_a_virus_beside_it_is_found(self):
        self.check_with_a_virus(UNREAD)
        self.check_with_a_virus(LOCKED)

    def test_a_virus_behind_an_unknown_first_header_is_found(self):
        self.assert_verdict(
            encoded_mail(b"Zork", mails.zipped(EICAR)), INFECTED,
            signatures.EICAR_FOUND)

    def test_twins_of_one_md5_are_told_apart(self):
        for order in ((0, 1, 0), (1, 0, 1)):
            padding = text()
            for which in order:
                with self.subTest(order=order, which=which):
                    self.assert_verdict(
                        mails.attached(TWINS[which] + padding),
                        INFECTED if which else CLEAN,
                        TWIN_FOUND if which else "")

    def test_html_and_scripts_over_what_is_taken_apart(self):
        for what, size in (("HTML", 41 * MIB), ("Script", 21 * MIB)):
            beginning = {"HTML": b"<html><body>", "Script": b""}[what]
            body = beginning + f"{mails.token()}\n".encode() * (size // 33)
            with self.subTest(what=what):
                self.assert_verdict(
                    mails.attached(archives.zip_of(("a", body))), INCOMPLETE,
                    f"Max{what}Normalize")


def big(pack, *args):
    """A mail with an archive, packed by pack, of more than max_file_size."""
    return lambda: mails.attached(pack(
        f"{mails.token()}\n".encode() * (2 * MIB // 33), *args))


def packed_zip(method):
    """An archive packed by that method, as a function of its contents."""
    return lambda data: archives.zip_of(("a", data), method=method)


def seven_of(data):
    """The same for 7z."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        (path / "big").write_bytes(data)
        procs.run([needs.program(SEVEN_ZIP), "a", path / "big.7z", path / "big"])
        return (path / "big.7z").read_bytes()


LIMITS = {
    "the message itself": (
        lambda: mails.plain(mails.lines(2 * MIB)), "MaxFileSize"),
    "ZIP": (big(packed_zip(zipfile.ZIP_DEFLATED)), "MaxFileSize"),
    "ZIP, bzip2": (big(packed_zip(zipfile.ZIP_BZIP2)), "MaxFileSize"),
    "ZIP that claims 100 bytes": (big(archives.zip_that_claims, 100),
                                  "MaxFileSize"),
    "ZIP that claims 1 MB": (big(archives.zip_that_claims, MIB - 20000),
                             "MaxFileSize"),
    "gzip": (big(gzip.compress), "MaxFileSize"),
    "bzip2": (big(bz2.compress), "MaxFileSize"),
    "xz": (big(lzma.compress), "MaxFileSize"),
    "tar.gz": (big(lambda data: gzip.compress(
        archives.tar_of(("a", data)))), "MaxFileSize"),
    "7z": (big(seven_of), "MaxFileSize"),
    "CAB": (big(archives.cab_of), "MaxFileSize"),
    "RAR": (big(lambda data: archives.rar4_of(data)[:MIB // 2]),
            "RAR-not-opened"),
    "a stream of OLE2 that claims 5 MB": (
        attach(lambda: ole2.compound({"A": text() * 10, "B": text() * 10},
                                     {"B": 5 * MIB})), "OLE2-in-part"),
    "depth": (attach(mails.zipped, text, 10), "MaxRecursion"),
    "files in a ZIP": (
        attach(lambda: archives.zip_of(
            *((f"{number}", text()) for number in range(60)))), "MaxFiles"),
    "parts of a message": (
        lambda: mails.multipart(*[
            ("text/plain", "base64", text()) for _ in range(60)]),
        "MaxFiles"),
    "size of all together": (
        attach(lambda: archives.zip_of(
            *((f"{number}", text() * 1400) for number in range(6)))),
        "MaxScanSize"),
    "size of all together, in a CAB in a ZIP": (
        attach(lambda: archives.zip_of(
            *((f"{number}.cab", archives.cab_of(text() * 1400))
              for number in range(6)))), "MaxScanSize"),
}


class LimitCase(TableCase):
    """Limits that can be met in a second."""

    settings = {
        "buffer": {"message_max": "3M"},
        "engine": {"workers": 1, "scratch": "16M", "max_scan_size": "3M",
                   "max_file_size": "1M", "max_files": 40,
                   "max_recursion": 6}}

    def test_what_is_over_a_limit_is_incomplete(self):
        self.check(LIMITS, INCOMPLETE)

    def test_a_virus_in_the_same_archive_is_found(self):
        large = b"\0" * (2 * MIB)
        for order in ((EICAR, large), (large, EICAR)):
            for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
                files = ((str(number), data)
                         for number, data in enumerate(order))
                with self.subTest(virus_first=order[0] is EICAR):
                    self.assert_verdict(mails.attached(archives.zip_of(
                        *files, method=method)), INFECTED,
                                        signatures.EICAR_FOUND)

    def test_a_message_over_message_max_is_at_best_incomplete(self):
        beyond = mails.plain(mails.lines(4 * MIB) + EICAR + b"\r\n")
        self.assert_verdict(beyond, INCOMPLETE, "MaxFileSize")


class BeginningCase(TableCase):
    """Only the beginning of a message is seen, and nothing else is amiss."""

    settings = {"buffer": {"message_max": "1M"}, "engine": {"workers": 1}}

    def test_a_virus_beyond_message_max_leaves_it_incomplete(self):
        beyond = mails.plain(mails.lines(2 * MIB) + EICAR + b"\r\n")
        self.assert_verdict(beyond, INCOMPLETE, "message-size")

    def test_a_virus_before_message_max_is_found(self):
        before = mails.plain(EICAR + b"\r\n" + mails.lines(2 * MIB))
        self.assert_verdict(before, INFECTED, signatures.EICAR_FOUND)


def forged_link():
    """A link that shows another address than it leads to."""
    return typed("text/html", b'<html><body>' + text() +
                 b'<a href="http://other.example/login">'
                 b'http://www.bank.example/</a></body></html>\r\n')


HEURISTICS = {
    "macro": (attach(lambda: ole2.macro_document(text())), "VBA"),
    "phishing": (forged_link, "Email.SpoofedDomain"),
    "pua": (attach(lambda: b"unwanted " + text()), "PUA.Test.UNOFFICIAL"),
}
HEURISTIC_SIGNATURES = {
    "bank.pdb": "H:bank.example\n",
    "unwanted.ndu": signatures.body_signature("PUA.Test", b"unwanted"),
}


class HeuristicCase(TableCase):
    """Each heuristic has an action of its own."""

    settings = {"action": {"macro": "reject", "phishing": "quarantine",
                           "pua": "tempfail", "encrypted": "discard"},
                "engine": {"workers": 1}}
    signature_files = HEURISTIC_SIGNATURES

    def test_each_heuristic_has_its_own_verdict_and_action(self):
        for kind, (make, name) in HEURISTICS.items():
            with self.subTest(kind=kind):
                line, outcome = self.log_line(make())
                self.assertEqual((line.verdict, line.name), (kind, name))
                self.assertEqual(outcome.action,
                                 self.settings["action"][kind])

    def test_a_virus_beside_it_is_found(self):
        self.check_with_a_virus(HEURISTICS)

    def test_an_encrypted_part_does_not_make_the_rest_acceptable(self):
        locked = ("application/zip", "base64", mails.encrypted_zip())
        for kind, want in (("macro", "macro"), ("phishing", "encrypted"),
                           ("pua", "pua")):
            other = ("message/rfc822", "7bit", HEURISTICS[kind][0]())
            for order in ([locked, other], [other, locked]):
                with self.subTest(kind=kind, first=order[0][0]):
                    line, _ = self.log_line(mails.multipart(*order))
                    self.assertEqual(line.verdict, want)


class StrictCase(TableCase):
    """What is incomplete is refused, and what is encrypted is not."""

    settings = {"action": {"incomplete": "reject"}, "engine": {"workers": 1}}

    def test_an_encrypted_archive_is_no_excuse_for_another(self):
        locked = ("application/x-7z-compressed", "base64",
                  lambda: packed_by(SEVEN_ZIP, "-t7z", "-psecret", "-mhe=on")())
        shut = ("application/zip", "base64",
                lambda: archives.zip_without_directory(text()))
        for order in ([locked, shut], [shut, locked]):
            line, outcome = self.log_line(mails.multipart(*(
                (kind, encoding, make()) for kind, encoding, make in order)))
            self.assertEqual((line.verdict, outcome.action),
                             (INCOMPLETE, "reject"))


class OffCase(TableCase):
    """By default none of them is looked for."""

    settings = {"engine": {"workers": 1}}
    signature_files = HEURISTIC_SIGNATURES

    def test_heuristics_that_are_off_find_nothing(self):
        self.check({kind: (make, "")
                    for kind, (make, _) in HEURISTICS.items()}, CLEAN)


class TimeCase(TableCase):
    """A scan that takes more time than it may."""

    settings = {"deadline": {"scan_cpu": "1s", "reply": "30s"},
                "engine": {"workers": 1}}
    expected_log = logcheck.ODD_SCANS

    def test_a_scan_over_its_time_is_no_verdict(self):
        if needs.has_thread_sanitizer():
            self.skipTest("a worker's CPU limit never ends it here")
        mail = signatures.slow_mail(20)
        line, outcome = self.log_line(mail)
        self.assertEqual((line.verdict, line.name, outcome.action),
                         ("error", "scan-cpu", "tempfail"))
        line, outcome = self.log_line(mail)
        self.assertEqual((line.verdict, outcome.action),
                         ("unscannable", "reject"))


def _needed():
    needs.file(signatures.TESTFILES)
    for program in (SEVEN_ZIP, "openssl", "qpdf"):
        needs.program(program)


if __name__ == "__main__":
    testmain.main(needs.daemon, _needed)
