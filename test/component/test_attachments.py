#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""An attachment that comes in many mails is scanned once, and what it is
like for one mail is never taken for another's.

The log line of each scan says how many attachments were known from others
(known=), and so not scanned again.
"""

import os
import pathlib
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import mails
import needs
import signatures
import testmain
from daemon import Daemon
from daemoncase import DaemonCase
from scratchdir import scratch_dir
from waiting import wait_until

MAILS = 100
CONNECTIONS = 8
PDF_SIZE = 1 << 20

# Two blocks with the same MD5 (Wang, Feng, Lai and Yu, 2004): so have any two
# files that differ in nothing else, and begin with them.
_TWIN = ("d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
         "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
         "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
         "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70")
_TWIN_DIFFERS = (19, 45, 59, 83, 109, 123)

# What the signatures below find, each in a container of one type only.
IN_MAIL = b"VSCAN-TEST-FOUND-IN-MAIL"
IN_ZIP = b"VSCAN-TEST-FOUND-IN-ZIP"
IN_ISO = b"VSCAN-TEST-FOUND-IN-ISO"
IN_BOTH = b"VSCAN-TEST-FOUND-IN-BOTH"


def twins():
    """The bytes of the harmless twin and of the one with a signature."""
    harmless = bytes.fromhex(_TWIN)
    harmful = bytearray(harmless)
    for at in _TWIN_DIFFERS:
        harmful[at] ^= 0x80
    return harmless, bytes(harmful)


def padded(data, size=6000):
    """Data in a file of its own that is large enough to be remembered, and
    unlike any other."""
    return data + mails.token().encode() + bytes(size)


def pdf(size, ticks):
    """A PDF of that size; each tick makes its scan longer."""
    stream = mails.TICK.encode() * ticks
    stream += b"\n" + os.urandom(size - len(stream))
    return (b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
            b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
            b"3 0 obj<</Length %d>>stream\n" % len(stream) + stream +
            b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%EOF\n")


def cpio(*members):
    """A cpio archive ("newc") of files, each as bytes."""
    def entry(name, data):
        name += b"\0"
        head = b"070701" + b"".join(b"%08X" % number for number in (
            1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
        def aligned(part):
            return part + bytes(-len(part) % 4)
        return aligned(head + name) + aligned(data)
    return b"".join(entry(b"%d" % number, data)
                    for number, data in enumerate(members)) + entry(
                        b"TRAILER!!!", b"")


def iso(data):
    """An ISO 9660 image with data as its only file."""
    def both(number):
        return struct.pack("<I", number) + struct.pack(">I", number)

    def record(extent, size, flags, name):
        body = (bytes(1) + both(extent) + both(size) + bytes(7) +
                bytes([flags, 0, 0]) + bytes(4) + bytes([len(name)]) + name)
        return bytes([len(body) + 1]) + body

    def sector(content):
        return content + bytes(-len(content) % 2048)
    root = record(18, 2048, 2, b"\0")
    volume = bytearray(sector(b"\1CD001\1"))
    volume[128:130] = struct.pack("<H", 2048)
    volume[156:156 + len(root)] = root
    return (bytes(16 * 2048) + volume + sector(b"\xffCD001\1") + sector(
        record(19, len(data), 0, b"FILE.BIN;1")) + sector(data))


def image_and_mail(data, *parts):
    """A message that is a mail of parts, and a disk image with data in it."""
    head, body = mails.multipart(*parts).split(b"\r\n\r\n", 1)
    return head + b"\r\n\r\n" + iso(data) + b"\r\n" + body


def add_signatures(database):
    """What is found by its container only, and one of the twins."""
    harmful = twins()[1]
    (database / "twin.ndb").write_text(signatures.body_signature(
        "Vscan.Test.Twin", harmful[:64]))
    (database / "containers.ldb").write_text("".join(
        f"{name};Engine:81-255,Target:0,{where};0;{text.hex()}\n"
        for name, where, text in (
            ("Vscan.Test.InMail", "Container:CL_TYPE_MAIL", IN_MAIL),
            ("Vscan.Test.InZip", "Container:CL_TYPE_ZIP", IN_ZIP),
            ("Vscan.Test.InIso", "Container:CL_TYPE_ISO9660", IN_ISO),
            ("Vscan.Test.InBoth", "Intermediates:CL_TYPE_MAIL>CL_TYPE_ZIP",
             IN_BOTH))))


class AttachmentCase(DaemonCase):
    """Two workers, and what they are told of each other's attachments."""

    settings = {
        "engine": {"workers": 2, "max_files": 200},
        "deadline": {"slow_after": "20s"},
    }

    @classmethod
    def setUpClass(cls):
        path = cls.enterClassContext(scratch_dir())
        database = signatures.make_set(path / "signatures")
        add_signatures(database)
        cls.daemon = cls.enterClassContext(
            Daemon(path / "daemon", database, **cls.settings))

    def scan(self, mail):
        """Delivers a mail that is unlike any other; returns the log lines of
        the message and of its scan."""
        since = self.daemon.mark()
        self.deliver(mail)
        message = self.daemon.wait_message(since=since)
        self.assertEqual(message.source, "scan", message.text)
        return message, wait_until(
            "the line of its scan",
            lambda: self.daemon.scans(message.key, since))[0]

    def assert_scan(self, mail, verdict, known, virus="-"):
        """Its verdict, and how many of its attachments were known."""
        message, scan = self.scan(mail)
        self.assertEqual(
            (verdict, virus, str(known)),
            (message.verdict, message.name.removesuffix(".UNOFFICIAL"),
             scan.known), scan.text)

    def assert_scanned(self, mail):
        """It is clean, and nothing of it was known."""
        self.assert_scan(mail, "clean", 0)

    def assert_known(self, mail, count=1):
        """It is clean, and so many of its attachments were known."""
        self.assert_scan(mail, "clean", count)

    def assert_found(self, mail, virus, known=0):
        """A signature has matched."""
        self.assert_scan(mail, "infected", known, virus)

    def test_attachment_is_scanned_once(self):
        data = padded(b"data")
        self.assert_scanned(mails.attached(data))
        for number in range(6):
            self.assert_known(mails.attached(data, f"{number}.bin"))
        self.assert_known(mails.multipart(
            ("application/pdf", "base64", data),
            ("application/zip", "base64", data)), 2)

    def test_twin_in_one_mail_is_scanned_once(self):
        part = ("application/octet-stream", "base64", padded(b"data"))
        # Only the mail's end makes it known.
        self.assert_scanned(mails.multipart(part, part))
        self.assert_known(mails.multipart(part, part, part), 3)

    def test_attachment_that_differs_in_its_last_byte_is_scanned(self):
        data = padded(b"data")
        self.assert_scanned(mails.attached(data))
        self.assert_scanned(mails.attached(data[:-1] + b"\1"))
        self.assert_scanned(mails.attached(data + b"\0"))
        self.assert_known(mails.attached(data))

    def test_mail_of_known_attachments_is_scanned_itself(self):
        data = padded(b"data")
        self.assert_scanned(mails.attached(data))
        self.assert_found(mails.multipart(
            ("application/octet-stream", "base64", data),
            ("application/octet-stream", "base64", signatures.EICAR)),
            signatures.EICAR_NAME, known=1)
        self.assert_found(mails.multipart(
            ("text/plain", "7bit", signatures.EICAR),
            ("application/octet-stream", "base64", data)),
            signatures.EICAR_NAME)

    def test_infected_attachment_is_never_known(self):
        mail = padded(signatures.EICAR)
        for _ in range(4):
            self.assert_found(mails.attached(mail), signatures.EICAR_NAME)

    def test_attachment_of_an_infected_mail_is_not_remembered(self):
        data = padded(b"data")
        self.assert_found(mails.multipart(
            ("application/octet-stream", "base64", data),
            ("application/octet-stream", "base64", signatures.EICAR)),
            signatures.EICAR_NAME)
        self.assert_scanned(mails.attached(data))

    def test_md5_twin_of_a_known_attachment_is_found(self):
        tail = padded(b"")
        harmless, harmful = (twin + tail for twin in twins())
        for _ in range(4):
            self.assert_scan(mails.attached(harmless), "clean", int(_ > 0))
            self.assert_found(mails.attached(harmful), "Vscan.Test.Twin")

    def test_md5_twin_that_came_first_is_found_again(self):
        tail = padded(b"")
        harmless, harmful = (twin + tail for twin in twins())
        self.assert_found(mails.attached(harmful), "Vscan.Test.Twin")
        self.assert_scanned(mails.attached(harmless))
        self.assert_found(mails.attached(harmful), "Vscan.Test.Twin")
        self.assert_known(mails.attached(harmless))

    def test_members_of_an_archive_are_told_apart(self):
        # Of a cpio's members libclamav shows the whole archive's descriptor.
        clean, bad = padded(b"data"), padded(signatures.EICAR)
        self.assert_scanned(mails.attached(cpio(clean, clean)))
        self.assert_scanned(mails.attached(clean))
        for _ in range(2):
            for members in ((clean, bad), (bad, clean), (clean, clean, bad)):
                self.assert_found(mails.attached(cpio(*members)),
                                  signatures.EICAR_NAME)
        self.assert_known(mails.attached(cpio(clean, clean)))

    def test_what_is_found_in_a_zip_is_found_there_though_known_outside(self):
        data = padded(IN_ZIP)
        self.assert_scanned(mails.attached(data))
        self.assert_known(mails.attached(data))
        for _ in range(2):
            self.assert_found(mails.attached(mails.zipped(data)),
                              "Vscan.Test.InZip")
        data = padded(IN_BOTH)
        self.assert_scanned(mails.attached(data))
        for _ in range(2):
            self.assert_found(mails.attached(mails.zipped(data)),
                              "Vscan.Test.InBoth")

    def test_what_is_found_in_a_mail_is_found_though_known_in_a_zip(self):
        # As it is in the archive, so that its bytes are its own there.
        data = padded(IN_MAIL)
        archive = mails.zipped(data)
        self.assert_scanned(mails.attached(archive + bytes(5000)))
        self.assert_known(mails.attached(archive + bytes(5000)))
        for _ in range(2):
            self.assert_found(mails.attached(data), "Vscan.Test.InMail")

    def test_what_is_found_in_a_disk_image_is_found_though_the_image_is_a_mail(
            self):
        # The message itself is the image: the file in it is as deep as an
        # attachment, and in the same message, but not in a mail.
        data = padded(IN_ISO)
        self.assert_scanned(mails.attached(data))
        self.assert_known(mails.attached(data))
        text = ("text/plain", "7bit", b"Hello.")
        for _ in range(2):
            self.assert_found(image_and_mail(data, text), "Vscan.Test.InIso")
            self.assert_found(image_and_mail(
                data, text, ("application/octet-stream", "base64", data)),
                "Vscan.Test.InIso", known=1)

    def test_file_of_a_disk_image_is_not_remembered_as_an_attachment(self):
        data = padded(IN_MAIL)
        self.assert_scanned(image_and_mail(
            data, ("text/plain", "7bit", b"Hello.")))
        self.assert_found(mails.attached(data), "Vscan.Test.InMail")

    def test_attachment_of_a_mail_that_met_a_limit_is_not_remembered(self):
        data = padded(b"data")
        many = mails.multipart(
            ("application/octet-stream", "base64", data),
            *[("application/octet-stream", "base64", padded(b"x", 10))] * 250)
        message, _ = self.scan(many)
        self.assertEqual("incomplete", message.verdict)
        self.assert_scanned(mails.attached(data))
        self.assert_known(mails.attached(data))

    def test_attachment_of_a_mail_near_a_limit_is_not_remembered(self):
        data = padded(b"data")
        for count, known in ((110, 0), (80, 1)):
            self.assert_scanned(mails.multipart(
                ("application/octet-stream", "base64", data),
                *[("application/octet-stream", "base64",
                   padded(b"x", 10))] * count))
            self.assert_scan(mails.attached(data), "clean", known)
            data = padded(b"data")

    def test_new_signature_finds_a_known_attachment(self):
        data = padded(b"VSCAN-TEST-NEW")
        self.assert_scanned(mails.attached(data))
        self.assert_known(mails.attached(data))
        (self.daemon.database / "new.ndb").write_text(
            signatures.body_signature("Vscan.Test.New", b"VSCAN-TEST-NEW"))
        since = self.daemon.mark()
        self.daemon.reload()
        self.daemon.wait_in_service(since)
        self.assert_found(mails.attached(data), "Vscan.Test.New")

    def share(self, data, count):
        """One session's share of the hundred mails."""
        client = self.session()
        for _ in range(count):
            self.assertEqual("accept",
                             client.deliver(mails.attached(data)).action)

    def test_a_hundred_mails_with_one_pdf_cost_one_scan_of_it(self):
        _, single = self.scan(mails.attached(pdf(PDF_SIZE, 2)))
        data = pdf(PDF_SIZE, 2)
        since = self.daemon.mark()
        shares = [MAILS // CONNECTIONS + (number < MAILS % CONNECTIONS)
                  for number in range(CONNECTIONS)]
        threads = [threading.Thread(target=self.share, args=(data, count))
                   for count in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        scans = wait_until("the lines of all scans", lambda: (
            lines if len(lines := self.daemon.scans(since=since)) >= MAILS
            else None))
        full = [scan.ms("cpu") for scan in scans if scan.known == "0"]
        rest = sum(scan.ms("cpu") for scan in scans) - sum(full)
        workers = len(set(self.daemon.workers()))
        print(f"\none PDF in one mail: {single.ms('cpu'):.0f} ms of CPU; in "
              f"{MAILS} mails on {workers} workers: {len(full)} full scan, "
              f"{sum(full):.0f} ms, and {rest:.0f} ms for all others",
              file=sys.stderr)
        self.assertEqual(len(scans), MAILS)
        self.assertEqual(len(full), 1)
        self.assertEqual([scan.known for scan in scans].count("1"),
                         MAILS - 1)
        # What is left is the mail around it, a third larger than the PDF.
        self.assertLess(rest / (MAILS - 1), single.ms("cpu") / 4)


class ForgetfulCase(DaemonCase):
    """Nothing is remembered where the configuration says so."""

    settings = {"cache": {"attachments": 0}}

    def test_attachment_is_scanned_each_time(self):
        data = padded(b"data")
        since = self.daemon.mark()
        for _ in range(3):
            self.deliver(mails.attached(data))
        scans = wait_until("the lines of the scans", lambda: (
            lines if len(lines := self.daemon.scans(since=since)) >= 3
            else None))
        self.assertEqual(["0"] * 3, [scan.known for scan in scans])


if __name__ == "__main__":
    testmain.main(needs.daemon)
