/* ledger_heap - entries of the ledger, the oldest first
 *
 * A binary heap in an array; each entry knows its place in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger_heap.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64

void
ledger_heap_fini(struct ledger_heap *heap)
{
	free(heap->entries);
	memset(heap, 0, sizeof *heap);
}

static bool
is_older(const struct ledger_entry *a, const struct ledger_entry *b)
{
	if (a->touched_at != b->touched_at)
		return a->touched_at < b->touched_at;
	return a->touched_nth < b->touched_nth;
}

static void
put(struct ledger_heap *heap, size_t place, struct ledger_entry *entry)
{
	heap->entries[place] = entry;
	entry->place = place;
}

/* Finds the place, here or below, of an entry that is not older than what
 * stands there. */
static void
sink(struct ledger_heap *heap, size_t place, struct ledger_entry *entry)
{
	size_t child;

	while ((child = 2 * place + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    is_older(heap->entries[child + 1], heap->entries[child]))
			child++;
		if (!is_older(heap->entries[child], entry))
			break;
		put(heap, place, heap->entries[child]);
		place = child;
	}
	put(heap, place, entry);
}

/* Makes room, here or above, for an entry; returns the place. */
static size_t
rise(struct ledger_heap *heap, size_t place, const struct ledger_entry *entry)
{
	while (place > 0 && is_older(entry, heap->entries[(place - 1) / 2])) {
		put(heap, place, heap->entries[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	return place;
}

void
ledger_heap_add(struct ledger_heap *heap, struct ledger_entry *entry)
{
	if (heap->count == heap->room) {
		heap->room = heap->room == 0 ? ROOM_MIN : 2 * heap->room;
		heap->entries = reallocarray(heap->entries, heap->room,
		    sizeof *heap->entries);
		if (heap->entries == NULL)
			abort();
	}
	put(heap, rise(heap, heap->count++, entry), entry);
}

void
ledger_heap_remove(struct ledger_heap *heap, struct ledger_entry *entry)
{
	struct ledger_entry *last = heap->entries[--heap->count];

	if (last != entry)
		sink(heap, rise(heap, entry->place, last), last);
}

struct ledger_entry *
ledger_heap_oldest(const struct ledger_heap *heap)
{
	return heap->count > 0 ? heap->entries[0] : NULL;
}
