/* debts - the replies that are owed, and when they are due
 *
 * From its end on a message is owed a reply by its deadline.  One that is long
 * overdue shows that whoever has promised it no longer works; the supervisor
 * asks for that (wire.h, REPORT).
 *
 * Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_DEBTS_H
#define FILTER_DEBTS_H

#include <pthread.h>
#include <stdint.h>
#include <sys/queue.h>

/* One reply; in the room of the callback that makes it. */
struct debt {
	LIST_ENTRY(debt) next;
	int64_t due; /* monotime.h */
};

struct debts {
	pthread_mutex_t lock;
	LIST_HEAD(, debt) list;
};

void debts_init(struct debts *debts);
void debts_fini(struct debts *debts);

/* debt is the caller's, and must live until debts_remove(). */
void debts_add(struct debts *debts, struct debt *debt, int64_t due);
void debts_remove(struct debts *debts, struct debt *debt);

/* How many there are; *overdue_r is how many of them were due before then. */
unsigned debts_count(struct debts *debts, int64_t then, unsigned *overdue_r);

#endif
