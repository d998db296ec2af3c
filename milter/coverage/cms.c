/* cms - what kind of S/MIME object some bytes are
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/cms.h"

#include <stdbool.h>
#include <string.h>

/* Tags of BER (X.690). */
#define INTEGER 0x02
#define OBJECT 0x06
#define SEQUENCE 0x30
#define SET 0x31
#define CONTENT 0xa0 /* [0], explicit */

/* A place in the object; at is NULL once something did not fit. */
struct ber {
	const unsigned char *at, *end;
};

/* Passes over the tag and the length of an element that has this tag.
 * *length_r is the length of its contents, which may go beyond the end; for an
 * element of indefinite length it is all that is left. */
static bool
enter(struct ber *ber, unsigned char tag, size_t *length_r)
{
	size_t left = ber->at != NULL ? (size_t)(ber->end - ber->at) : 0;
	size_t count;

	if (left < 2 || ber->at[0] != tag) {
		ber->at = NULL;
		return false;
	}
	*length_r = ber->at[1];
	count = ber->at[1] > 0x80 ? ber->at[1] & 0x7f : 0;
	if (count > 4 || left < 2 + count) {
		ber->at = NULL;
		return false;
	}
	ber->at += 2;
	if (*length_r == 0x80)
		*length_r = left - 2;
	for (size_t i = 0; i < count; i++)
		*length_r = (i > 0 ? *length_r << 8 : 0) | *ber->at++;
	return true;
}

static void
skip(struct ber *ber, unsigned char tag)
{
	size_t length;

	if (!enter(ber, tag, &length))
		return;
	if (length > (size_t)(ber->end - ber->at))
		ber->at = NULL;
	else
		ber->at += length;
}

/* Signed data holds a message if its contents are of the type of plain data (a
 * catalogue of Windows or a time stamp is not) and something follows that type.
 * An object that can't be read so far is taken to hold one. */
static enum cms_kind
look_into_signed(struct ber *ber)
{
	static const char data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
	const unsigned char *begin;
	size_t length, type;
	bool known = enter(ber, CONTENT, &length) &&
	    enter(ber, SEQUENCE, &length);

	skip(ber, INTEGER);
	skip(ber, SET);
	if (!known || !enter(ber, SEQUENCE, &length))
		return CMS_SIGNED;
	begin = ber->at;
	if (!enter(ber, OBJECT, &type) || type > (size_t)(ber->end - ber->at))
		return CMS_SIGNED;
	if (type != sizeof data - 1 || memcmp(ber->at, data, type) != 0)
		return CMS_NONE;
	ber->at += type;
	/* If no message follows, the certificates come next. */
	return (size_t)(ber->at - begin) < length && ber->at < ber->end &&
		ber->at[0] == CONTENT
	    ? CMS_SIGNED
	    : CMS_NONE;
}

enum cms_kind
cms_kind_of(const unsigned char *data, size_t size)
{
	static const struct {
		const char *type;
		size_t len;
		enum cms_kind kind;
	} types[] = {
		{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9, CMS_SIGNED },
		{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9, CMS_ENCRYPTED },
		{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06", 9, CMS_ENCRYPTED },
		{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", 11,
		    CMS_ENCRYPTED },
		{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09", 11,
		    CMS_COMPRESSED },
	};
	struct ber ber = { data, data + size };
	size_t length;

	if (!enter(&ber, SEQUENCE, &length) || !enter(&ber, OBJECT, &length) ||
	    length > (size_t)(ber.end - ber.at))
		return CMS_NONE;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (length != types[i].len ||
		    memcmp(ber.at, types[i].type, length) != 0)
			continue;
		ber.at += length;
		return types[i].kind == CMS_SIGNED ? look_into_signed(&ber)
						   : types[i].kind;
	}
	return CMS_NONE;
}
