/* sealed - recognises files that are encrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/sealed.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "coverage/cms.h"

static uint32_t
le16(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8;
}

static bool
has_text(const unsigned char *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

/* --- Office ([MS-CFB], [MS-OFFCRYPTO], [MS-DOC], [MS-XLS], [MS-PPT]) ---- */

/* Streams lie at multiples of this, entries of the directory too. */
#define OLE2_ALIGN 64
#define OLE2_ENTRY 128

/* An entry: the name in UTF-16, its length with the NUL, and that it is a
 * stream. */
static bool
is_stream_named(const unsigned char *entry, const char *name)
{
	size_t len = strlen(name), i;

	if (le16(entry + 64) != 2 * (len + 1) || entry[66] != 2)
		return false;
	for (i = 0; i < len; i++)
		if (entry[2 * i] != (unsigned char)name[i] ||
		    entry[2 * i + 1] != 0)
			return false;
	return true;
}

/* FibBase: the mark, a version between Word 6 and 2007, fEncrypted. */
static bool
is_encrypted_word(const unsigned char *at)
{
	return le16(at) == 0xa5ec && le16(at + 2) >= 0x65 &&
	    le16(at + 2) <= 0x112 && (at[11] & 1) != 0;
}

/* BOF of a workbook's globals and FILEPASS behind it; WRITEPROTECT may lie
 * between them. */
static bool
is_encrypted_excel(const unsigned char *at)
{
	size_t next = 4 + (size_t)at[2];

	if (le16(at) != 0x809 || at[3] != 0 || at[2] > 16 || le16(at + 6) != 5)
		return false;
	if (le16(at + next) == 0x86)
		next += 4 + (size_t)(at[next + 2] & 15);
	return le16(at + next) == 0x2f;
}

/* CurrentUserAtom with the token of an encrypted document. */
static bool
is_encrypted_powerpoint(const unsigned char *at)
{
	static const unsigned char token[] = { 0xdf, 0xc4, 0xd1, 0xf3 };

	return le16(at) == 0 && le16(at + 2) == 0xff6 &&
	    memcmp(at + 12, token, sizeof token) == 0;
}

static bool
is_encrypted_office(const unsigned char *data, size_t size)
{
	size_t at;

	for (at = 512; at + OLE2_ENTRY <= size; at += OLE2_ALIGN)
		if (is_stream_named(data + at, "EncryptedPackage") ||
		    is_stream_named(data + at, "\tDRMContent") ||
		    is_encrypted_word(data + at) ||
		    is_encrypted_excel(data + at) ||
		    is_encrypted_powerpoint(data + at))
			return true;
	return false;
}

/* --- OpenPGP (RFC 4880, 4.2) ------------------------------------------- */

#define PGP_PUBLIC_KEY 1 /* packets with the session's key … */
#define PGP_PASSWORD 3
#define PGP_MARKER 10

struct packet {
	unsigned tag;
	const unsigned char *body;
	size_t length;
};

/* True for a packet of definite length behind which another one lies. */
static bool
read_packet(const unsigned char *data, size_t size, struct packet *packet)
{
	unsigned first, kind;

	if (size < 16 || (data[0] & 0x80) == 0)
		return false;
	first = data[1];
	if ((data[0] & 0x40) != 0) {
		packet->tag = data[0] & 0x3f;
		kind = first < 192 ? 0 : first < 224 ? 1 : 3;
		packet->length = kind == 0
		    ? first
		    : ((first - 192) << 8) + data[2] + 192;
	} else {
		packet->tag = (data[0] >> 2) & 0x0f;
		kind = data[0] & 3;
		packet->length = kind == 0 ? first : first << 8 | data[2];
	}
	packet->body = data + (kind == 0 ? 2 : 3);
	return kind < 2 &&
	    packet->length < size - (size_t)(packet->body - data);
}

/* The first packet has a session key, of a known version and algorithm. */
static bool
begins_as_pgp(const unsigned char *data, size_t size)
{
	struct packet packet;
	const unsigned char *body;

	if (!read_packet(data, size, &packet) || packet.length < 3 ||
	    (packet.body[packet.length] & 0x80) == 0)
		return false;
	body = packet.body;
	if (packet.tag == PGP_MARKER)
		return memcmp(body, "PGP", 3) == 0;
	if (packet.tag == PGP_PUBLIC_KEY)
		return packet.length > 10 && (body[0] == 3 || body[0] == 6);
	return packet.tag == PGP_PASSWORD && packet.length > 3 &&
	    body[0] >= 4 && body[0] <= 6 && body[1] > 0 && body[1] < 16;
}

static bool
has_armour(const unsigned char *data, size_t size)
{
	static const char mark[] = "-----BEGIN PGP MESSAGE-----";
	const unsigned char *at = data, *end = data + size;

	while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) !=
	    NULL) {
		if (at == data || at[-1] == '\n')
			return true;
		at++;
	}
	return false;
}

const char *
sealed_find(const char *type, const unsigned char *data, size_t size)
{
	if (type != NULL && strcmp(type, "CL_TYPE_MSOLE2") == 0)
		return is_encrypted_office(data, size) ? "Office" : NULL;
	if (has_armour(data, size) || begins_as_pgp(data, size))
		return "PGP";
	if (cms_kind_of(data, size) == CMS_ENCRYPTED)
		return "S-MIME";
	if (has_text(data, size, "<manifest:encryption-data"))
		return "ODF";
	return NULL;
}
