/* ledger_heap - rows of the ledger, the oldest first
 *
 * Rows are added in no order while the store is still being read, and leave
 * from any place; each step takes the logarithm of their number, so that the
 * caller's lock is never held for long.  The oldest is the one that was
 * touched first; those of one time go in the order of touched_nth.
 *
 * Rows stay the caller's.  One that is here must not be touched: it is
 * removed, changed, and added again.  Under the ledger's lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_LEDGER_HEAP_H
#define LEDGER_LEDGER_HEAP_H

#include <stddef.h>

struct ledger_row;

/* All zero: empty. */
struct ledger_heap {
	struct ledger_row **rows;
	size_t count;
	size_t room;
};

void ledger_heap_fini(struct ledger_heap *heap);

/* Aborts if memory is short. */
void ledger_heap_add(struct ledger_heap *heap, struct ledger_row *row);

/* row is here. */
void ledger_heap_remove(struct ledger_heap *heap, struct ledger_row *row);

/* NULL if there is none. */
struct ledger_row *ledger_heap_oldest(const struct ledger_heap *heap);

#endif
