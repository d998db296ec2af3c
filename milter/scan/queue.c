/* queue - the scans that wait, and which of them is next
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/queue.h"

#include <utlist.h>

/* Costs beyond this are all the same. */
#define COST_MAX (3600 * MONOTIME_S)

void
queue_add(struct queue *queue, struct queue_item *item)
{
	DL_APPEND(queue->items, item);
	queue->count++;
	queue->background += item->background;
}

void
queue_remove(struct queue *queue, struct queue_item *item)
{
	DL_DELETE(queue->items, item);
	queue->count--;
	queue->background -= item->background;
}

static int64_t
place(int64_t came_at, int64_t cost, bool returning)
{
	if (cost > COST_MAX)
		cost = COST_MAX;
	return came_at + QUEUE_PATIENCE * cost -
	    (returning ? QUEUE_RETURNING : 0);
}

/* True if a comes before b. */
static bool
comes_before(const struct queue_item *a, const struct queue_item *b)
{
	if (a->abandoned != b->abandoned)
		return b->abandoned;
	return place(a->came_at, a->cost, a->returning) <
	    place(b->came_at, b->cost, b->returning);
}

struct queue_item *
queue_next(const struct queue *queue)
{
	struct queue_item *item, *best = NULL;

	DL_FOREACH (queue->items, item)
		if (!item->background &&
		    (best == NULL || comes_before(item, best)))
			best = item;
	return best;
}

/* One more of this network would be more than half.  Those without one, of the
 * MTA's own host, are no network. */
static bool
exceeds_share(size_t same, uint64_t network, size_t room)
{
	return network != 0 && same > 0 && 2 * (same + 1) > room;
}

static size_t
count_network(const uint64_t *running, size_t count, uint64_t network)
{
	size_t same = 0;

	for (size_t i = 0; i < count; i++)
		same += running[i] == network;
	return same;
}

struct queue_item *
queue_next_background(const struct queue *queue, const uint64_t *running,
    size_t count, size_t room)
{
	struct queue_item *item, *best = NULL, *hog = NULL;

	if (queue->background == 0)
		return NULL;
	DL_FOREACH (queue->items, item) {
		struct queue_item **choice = &best;

		if (!item->background)
			continue;
		if (exceeds_share(count_network(running, count, item->network),
			item->network, room))
			choice = &hog;
		if (*choice == NULL || comes_before(item, *choice))
			*choice = item;
	}
	return best != NULL ? best : hog;
}

bool
queue_is_hogged(const struct queue *queue, uint64_t network, size_t room)
{
	const struct queue_item *item;
	size_t same = 0;

	DL_FOREACH (queue->items, item)
		same += item->network == network;
	return exceeds_share(same, network, room) && same < queue->count;
}

int64_t
queue_work_before(const struct queue *queue, int64_t cost, bool returning,
    int64_t now)
{
	int64_t mine = place(now, cost, returning), work = 0;
	const struct queue_item *item;

	DL_FOREACH (queue->items, item)
		if (!item->background && !item->abandoned &&
		    place(item->came_at, item->cost, item->returning) <= mine)
			work += item->cost;
	return work;
}
