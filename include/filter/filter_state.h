/* filter_state - what all sessions of the filter process share
 *
 * The main function makes it before libmilter runs, and every callback reads
 * it; what changes is under a lock.
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
	unsigned local_late;   /* late replies to local mail in a row */
	int64_t local_late_at; /* when the last of them was */
	bool shortened;        /* the log says that deadlines are short */
	bool draining;
};

/* The counters begin at 0, and the caller sets the rest.  The filter takes a
 * reference to config. */
void filter_state_init(struct filter_state *filter,
    const struct config *config);
void filter_state_fini(struct filter_state *filter);

/* Messages that begin from now on go by this snapshot, in all parts of the
 * filter; a message that has begun keeps the snapshot that it began with.
 * keep_from is made of config's headers.keep_from, and becomes the filter's. */
void filter_state_configure(struct filter_state *filter,
    const struct config *config, struct netlist *keep_from);

/* The snapshot that is in force now, with a reference that the caller gives
 * back (config_unref). */
const struct config *filter_state_config(struct filter_state *filter);

/* True if a client at this address is in headers.keep_from. */
bool filter_state_keeps_headers_of(struct filter_state *filter,
    const struct sockaddr *address);

/* How many connections there may be: limits.sessions, and a few more that are
 * only told that there are too many. */
unsigned filter_state_capacity(const struct config *config);

/* Counts a session.  OVER: there are more than limits.sessions, and the MTA is
 * to be told so at MAIL.  FULL: there are more than filter_state_capacity(),
 * and the session, which is not counted, is to be refused at once. */
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

/* Returns the time (ns) that a reply may take now, where full is the time that
 * the configuration gives it.  It is half of full while more than half of
 * limits.waiting wait, and a quarter while more than three quarters do.  Each
 * late reply to local mail, in a row and within a minute, halves it again for
 * the next local mail, since all local mail waits for one process, Postfix's
 * pickup.  It is not less than 500 ms, unless full is. */
int64_t filter_state_shorten(struct filter_state *filter, int64_t full,
    bool local);

/* A local mail was answered late, or in time. */
void filter_state_local_reply(struct filter_state *filter, bool late);

bool filter_state_is_draining(struct filter_state *filter);

/* From now on no callback waits.  Returns when no message is under way any
 * more, at the latest at until (monotime.h). */
void filter_state_drain(struct filter_state *filter, int64_t until);

#endif
