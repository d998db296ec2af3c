/* ledger_heap - entries of the ledger, the oldest first
 *
 * Entries are added in no order while the store is still being read, and leave
 * from any place.  Each step takes the logarithm of their number, so that the
 * lock of the ledger's caller is never held for long.  The oldest entry is the
 * one that was touched first; entries of one time go in the order of
 * touched_nth.
 *
 * Entries stay the caller's.  As long as one is in the heap, its touched_at,
 * touched_nth and place must not change: the caller removes it, changes it, and
 * adds it again.  For one thread at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_LEDGER_HEAP_H
#define LEDGER_LEDGER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "ledger/row.h"

/* A row, and what the ledger has to know beside it.  Its times are of the
 * monotonic clock. */
struct ledger_entry {
	struct row row;
	bool from_store; /* its verdict was found by an earlier process */
	bool alarmed;    /* the log was told of it */
	int64_t touched_at;
	uint64_t touched_nth; /* tells entries of one time apart */
	size_t place;         /* in its heap */
	UT_hash_handle hh;    /* by row.key */
};

/* All zero: empty. */
struct ledger_heap {
	struct ledger_entry **entries;
	size_t count;
	size_t room;
};

void ledger_heap_fini(struct ledger_heap *heap);

/* Aborts if memory is short. */
void ledger_heap_add(struct ledger_heap *heap, struct ledger_entry *entry);

/* The entry is in this heap. */
void ledger_heap_remove(struct ledger_heap *heap, struct ledger_entry *entry);

/* NULL if there is none. */
struct ledger_entry *ledger_heap_oldest(const struct ledger_heap *heap);

#endif
