/* session - one connection of the MTA
 *
 * Made at negotiation, ended at close; holds at most one message.  libmilter
 * may run each callback of a session on another thread, but never two at
 * once, so nothing here is locked and nothing is thread-local.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_SESSION_H
#define FILTER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "filter/message.h"

struct config;
struct filter;
struct sockaddr;

/* Who waits for the reply; decides the deadline. */
enum session_kind { SESSION_MTA, SESSION_SUBMISSION, SESSION_LOCAL };

struct session {
	struct filter *filter;
	unsigned long steps; /* SMFIP_* that were agreed on */
	bool over_limit;     /* one more than limits.sessions */
	char client[320];    /* "name[address]", for the log */
	uint64_t network;    /* of the client: its /24 or /48; 0: none */
	bool no_address;     /* the MTA's own process, not a connection */
	bool keep_own;       /* from a network in headers.keep_from */
	const struct config *config; /* the message's snapshot, or NULL */
	struct message *message;
};

/* Counts the session; NULL if there is no room even to say so.  Aborts if
 * memory is short. */
struct session *session_create(struct filter *filter, unsigned long steps);

/* What CONNECT told; address may be NULL. */
void session_connected(struct session *session, const char *name,
    const struct sockaddr *address);

/* Begins a message, ending one that is still there. */
void session_begin_message(struct session *session, const char *sender);

/* Ends the message if there is one. */
void session_end_message(struct session *session);

/* Ends the message and the session; NULL is allowed. */
void session_destroy(struct session **session);

/* authenticated: the MTA's macros say so. */
enum session_kind session_kind(const struct session *session,
    bool authenticated);

#endif
