#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What is found in a mail over SMTP is what clamscan finds in it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon
import mails
import needs
import postfix
import signatures
import testmain
from daemoncase import MtaCase
from signatures import EICAR


def _line(data):
    return data + b"\r\n"


def _typed(content_type, body):
    """A mail of one part of that type."""
    return mails.plain(body, MIME_Version="1.0", Content_Type=content_type)


FORMS = {
    "plain": lambda: mails.plain(_line(EICAR)),
    "base64": lambda: mails.attached(EICAR, "eicar.com"),
    "quoted-printable": lambda: mails.attached(
        EICAR, "eicar.com", "quoted-printable"),
    "zip": lambda: mails.attached(mails.zipped(EICAR), "eicar.zip"),
    "nested zip": lambda: mails.attached(
        mails.zipped(EICAR, 3), "eicar.zip"),
    "forwarded": lambda: mails.forwarded(mails.attached(EICAR, "eicar.com")),
    "forwarded twice": lambda: mails.forwarded(mails.forwarded(
        mails.attached(mails.zipped(EICAR), "eicar.zip"))),
    "over two chunks": lambda: mails.straddling(EICAR),
    "over two chunks, at the border": lambda: mails.straddling(
        EICAR, mails.MILTER_CHUNK + len(EICAR) // 2 - 1),
    "behind an unknown first header": lambda: mails.behind_unknown_header(
        mails.attached(EICAR, "eicar.com")),
}

ENCRYPTED = {
    "zip archive": lambda: mails.attached(
        mails.encrypted_zip(), "locked.zip"),
    "inline PGP": lambda: mails.plain(
        b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA9vWq5Dl\r\n=aBcD\r\n"
        b"-----END PGP MESSAGE-----\r\n"),
    "multipart/encrypted": lambda: _typed(
        'multipart/encrypted; protocol="application/pgp-encrypted";'
        ' boundary="b"',
        b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1"
        b"\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
        b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n=aBcD\r\n"
        b"-----END PGP MESSAGE-----\r\n\r\n--b--\r\n"),
    "PKCS#7 enveloped": lambda: _typed(
        'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"'
        "\r\nContent-Transfer-Encoding: base64",
        b"MIAGCSqGSIb3DQEHA6CAMIACAQAxggE=\r\n"),
}


class VerdictCase(MtaCase):
    """Postfix with the milter, and clamscan with the same signatures."""

    @classmethod
    def enter_mta(cls):
        signatures.add_testfiles(cls.database)
        mta = postfix.Postfix(cls.scratch / "postfix", cls.sink.port,
                              "unix:vscan/milter.sock")
        socket = mta.make_socket_directory()
        return (cls.enterClassContext(daemon.Daemon(
            cls.scratch / "daemon", cls.database,
            socket=f"unix:{socket}/milter.sock")),
                cls.enterClassContext(mta))

    def verdict(self, mail):
        """The line of the log about a mail sent over SMTP."""
        message_id, = mails.fields_named(mail, "Message-ID")
        answer = self.deliver(mail)
        line = self.daemon.wait_message(message_id)
        if line.verdict == "infected":
            self.assertEqual((answer.code, answer.text), (
                550, f"5.7.1 Message contains a virus: {line.virus}"))
        self.assertEqual(line.action == "accept", answer.code == 250)
        return line

    def clamscan(self, mail):
        """What clamscan says of the mail as a file."""
        path = self.scratch / "mail"
        path.write_bytes(b"Received: from here\r\n" + mail)
        return signatures.clamscan(self.database, path)

    def test_every_clamav_test_file_gets_the_verdict_of_clamscan(self):
        files = sorted(pathlib.Path(signatures.TESTFILES).iterdir())
        found = 0
        for file in files:
            with self.subTest(file=file.name):
                mail = mails.attached(file.read_bytes(), file.name)
                expected = self.clamscan(mail)
                line = self.verdict(mail)
                if expected == "OK":
                    self.assertEqual(line.verdict, "clean")
                else:
                    found += 1
                    self.assertEqual((line.verdict, line.name),
                                     ("infected", expected))
        # Else the comparison would be of nothing with nothing.
        self.assertGreater(found, len(files) * 3 // 4)

    def test_eicar_is_found_in_every_form(self):
        for form, make in FORMS.items():
            with self.subTest(form=form):
                mail = make()
                self.assertEqual(self.clamscan(mail),
                                 signatures.EICAR_FOUND)
                line = self.verdict(mail)
                self.assertEqual((line.verdict, line.name),
                                 ("infected", signatures.EICAR_FOUND))

    def test_encrypted_mail_is_accepted_and_labelled(self):
        for kind, make in ENCRYPTED.items():
            with self.subTest(kind=kind):
                mail = make()
                self.assertEqual(self.verdict(mail).verdict, "encrypted")
                got = self.assert_delivered(mail)
                self.assertRegex(
                    mails.fields_named(got, "X-Virus-Status")[0],
                    r"^Encrypted \(.+\)$")

    def test_mail_over_a_limit_is_not_called_clean(self):
        mail = mails.attached(
            mails.zipped(mails.token().encode(), 30), "deep.zip")
        self.assertEqual(self.verdict(mail).verdict, "incomplete")
        got = self.assert_delivered(mail)
        self.assertRegex(mails.fields_named(got, "X-Virus-Status")[0],
                         r"^Incomplete \(.+\)$")


def _needed():
    needs.program("clamscan")
    needs.file(signatures.TESTFILES)


if __name__ == "__main__":
    testmain.main(needs.daemon, postfix.needed, _needed)
