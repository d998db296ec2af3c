/* header - the message as the engine is to see it
 *
 * The engine is shown the message without the headers that change between
 * two tries of one mail, so that both have one key: trace and authentication
 * headers are left out, Message-ID and Date become fixed stand-ins (Postfix
 * gives local mail that lacks a Message-ID a new one at every try).  Before
 * them stands a synthesised Received line: libclamav takes what begins with
 * an unknown header for plain text and does not look into its parts.
 * Everything else is kept to the byte, with CRLF at each line's end.
 *
 * Any thread; the msgbuf is used as its header says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HEADER_H
#define FILTER_HEADER_H

#include <stdbool.h>

struct msgbuf;

/* The two headers that this filter sets. */
enum header_own { HEADER_SCANNED, HEADER_STATUS, HEADER_OWN_COUNT };

/* "X-Virus-Scanned", "X-Virus-Status". */
const char *header_own_name(enum header_own own);

/* Which of them name is, in any case, or HEADER_OWN_COUNT. */
enum header_own header_own_find(const char *name);

/* Begins the message. */
void header_begin(struct msgbuf *buf);

/* Adds one header; value as libmilter gives it: folded lines are separated
 * by LF or CRLF, the space after the colon is part of it if has_space. */
void header_add(struct msgbuf *buf, const char *name, const char *value,
    bool has_space);

/* Adds the empty line before the body. */
void header_end(struct msgbuf *buf);

#endif
