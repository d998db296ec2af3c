/* header - the message as the engine is to see it
 *
 * The engine is shown the message without the headers that change between
 * two tries of one mail, so that both have one key: trace and authentication
 * headers are left out, Message-ID and Date become fixed stand-ins (Postfix
 * gives local mail that lacks a Message-ID a new one at every try).  An MTA
 * shows us what the milters before us have added, too, so their headers with
 * queue IDs, scores and times are left out as well, and what headers.ignore
 * names.  Only short, plain text is left out, and not too much of it
 * (HEADER_LEFT_OUT_*): a header that exceeds that is shown to the engine
 * whatever its name, so that nothing can hide in it.
 *
 * Before all headers stands a synthesised Received line: libclamav takes what
 * begins with an unknown header for plain text and does not look into its
 * parts.  Everything else is kept to the byte, with CRLF at each line's end.
 *
 * Any thread; the msgbuf is used as its header says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HEADER_H
#define FILTER_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct config_strings;
struct msgbuf;

/* Bytes of one value, bytes and number of headers of one message. */
#define HEADER_LEFT_OUT_VALUE 16384
#define HEADER_LEFT_OUT_BYTES (128 * 1024)
#define HEADER_LEFT_OUT_COUNT 200

/* How much of a message was left out so far; begins with zeros. */
struct header_left_out {
	const struct config_strings *ignore; /* headers.ignore; NULL: none */
	size_t bytes;
	unsigned count;
};

/* The two headers that this filter sets. */
enum header_own { HEADER_SCANNED, HEADER_STATUS, HEADER_OWN_COUNT };

/* "X-Virus-Scanned", "X-Virus-Status". */
const char *header_own_name(enum header_own own);

/* Which of them name is, in any case, or HEADER_OWN_COUNT. */
enum header_own header_own_find(const char *name);

/* Begins the message. */
void header_begin(struct msgbuf *buf);

/* Adds one header, or leaves it out and counts it in left_out; value as
 * libmilter gives it: folded lines are separated by LF or CRLF, the space after
 * the colon is part of it if has_space. */
void header_add(struct header_left_out *left_out, struct msgbuf *buf,
    const char *name, const char *value, bool has_space);

/* Adds the empty line before the body. */
void header_end(struct msgbuf *buf);

#endif
