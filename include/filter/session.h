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
struct connection;
struct filter_state;
struct sockaddr;

/* Who waits for the reply; decides the deadline. */
enum session_kind { SESSION_MTA, SESSION_SUBMISSION, SESSION_LOCAL };

struct session {
	struct filter_state *filter;
	struct connection *connection; /* outlives the session */
	size_t recipients;   /* bytes that the connection keeps for them */
	unsigned long steps; /* SMFIP_* that were agreed on */
	bool over_limit;     /* limits.sessions was reached before it */
	char client[320];    /* "name[address]", for the log */
	uint64_t network;    /* of the client: its /24 or /48; 0: none */
	/* CONNECT came from a command of Sendmail's, without a connection. */
	bool from_command;
	/* CONNECT had a loopback address and port 0, as Postfix gives them for
	 * mail that no client brought. */
	bool no_connection;
	bool keep_own; /* from a network in headers.keep_from */
	/* The message's snapshot, or NULL. */
	const struct config *config;
	bool local; /* the message was submitted on the machine itself */
	struct message *message;
};

/* Makes a session and counts it.  Returns NULL if there are so many sessions
 * over limits.sessions already that this one can't even be told so.  Aborts if
 * memory is short. */
struct session *session_create(struct filter_state *filter,
    struct connection *connection, unsigned long steps);

/* What CONNECT told; address may be NULL, and so may source, the MTA's macro
 * "_". */
void session_connected(struct session *session, const char *name,
    const struct sockaddr *address, const char *source);

/* Begins a message, ending one that is still there.  queue_id is what the MTA
 * knew at MAIL, or NULL. */
void session_begin_message(struct session *session, const char *sender,
    const char *queue_id);

/* Adds a recipient to the message.  One that buffer.envelope has no room for
 * is not kept, and the message is deferred at its end. */
void session_add_recipient(struct session *session, const char *recipient);

/* Ends the message if there is one. */
void session_end_message(struct session *session);

/* Ends the message and the session; NULL is allowed. */
void session_destroy(struct session **session);

/* authenticated: the MTA's macros say so.
 *
 * SESSION_LOCAL is only what no client can bring about, since local mail has
 * deadlines and an action of its own:
 *  - Postfix shows mail of its sendmail command as from a loopback address,
 *    port 0, and has the queue ID at MAIL.  Its smtpd has none before the first
 *    recipient, whatever XCLIENT or a proxy make it believe of the client.
 *  - Sendmail gives mail that it reads from its standard input no address, and
 *    "USER@localhost" as macro "_".  Postfix gives no address for a client of
 *    which it knows none, but its "_" ends with "[ADDRESS]" always. */
enum session_kind session_kind(const struct session *session,
    bool authenticated);

#endif
