/* ledger_heap - rows of the ledger, the oldest first
 *
 * A binary heap in an array; each row knows its place in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger_heap.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_row.h"

#define ROOM_MIN 64

void
ledger_heap_fini(struct ledger_heap *heap)
{
	free(heap->rows);
	memset(heap, 0, sizeof *heap);
}

static bool
is_older(const struct ledger_row *a, const struct ledger_row *b)
{
	if (a->touched_at != b->touched_at)
		return a->touched_at < b->touched_at;
	return a->touched_nth < b->touched_nth;
}

static void
put(struct ledger_heap *heap, size_t place, struct ledger_row *row)
{
	heap->rows[place] = row;
	row->place = place;
}

/* Finds the place of a row that is not older than what stands there. */
static void
sink(struct ledger_heap *heap, size_t place, struct ledger_row *row)
{
	size_t child;

	while ((child = 2 * place + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    is_older(heap->rows[child + 1], heap->rows[child]))
			child++;
		if (!is_older(heap->rows[child], row))
			break;
		put(heap, place, heap->rows[child]);
		place = child;
	}
	put(heap, place, row);
}

/* The same upwards. */
static size_t
rise(struct ledger_heap *heap, size_t place, const struct ledger_row *row)
{
	while (place > 0 && is_older(row, heap->rows[(place - 1) / 2])) {
		put(heap, place, heap->rows[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	return place;
}

void
ledger_heap_add(struct ledger_heap *heap, struct ledger_row *row)
{
	if (heap->count == heap->room) {
		heap->room = heap->room == 0 ? ROOM_MIN : 2 * heap->room;
		heap->rows = reallocarray(heap->rows, heap->room,
		    sizeof *heap->rows);
		if (heap->rows == NULL)
			abort();
	}
	put(heap, rise(heap, heap->count++, row), row);
}

void
ledger_heap_remove(struct ledger_heap *heap, struct ledger_row *row)
{
	struct ledger_row *last = heap->rows[--heap->count];

	if (last != row)
		sink(heap, rise(heap, row->place, last), last);
}

struct ledger_row *
ledger_heap_oldest(const struct ledger_heap *heap)
{
	return heap->count > 0 ? heap->rows[0] : NULL;
}
