/* filter_state - what all sessions of the filter process share
 *
 * Made by the main function before libmilter runs, read by every callback;
 * the counters have a lock of their own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_FILTER_STATE_H
#define FILTER_FILTER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "filter/debts.h"
#include "filter/wakeup.h"

struct config;
struct hold;
struct msgpool;
struct netlist;
struct scanner;
struct sockaddr;

struct filter_state {
	struct scanner *scanner;
	struct hold *hold;
	struct msgpool *pool;
	struct wakeup wakeup;
	struct debts debts;
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
void filter_state_init(struct filter_state *filter,
    const struct config *config);
void filter_state_fini(struct filter_state *filter);

/* What begins now goes by this snapshot, in all parts of the filter that are
 * there; a session's message keeps the one that it began with.  keep_from is
 * what config has of it, and becomes the filter's. */
void filter_state_configure(struct filter_state *filter,
    const struct config *config, struct netlist *keep_from);

/* The snapshot that is in force now, with a reference that the caller gives
 * back (config_unref). */
const struct config *filter_state_config(struct filter_state *filter);

/* True if a client at this address is in headers.keep_from. */
bool filter_state_keeps_headers_of(struct filter_state *filter,
    const struct sockaddr *address);

/* How many connections there may be: limits.sessions, and the few more that
 * are told so. */
unsigned filter_state_capacity(const struct config *config);

/* Counts the session.  Over limits.sessions it is to be told so at MAIL; the
 * few over that which an MTA keeps open nevertheless end at FULL, which is
 * not counted. */
enum filter_state_room {
	FILTER_STATE_ROOM,
	FILTER_STATE_OVER,
	FILTER_STATE_FULL
};
CHECK_RESULT enum filter_state_room filter_state_session_begin(
    struct filter_state *filter);
void filter_state_session_end(struct filter_state *filter);

void filter_state_message_begin(struct filter_state *filter);
void filter_state_message_end(struct filter_state *filter);

/* For a callback that is about to block.  False if limits.waiting of them do
 * so already.  Otherwise the callback is counted until filter_state_wait_end(),
 * and libmilter has another thread in place of this one (wakeup.h). */
bool filter_state_wait_begin(struct filter_state *filter);
void filter_state_wait_end(struct filter_state *filter);

/* The time (ns) that a reply may take of which the setting is full.  While
 * more than half of limits.waiting wait it is half of it, while more than
 * three quarters a quarter; and with each local mail that was answered late,
 * in a row and within a minute, it is half for the next one: Postfix's pickup
 * is one process, for which all local mail waits.  Not under 500 ms. */
int64_t filter_state_shorten(struct filter_state *filter, int64_t full,
    bool local);

/* A local mail was answered late, or in time. */
void filter_state_local_reply(struct filter_state *filter, bool late);

bool filter_state_is_draining(struct filter_state *filter);

/* Lets no callback wait any more, and waits until no message is under way, or
 * until (monotime.h). */
void filter_state_drain(struct filter_state *filter, int64_t until);

#endif
