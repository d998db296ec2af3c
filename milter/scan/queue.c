/* queue - the scans that wait, and which of them is next
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/queue.h"

#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

/* Costs above this make no difference any more. */
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

/* True if one more of this network would be more than half of the room.  Mail
 * of the MTA's own host has no network (0), and no share. */
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

/* How many jobs of one network are in the queue. */
struct share {
	uint64_t network;
	size_t count;
	UT_hash_handle hh;
};

static void
add_to_share(struct share **shares, uint64_t network)
{
	struct share *share;

	HASH_FIND(hh, *shares, &network, sizeof network, share);
	if (share == NULL) {
		share = calloc(1, sizeof *share);
		if (share == NULL)
			abort();
		share->network = network;
		HASH_ADD(hh, *shares, network, sizeof network, share);
	}
	share->count++;
}

/* Returns the network with most jobs, how many those are, and how many jobs
 * are mine. */
static uint64_t
largest_share(const struct queue *queue, uint64_t mine, size_t *most_r,
    size_t *mine_r)
{
	struct share *shares = NULL, *share, *next;
	const struct queue_item *item;
	uint64_t largest = mine;

	*most_r = *mine_r = 0;
	DL_FOREACH (queue->items, item)
		add_to_share(&shares, item->network);
	HASH_ITER (hh, shares, share, next) {
		if (share->network == mine)
			*mine_r = share->count;
		if (share->count > *most_r) {
			*most_r = share->count;
			largest = share->network;
		}
		HASH_DEL(shares, share);
		free(share);
	}
	return largest;
}

struct queue_item *
queue_makes_room(const struct queue *queue, uint64_t network)
{
	struct queue_item *item, *last = NULL;
	size_t most, mine;
	uint64_t largest = largest_share(queue, network, &most, &mine);

	if (most < mine + 2)
		return NULL;
	DL_FOREACH (queue->items, item)
		if (item->network == largest &&
		    (last == NULL || !comes_before(item, last)))
			last = item;
	return last;
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
