/* connection - the MTA's connections, from accept(2) to close(2)
 *
 * libmilter accepts, reads and closes connections by itself, and tells the
 * filter of one only when its MTA has negotiated.  A peer that says nothing
 * would cost a descriptor without being seen.  So this program has an
 * accept() and a close() of its own, which the linker takes for libmilter's
 * instead of the C library's.  Here is known which connections there are:
 *
 * - There are no more than connections_limits.capacity of them.  When that is
 *   reached, the one that has been silent for longest is ended for a new one;
 *   if none is silent, the new one is closed.
 * - One that has not sent its first command within CONNECTION_SILENCE is
 *   ended.
 * - A TCP connection from a host that `access` doesn't name is closed, unless
 *   it comes from the socket's own address, and so from this machine.
 * - What a peer makes the filter keep outside of the message's text is
 *   counted: macros, recipients, the part of a command that has come.  All
 *   connections together may keep connections_limits.memory bytes.
 *
 * Connections of wakeup.h are let through in any case: they are to reach
 * libmilter, and end at once.
 *
 * A struct connection lives from accept() to close(); libmilter reads and
 * closes it on one thread at a time.  All that can go wrong is summed up in
 * the log (base/tally.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_CONNECTION_H
#define FILTER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"

struct netlist;

#define CONNECTION_SILENCE (10 * MONOTIME_S)

/* The commands that macros may come with. */
#define CONNECTION_STAGES 7

struct connection {
	int fd;
	size_t kept; /* bytes, see connection_keep() */

	/* connection.c's, under its lock. */
	int64_t accepted_at;
	bool silent;
	bool ended; /* shut down; no longer counted as open */
	TAILQ_ENTRY(connection) link;

	unsigned long steps; /* the session's: what was agreed on (session.h) */

	/* transport.c's: the command that was read last. */
	char letter;   /* 0: none was */
	bool nameless; /* a header without a name */
	bool overfull; /* macros or recipients of its message are lost */
	size_t macros[CONNECTION_STAGES]; /* bytes kept of each stage */
};

struct connections_limits {
	unsigned capacity;
	size_t memory; /* bytes */
	struct netlist *access;
};

/* Before the first connection, and after RLIMIT_NOFILE was raised. */
void connections_init(void);

/* Takes limits->access over.  These hold from now on; what is over them
 * already stays. */
void connections_limit(const struct connections_limits *limits);

/* Starts the thread that ends silent connections, gives memory back to the
 * system and sums up.  It runs until the process ends. */
CHECK_RESULT enum error_code connections_start(struct error *err);

/* The connection of this descriptor; NULL if it is none. */
struct connection *connection_of(int fd);

/* The peer is no longer silent: its first command is complete.  False if its
 * time was over already. */
bool connection_speaks(struct connection *connection);

/* The peer broke the protocol, did not read its reply, or did not finish its
 * command: that is logged.  The caller ends the session. */
void connection_blame(const struct connection *connection, const char *fault);

/* Counts size more bytes that the connection keeps.  False, and nothing is
 * counted, if all of them together keep too much.  connection_drop() takes
 * bytes back; close() takes what is left. */
CHECK_RESULT bool connection_keep(struct connection *connection, size_t size);
void connection_drop(struct connection *connection, size_t size);

#endif
