/* message - one message between MAIL and the reply to its end
 *
 * The callback of MAIL makes a message.  Those of the end of message, of abort
 * and of close all call message_end(), which does no harm when it is called
 * again.  One thread at a time may use a message, not always the same one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_MESSAGE_H
#define FILTER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/header.h"
#include "filter/msgbuf.h"
#include "scan/cost.h"
#include "wire/key.h"

struct config_strings;

/* The bounds of a message's envelope: more recipients than any MTA gives one
 * message, and twice the length of an address that RFC 5321 4.5.3.1.3 allows.
 * A longer address is cut. */
#define MESSAGE_RECIPIENTS 20000
#define MESSAGE_ADDRESS 512

struct message {
	char *sender;
	char **recipients;
	size_t recipient_count;
	size_t recipient_room;
	bool too_many; /* it has more recipients than are kept */
	enum cost_structure structure; /* of its top-level Content-Type */
	uint64_t size;                 /* bytes that the MTA gave */
	char message_id[256]; /* as text_field() makes it; may be cut */
	/* How often each of our headers came with the message. */
	unsigned own_headers[HEADER_OWN_COUNT];
	struct header_left_out left_out;
	bool headers_begun;
	bool headers_ended;
	struct msgbuf *buf;
};

/* ignore: headers.ignore, which must outlive the message, or NULL.  Aborts if
 * memory is short. */
struct message *message_create(struct msgpool *pool, const char *sender,
    const struct config_strings *ignore);

void message_add_recipient(struct message *message, const char *recipient);

/* One header, as header_add() takes it. */
void message_add_header(struct message *message, const char *name,
    const char *value, bool has_space);

/* Bytes of the body; the first call ends the headers. */
void message_add_body(struct message *message, const void *data, size_t len);

/* After the last byte, whether there was a body or not. */
void message_complete(struct message *message);

/* Frees it and sets the pointer to NULL; NULL is allowed. */
void message_end(struct message **message);

#endif
