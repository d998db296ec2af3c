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

/* The three below copy s, of which NULL counts as empty, and return out.  A
 * byte that is not copied becomes a '?'. */

/* For a value in a log line: without the white space around it, and then
 * characters of UTF-8 that can be seen, but '"' and ','.  The result can
 * neither end the line nor begin a new key=value field; what controls a
 * terminal, turns the direction of writing or looks like a blank does not get
 * into it. */
char *text_field(char *out, size_t size, const char *s);

/* For a line of its own, or the end of one: characters of UTF-8 that can be
 * seen, and spaces.  out may be s. */
char *text_line(char *out, size_t size, const char *s);

/* For a header or an SMTP reply: printable ASCII and spaces. */
char *text_ascii(char *out, size_t size, const char *s);

/* Cuts the blanks off both ends of text, in place. */
char *text_trim(char *text);

/* True if s is a name that a signature may have: [A-Za-z0-9._:/()-]{1,128}.
 * Nothing else that a worker claims reaches a log, header or reply. */
bool text_is_signature_name(const char *s);

/* Lower-case hexadecimal of len bytes; out has room for 2 * len + 1. */
char *text_hex(char *out, const unsigned char *bytes, size_t len);

#endif
