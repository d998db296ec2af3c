# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Mails as they come over the wire: bytes, CRLF at every line's end.

Made by hand and not with the email package, since the tests compare byte for
byte, and since some of these mails are ones that no package would make.
Every mail but a repeated one is unlike any other, for verdicts are kept.
"""

import base64
import io
import uuid
import zipfile

TICK = "VSCAN-SLOW-TICK"
SENDER = "sender@sender.example"
RECIPIENT = "recipient@recipient.example"
MILTER_CHUNK = 65535


def token():
    """A word that no other mail has."""
    return uuid.uuid4().hex


def headers(**changes):
    """The usual headers as bytes; Name_Part="value" adds or replaces one,
    None leaves it out."""
    fields = {
        "From": SENDER,
        "To": RECIPIENT,
        "Subject": f"test {token()}",
        "Date": "Thu, 01 Jan 2026 12:00:00 +0000",
        "Message-ID": f"<{token()}@sender.example>",
    }
    fields.update((name.replace("_", "-"), value)
                  for name, value in changes.items())
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()
                   if value is not None).encode()


def plain(text=b"Hello.\r\n", **changes):
    """A mail without MIME."""
    return headers(**changes) + b"\r\n" + text


def lines(size):
    """About size bytes of text, no two lines alike."""
    count = -(-size // 78)
    word = token()
    text = b"".join(f"{word} {number:043d}\r\n".encode()
                    for number in range(count))
    return text[:size - 2] + b"\r\n" if size >= 2 else text[:size]


def ticking(ticks, **changes):
    """A mail with so many occurrences of what the slow rule looks for."""
    body = f"{token()}\r\n" + f"{TICK}\r\n" * ticks
    return plain(body.encode(), MIME_Version="1.0",
                 Content_Type="text/plain", **changes)


def _part(content_type, encoding, data):
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        # Every byte as =XX, so that nothing of it stands there plainly.
        text = "".join(f"={byte:02X}" for byte in data)
        data = b"=\r\n".join(text[at:at + 72].encode()
                             for at in range(0, len(text), 72)) + b"\r\n"
    return (f"Content-Type: {content_type}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
            ).encode() + data + b"\r\n"


def multipart(*parts, **changes):
    """A mail of parts, each (content type, encoding, data)."""
    boundary = token()
    body = b"".join(f"--{boundary}\r\n".encode() + _part(*part)
                    for part in parts)
    return plain(body + f"--{boundary}--\r\n".encode(), MIME_Version="1.0",
                 Content_Type=f'multipart/mixed; boundary="{boundary}"',
                 **changes)


def attached(data, filename="data.bin", encoding="base64", **changes):
    """A mail with a line of text and a file."""
    return multipart(
        ("text/plain", "7bit", b"See the file.\r\n"),
        (f'application/octet-stream; name="{filename}"', encoding, data),
        **changes)


def forwarded(mail, **changes):
    """A mail that holds another as message/rfc822."""
    return multipart(("message/rfc822", "7bit", mail), **changes)


def zipped(data, depth=1):
    """The bytes of a zip archive with data in it, depth archives deep."""
    for level in range(depth):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"level{level}.bin", data)
        data = archive.getvalue()
    return data


def encrypted_zip():
    """The bytes of a zip archive with a member that says it is encrypted."""
    member = zipfile.ZipInfo("secret.txt", (2026, 1, 1, 12, 0, 0))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(member, token())
    data = bytearray(archive.getvalue())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + flags] |= 1
    return bytes(data)


def straddling(data, offset=MILTER_CHUNK):
    """A mail whose body has the middle of data at offset: at the end of the
    first chunk in which an MTA hands a body to a milter."""
    filler = offset - len(data) // 2
    return plain(lines(filler) + data + b"\r\n" + lines(2000))


def behind_unknown_header(mail):
    """The mail with a first header that libclamav does not know."""
    return b"Zork: hi\r\n" + mail


def many_headers(count):
    """A mail with so many header lines."""
    extra = "".join(f"X-Line-{number}: {number}\r\n"
                    for number in range(count))
    return extra.encode() + plain()


def split(mail):
    """The mail as a milter is shown it: [(name, value)] and the body.

    A value keeps its white space, and folded lines end with LF in it.
    """
    head, _, body = (b"\r\n" + mail).partition(b"\r\n\r\n")
    fields = []
    for line in head.removesuffix(b"\r\n").split(b"\r\n")[1:]:
        if line[:1] in (b" ", b"\t"):
            name, value = fields.pop()
            fields.append((name, value + b"\n" + line))
        else:
            name, _, value = line.partition(b":")
            fields.append((name, value))
    return fields, body


def without_fields(mail, *prefixes):
    """The mail without the header fields whose names begin so."""
    fields, body = split(mail)
    kept = [(name, value) for name, value in fields
            if not name.lower().startswith(
                tuple(prefix.lower().encode() for prefix in prefixes))]
    return join(kept, body)


def fields_named(mail, name):
    """The values of the header fields of that name, stripped."""
    return [value.strip().decode() for field, value in split(mail)[0]
            if field.lower() == name.lower().encode()]


def join(fields, body):
    """The inverse of split()."""
    return b"".join(name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n"
                    for name, value in fields) + b"\r\n" + body
