/* filter_state - what all sessions of the filter process share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/filter_state.h"

#include <string.h>
#include <unistd.h>

#include "base/cond.h"
#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "filter/msgbuf.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "hold/hold.h"
#include "scan/scanner.h"

#define DEADLINE_FLOOR (500 * MONOTIME_MS)
#define LOCAL_MEMORY (60 * MONOTIME_S)
#define HALVINGS_MAX 8

/* Sessions over the limit that live long enough to be told so. */
#define SPARE_SHARE 8
#define SPARE 16

void
filter_state_init(struct filter_state *filter, const struct config *config)
{
	memset(filter, 0, sizeof *filter);
	filter->config = config_ref(config);
	pthread_mutex_init(&filter->lock, NULL);
	cond_init(&filter->quiet);
	debts_init(&filter->debts);
	if (gethostname(filter->host, sizeof filter->host - 1) < 0)
		strcpy(filter->host, "localhost");
}

void
filter_state_fini(struct filter_state *filter)
{
	debts_fini(&filter->debts);
	pthread_cond_destroy(&filter->quiet);
	pthread_mutex_destroy(&filter->lock);
	config_unref(&filter->config);
}

/* The parts first: what a message has of the new snapshot, its parts have. */
void
filter_state_configure(struct filter_state *filter, const struct config *config,
    struct netlist *keep_from)
{
	struct netlist *before;

	scanner_configure(filter->scanner, config);
	msgpool_configure(filter->pool, config);
	hold_configure(filter->hold, config);
	pthread_mutex_lock(&filter->lock);
	config_replace(&filter->config, config);
	before = filter->keep_from;
	filter->keep_from = keep_from;
	pthread_mutex_unlock(&filter->lock);
	netlist_destroy(&before);
}

const struct config *
filter_state_config(struct filter_state *filter)
{
	const struct config *config;

	pthread_mutex_lock(&filter->lock);
	config = config_ref(filter->config);
	pthread_mutex_unlock(&filter->lock);
	return config;
}

bool
filter_state_keeps_headers_of(struct filter_state *filter,
    const struct sockaddr *address)
{
	bool keeps;

	pthread_mutex_lock(&filter->lock);
	keeps = netlist_contains(filter->keep_from, address);
	pthread_mutex_unlock(&filter->lock);
	return keeps;
}

unsigned
filter_state_capacity(const struct config *config)
{
	unsigned limit = config->limits_sessions;

	return limit + limit / SPARE_SHARE + SPARE;
}

enum filter_state_room
filter_state_session_begin(struct filter_state *filter)
{
	enum filter_state_room room = FILTER_STATE_ROOM;
	unsigned limit;

	pthread_mutex_lock(&filter->lock);
	limit = filter->config->limits_sessions;
	if (filter->sessions >= filter_state_capacity(filter->config))
		room = FILTER_STATE_FULL;
	else if (filter->sessions++ >= limit)
		room = FILTER_STATE_OVER;
	pthread_mutex_unlock(&filter->lock);
	return room;
}

void
filter_state_session_end(struct filter_state *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->sessions--;
	pthread_mutex_unlock(&filter->lock);
}

void
filter_state_message_begin(struct filter_state *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->messages++;
	pthread_mutex_unlock(&filter->lock);
}

void
filter_state_message_end(struct filter_state *filter)
{
	pthread_mutex_lock(&filter->lock);
	if (--filter->messages == 0)
		pthread_cond_broadcast(&filter->quiet);
	pthread_mutex_unlock(&filter->lock);
}

bool
filter_state_wait_begin(struct filter_state *filter)
{
	bool within;

	pthread_mutex_lock(&filter->lock);
	within = filter->waiting < filter->config->limits_waiting;
	if (within)
		filter->waiting++;
	pthread_mutex_unlock(&filter->lock);
	if (within)
		wakeup_connect(&filter->wakeup);
	return within;
}

void
filter_state_wait_end(struct filter_state *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->waiting--;
	pthread_mutex_unlock(&filter->lock);
}

/* How often a deadline is halved for what waits.  Lock held. */
static unsigned
halvings(struct filter_state *filter)
{
	unsigned limit = filter->config->limits_waiting;
	unsigned count = 0;
	bool shortened;

	if (2 * filter->waiting > limit)
		count = 4 * filter->waiting > 3 * limit ? 2 : 1;
	shortened = count > 0;
	if (shortened != filter->shortened)
		log_msg(LOG_LEVEL_WARNING,
		    "%u messages wait for their scans: reply deadlines are %s",
		    filter->waiting, shortened ? "shortened" : "full again");
	filter->shortened = shortened;
	return count;
}

int64_t
filter_state_shorten(struct filter_state *filter, int64_t full, bool local)
{
	int64_t floor = full < DEADLINE_FLOOR ? full : DEADLINE_FLOOR;
	unsigned count;

	pthread_mutex_lock(&filter->lock);
	count = halvings(filter);
	if (local && monotime_now() - filter->local_late_at < LOCAL_MEMORY)
		count += filter->local_late;
	pthread_mutex_unlock(&filter->lock);
	if (count > HALVINGS_MAX)
		count = HALVINGS_MAX;
	full >>= count;
	return full > floor ? full : floor;
}

void
filter_state_local_reply(struct filter_state *filter, bool late)
{
	int64_t now = monotime_now();

	pthread_mutex_lock(&filter->lock);
	if (!late || now - filter->local_late_at >= LOCAL_MEMORY)
		filter->local_late = 0;
	if (late && filter->local_late < HALVINGS_MAX)
		filter->local_late++;
	if (late)
		filter->local_late_at = now;
	pthread_mutex_unlock(&filter->lock);
}

bool
filter_state_is_draining(struct filter_state *filter)
{
	bool draining;

	pthread_mutex_lock(&filter->lock);
	draining = filter->draining;
	pthread_mutex_unlock(&filter->lock);
	return draining;
}

void
filter_state_drain(struct filter_state *filter, int64_t until)
{
	pthread_mutex_lock(&filter->lock);
	filter->draining = true;
	pthread_mutex_unlock(&filter->lock);
	scanner_wake_all(filter->scanner);
	pthread_mutex_lock(&filter->lock);
	while (filter->messages > 0 &&
	    cond_wait_until(&filter->quiet, &filter->lock, until))
		continue;
	pthread_mutex_unlock(&filter->lock);
}
