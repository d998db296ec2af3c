/* debts - the replies that are owed, and when they are due
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/debts.h"

void
debts_init(struct debts *debts)
{
	pthread_mutex_init(&debts->lock, NULL);
	LIST_INIT(&debts->list);
}

void
debts_fini(struct debts *debts)
{
	pthread_mutex_destroy(&debts->lock);
}

void
debts_add(struct debts *debts, struct debt *debt, int64_t due)
{
	debt->due = due;
	pthread_mutex_lock(&debts->lock);
	LIST_INSERT_HEAD(&debts->list, debt, next);
	pthread_mutex_unlock(&debts->lock);
}

void
debts_remove(struct debts *debts, struct debt *debt)
{
	pthread_mutex_lock(&debts->lock);
	LIST_REMOVE(debt, next);
	pthread_mutex_unlock(&debts->lock);
}

unsigned
debts_count(struct debts *debts, int64_t then, unsigned *overdue_r)
{
	const struct debt *debt;
	unsigned count = 0;

	*overdue_r = 0;
	pthread_mutex_lock(&debts->lock);
	LIST_FOREACH (debt, &debts->list, next) {
		count++;
		if (debt->due < then)
			(*overdue_r)++;
	}
	pthread_mutex_unlock(&debts->lock);
	return count;
}
