/* filter - what all sessions of the filter process share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/filter.h"

#include <string.h>
#include <unistd.h>

#include "base/cond.h"
#include "config/config.h"
#include "scan/scanner.h"

/* Sessions over the limit that live long enough to be told so. */
#define SPARE_SHARE 8
#define SPARE 16

void
filter_init(struct filter *filter, const struct config *config)
{
	memset(filter, 0, sizeof *filter);
	filter->config = config;
	pthread_mutex_init(&filter->lock, NULL);
	cond_init(&filter->quiet);
	if (gethostname(filter->host, sizeof filter->host - 1) < 0)
		strcpy(filter->host, "localhost");
}

void
filter_fini(struct filter *filter)
{
	pthread_cond_destroy(&filter->quiet);
	pthread_mutex_destroy(&filter->lock);
}

enum filter_room
filter_session_begin(struct filter *filter)
{
	unsigned limit = filter->config->limits_sessions;
	enum filter_room room = FILTER_ROOM;

	pthread_mutex_lock(&filter->lock);
	if (filter->sessions >= limit + limit / SPARE_SHARE + SPARE)
		room = FILTER_FULL;
	else if (filter->sessions++ >= limit)
		room = FILTER_OVER;
	pthread_mutex_unlock(&filter->lock);
	return room;
}

void
filter_session_end(struct filter *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->sessions--;
	pthread_mutex_unlock(&filter->lock);
}

void
filter_message_begin(struct filter *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->messages++;
	pthread_mutex_unlock(&filter->lock);
}

void
filter_message_end(struct filter *filter)
{
	pthread_mutex_lock(&filter->lock);
	if (--filter->messages == 0)
		pthread_cond_broadcast(&filter->quiet);
	pthread_mutex_unlock(&filter->lock);
}

bool
filter_wait_begin(struct filter *filter)
{
	bool within;

	pthread_mutex_lock(&filter->lock);
	within = filter->waiting < filter->config->limits_waiting;
	if (within)
		filter->waiting++;
	pthread_mutex_unlock(&filter->lock);
	return within;
}

void
filter_wait_end(struct filter *filter)
{
	pthread_mutex_lock(&filter->lock);
	filter->waiting--;
	pthread_mutex_unlock(&filter->lock);
}

bool
filter_is_draining(struct filter *filter)
{
	bool draining;

	pthread_mutex_lock(&filter->lock);
	draining = filter->draining;
	pthread_mutex_unlock(&filter->lock);
	return draining;
}

void
filter_drain(struct filter *filter, int64_t until)
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
