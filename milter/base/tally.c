/* tally - sums up log lines that would come by the thousand
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/tally.h"

#include "base/log.h"
#include "base/monotime.h"

/* All tallies that have ever counted. */
static struct {
	pthread_mutex_t lock;
	struct tally *first;
} list = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The tally's lock is held. */
static void
enlist(struct tally *tally)
{
	tally->listed = true;
	pthread_mutex_lock(&list.lock);
	tally->next = list.first;
	list.first = tally;
	pthread_mutex_unlock(&list.lock);
}

/* Ends a period that is over.  Lock held. */
static void
end_period(struct tally *tally, int64_t now)
{
	int64_t lasted = now - tally->began;

	if (tally->began == 0 || lasted < TALLY_PERIOD)
		return;
	if (tally->left > 0)
		log_msg(LOG_LEVEL_WARNING, "%u more %s in the last %lld s",
		    tally->left, tally->what, (long long)(lasted / MONOTIME_S));
	tally->began = 0;
	tally->lines = 0;
	tally->left = 0;
}

bool
tally_add(struct tally *tally)
{
	int64_t now = monotime_now();
	bool alone;

	pthread_mutex_lock(&tally->lock);
	if (!tally->listed)
		enlist(tally);
	end_period(tally, now);
	if (tally->began == 0)
		tally->began = now;
	alone = tally->lines < TALLY_LINES;
	if (alone)
		tally->lines++;
	else
		tally->left++;
	pthread_mutex_unlock(&tally->lock);
	return alone;
}

/* Nothing is ever taken from the list, so it can be walked without its lock. */
void
tally_report_all(void)
{
	struct tally *tally;

	pthread_mutex_lock(&list.lock);
	tally = list.first;
	pthread_mutex_unlock(&list.lock);
	for (; tally != NULL; tally = tally->next) {
		pthread_mutex_lock(&tally->lock);
		end_period(tally, monotime_now());
		pthread_mutex_unlock(&tally->lock);
	}
}
