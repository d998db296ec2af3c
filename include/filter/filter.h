/* filter - what all sessions of the filter process share
 *
 * Made by the main function before libmilter runs, read by every callback;
 * the counters have a lock of their own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "filter/wakeup.h"

struct config;
struct hold;
struct msgpool;
struct netlist;
struct scanner;
struct sockaddr;

struct filter {
	struct scanner *scanner;
	struct hold *hold;
	struct msgpool *pool;
	struct wakeup wakeup;
	int descriptors; /* hangup_open()'s */
	char host[256];  /* where the MTA names none */

	pthread_mutex_t lock; /* all below */
	const struct config *config;
	struct netlist *keep_from; /* what config has */
	pthread_cond_t quiet;      /* messages has become 0 */
	unsigned sessions;
	unsigned messages;     /* between MAIL and its reply */
	unsigned waiting;      /* callbacks that block */
	unsigned local_late;   /* late replies to local mail in a row, */
	int64_t local_late_at; /* the last of them */
	bool shortened;        /* deadlines are, as the log was told */
	bool draining;
};

/* The counters begin at 0; the rest is the caller's.  It takes a reference to
 * config. */
void filter_init(struct filter *filter, const struct config *config);
void filter_fini(struct filter *filter);

/* What begins now goes by this snapshot, in all parts of the filter that are
 * there; a session's message keeps the one that it began with.  keep_from is
 * what config has of it, and becomes the filter's. */
void filter_configure(struct filter *filter, const struct config *config,
    struct netlist *keep_from);

/* The snapshot that is in force now, with a reference that the caller gives
 * back (config_unref). */
const struct config *filter_config(struct filter *filter);

/* True if a client at this address is in headers.keep_from. */
bool filter_keeps_headers_of(struct filter *filter,
    const struct sockaddr *address);

/* How many connections there may be: limits.sessions, and the few more that
 * are told so. */
unsigned filter_capacity(const struct config *config);

/* Counts the session.  Over limits.sessions it is to be told so at MAIL; the
 * few over that which an MTA keeps open nevertheless end at FULL, which is
 * not counted. */
enum filter_room { FILTER_ROOM, FILTER_OVER, FILTER_FULL };
CHECK_RESULT enum filter_room filter_session_begin(struct filter *filter);
void filter_session_end(struct filter *filter);

void filter_message_begin(struct filter *filter);
void filter_message_end(struct filter *filter);

/* For a callback that is about to block.  False if limits.waiting of them
 * do already; else it is counted until filter_wait_end(), and leaves libmilter
 * a thread in its place (wakeup.h). */
bool filter_wait_begin(struct filter *filter);
void filter_wait_end(struct filter *filter);

/* The time (ns) that a reply may take of which the setting is full.  While
 * more than half of limits.waiting wait it is half of it, while more than
 * three quarters a quarter; and with each local mail that was answered late,
 * in a row and within a minute, it is half for the next one: Postfix's pickup
 * is one process, for which all local mail waits.  Not under 500 ms. */
int64_t filter_shorten(struct filter *filter, int64_t full, bool local);

/* A local mail was answered late, or in time. */
void filter_local_reply(struct filter *filter, bool late);

bool filter_is_draining(struct filter *filter);

/* Lets no callback wait any more, and waits until no message is under way, or
 * until (monotime.h). */
void filter_drain(struct filter *filter, int64_t until);

#endif
