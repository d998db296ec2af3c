/* release - asks for a mail to be let out of the MTA's quarantine
 *
 * Only root may do that, and nothing that touches mail is root.  So a small
 * service of its own (vscan-release) does it, which knows three verbs and
 * believes nothing.  Each request takes one SOCK_SEQPACKET connection to
 * hold.release_socket: a struct release_request goes there, and a struct
 * release_reply comes back.  Both ends are of one build on one machine.
 *
 * An MTA uses queue IDs again, and rewrites senders.  To tell which mail is
 * meant, a mail that is held carries a mark, 128 random bits, in its
 * X-Virus-Status header.  The service acts only on a mail that has the queue
 * ID and the mark, about the size and about the time of arrival.
 *
 * release_ask() may be called by any thread, and waits no longer than it is
 * told to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef WIRE_RELEASE_H
#define WIRE_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define RELEASE_MARK_SIZE 33 /* 32 hexadecimal digits and the NUL */
#define RELEASE_ID_SIZE 64

enum release_verb {
	RELEASE_INSPECT = 1, /* is it there, and held? */
	RELEASE_RELEASE,     /* out of quarantine, and delivered at once */
	RELEASE_DELETE,
	RELEASE_VERBS,
};

enum release_result {
	/* What was asked for is done; for INSPECT: it is there and held. */
	RELEASE_DONE = 1,
	/* No configured MTA has a mail of that queue ID (yet). */
	RELEASE_ABSENT,
	/* An MTA has one, but it isn't the mail that was meant. */
	RELEASE_OTHER,
	/* It is the mail, but no longer held: somebody has released it. */
	RELEASE_NOT_HELD,
	/* The MTA's own tools failed; text says how.  Worth another try. */
	RELEASE_FAILED,
	RELEASE_RESULTS,
};

struct release_mail {
	char queue_id[RELEASE_ID_SIZE]; /* [A-Za-z0-9]+ */
	char mark[RELEASE_MARK_SIZE];   /* lower-case hexadecimal */
	uint64_t size;      /* bytes, as the MTA gave it to the milter */
	int64_t arrived_at; /* when its end came: s since 1970 */
};

struct release_request {
	uint32_t verb;
	uint32_t reserved; /* 0 */
	struct release_mail mail;
};

struct release_reply {
	uint32_t result;
	uint32_t reserved; /* 0 */
	char text[256];    /* for the log: printable, may be "" */
};

/* True if an MTA may have given a mail that queue ID. */
bool release_id_is_valid(const char *queue_id);

/* True if queue ID and mark are well-formed.  A request that comes from a
 * socket is checked by this before anything else is done with it. */
bool release_mail_is_valid(const struct release_mail *mail);

/* ERROR_NONE if somebody listens there. */
CHECK_RESULT enum error_code release_probe(const char *path, struct error *err);

/* Asks the service at path.  ERROR_NONE: *reply_r is its answer, checked.
 * ERROR_SYSTEM or ERROR_GONE: it isn't there; ERROR_TIMEOUT: it did not answer
 * until (monotime.h), but it may still act; ERROR_PEER: it answered
 * nonsense. */
CHECK_RESULT enum error_code release_ask(const char *path,
    enum release_verb verb, const struct release_mail *mail, int64_t until,
    struct release_reply *reply_r, struct error *err);

#endif
