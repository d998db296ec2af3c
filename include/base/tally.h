/* tally - sums up log lines that would come by the thousand
 *
 * One tally for each kind of event.  The first few events of a period are
 * logged one by one, as they happen.  Of those that come after them in the
 * same period only the number is logged, once the period is over.
 *
 *	static struct tally refused = TALLY_INIT("connections were refused");
 *
 *	if (tally_add(&refused))
 *		log_msg(LOG_LEVEL_WARNING, "a connection was refused: ...");
 *
 * The number is logged by the first event of a later period, or by
 * tally_report_all(), which one thread of the process calls now and then.  A
 * tally lives as long as its process.  Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TALLY_PERIOD (30 * MONOTIME_S)

/* Lines that are logged one by one in each period. */
#define TALLY_LINES 10

struct tally {
	const char *what; /* "connections were refused" */
	pthread_mutex_t lock;
	int64_t began;  /* the period; 0: none has begun */
	unsigned lines; /* logged one by one in this period */
	unsigned left;  /* counted only, and not yet reported */
	bool listed;    /* known to tally_report_all() */
	struct tally *next;
};

#define TALLY_INIT(text) \
	{ \
		.what = (text), .lock = PTHREAD_MUTEX_INITIALIZER \
	}

/* Counts one event.  True if the caller is to log it by itself. */
bool tally_add(struct tally *tally);

/* For each tally whose period is over, and that has counted more than it has
 * logged: logs "N more WHAT in the last S s", a warning. */
void tally_report_all(void);

#endif
