/* text - strings made safe for logs, replies and headers
 *
 * Any thread; no allocation; every result is NUL-terminated and cut where
 * the room ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies s (NULL counts as empty), each byte outside 0x21..0x7e and each '"'
 * and ',' as '?': what results can neither end a log line nor begin a new
 * key=value field.  Returns out. */
char *text_field(char *out, size_t size, const char *s);

/* Copies s, each control or non-ASCII byte as '?'; spaces stay. */
char *text_line(char *out, size_t size, const char *s);

/* Cuts the blanks off both ends of text, in place. */
char *text_trim(char *text);

/* True if s is a name that a signature may have: [A-Za-z0-9._:/()-]{1,128}.
 * Nothing else that a worker claims reaches a log, header or reply. */
bool text_is_signature_name(const char *s);

/* Lower-case hexadecimal of len bytes; out has room for 2 * len + 1. */
char *text_hex(char *out, const unsigned char *bytes, size_t len);

#endif
