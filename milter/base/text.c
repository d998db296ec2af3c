/* text - strings made safe for logs, replies and headers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

#define NAME_MAX_LENGTH 128
#define BLANKS " \t\r\n"

/* What is not shown though it is a character: it controls a terminal, turns the
 * direction of what follows, ends a line, or looks like nothing or a blank. */
static const struct range {
	uint32_t first, last;
} hidden[] = {
	{ 0x00, 0x1f },
	{ 0x7f, 0xa0 },
	{ 0xad, 0xad },
	{ 0x34f, 0x34f },
	{ 0x61c, 0x61c },
	{ 0x115f, 0x1160 },
	{ 0x1680, 0x1680 },
	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },
	{ 0x2000, 0x200f },
	{ 0x2028, 0x202f },
	{ 0x205f, 0x206f },
	{ 0x2800, 0x2800 },
	{ 0x3000, 0x3000 },
	{ 0x3164, 0x3164 },
	{ 0xd800, 0xdfff },
	{ 0xfdd0, 0xfdef },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },
	{ 0xfff0, 0xffff },
	{ 0xe0000, 0xe0fff },
};

static bool
is_hidden(uint32_t character)
{
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return true;
	return (character & 0xfffe) == 0xfffe;
}

/* How many bytes the character has that begins with this byte, in UTF-8; 0 if
 * none does. */
static size_t
character_size(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* The bytes of the character at s, or 0 if it is none, or must not be shown. */
static size_t
shown_size(const char *s)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = character_size((unsigned char)s[0]);
	uint32_t character = (unsigned char)s[0];

	if (size > 1)
		character &= 0x7fu >> size;
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (size == 0 || character < smallest[size] || character > 0x10ffff)
		return 0;
	return is_hidden(character) ? 0 : size;
}

/* Copies s up to end: what is shown and not in but, else a '?' for each byte.
 * out may be s. */
static char *
copy_shown(char *out, size_t size, const char *s, const char *end,
    const char *but)
{
	size_t used = 0;

	while (s < end && used + 1 < size) {
		size_t n = shown_size(s);

		if (n > 1 && used + n >= size)
			break;
		if (n == 0 || strchr(but, *s) != NULL) {
			out[used++] = '?';
			s++;
			continue;
		}
		memmove(out + used, s, n);
		used += n;
		s += n;
	}
	out[used] = '\0';
	return out;
}

char *
text_field(char *out, size_t size, const char *s)
{
	const char *end;

	if (s == NULL)
		s = "";
	s += strspn(s, BLANKS);
	end = s + strlen(s);
	while (end > s && strchr(BLANKS, end[-1]) != NULL)
		end--;
	return copy_shown(out, size, s, end, " \",");
}

char *
text_line(char *out, size_t size, const char *s)
{
	if (s == NULL)
		s = "";
	return copy_shown(out, size, s, s + strlen(s), "");
}

char *
text_ascii(char *out, size_t size, const char *s)
{
	size_t i;

	for (i = 0; s != NULL && s[i] != '\0' && i + 1 < size; i++) {
		unsigned char c = (unsigned char)s[i];

		out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[i] = '\0';
	return out;
}

char *
text_trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		text[--len] = '\0';
	return text;
}

bool
text_is_signature_name(const char *s)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "._:/()-";
	size_t len = strnlen(s, NAME_MAX_LENGTH + 1);

	return len >= 1 && len <= NAME_MAX_LENGTH && strspn(s, allowed) == len;
}

char *
text_hex(char *out, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}
