/* queue - the scans that wait, and which of them is next
 *
 * Quick before slow, with ageing: a job's place is the time at which it came
 * plus QUEUE_PATIENCE times its expected cost, and the lowest place is next.
 * So an expected second costs at most QUEUE_PATIENCE seconds behind an
 * endless stream of small mail.  A returning message (one that was deferred
 * before) goes QUEUE_RETURNING earlier than its cost says; one whose client
 * has gone unanswered goes after all others.
 *
 * Jobs for the background (a scan that was ended because it took too long)
 * have an order of their own.  While others wait for the background, one client
 * network gets no more than half of it.
 *
 * When the queue is full, a newcomer takes the place of the last job of the
 * client network that has most jobs in it.  So no network can keep another one
 * out, however much it sends.
 *
 * Not locked: the scanner that owns it calls it with its own lock held.  A
 * choice looks at every job that waits, of which there are limits.queue.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_QUEUE_H
#define SCAN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/monotime.h"

#define QUEUE_PATIENCE 10
#define QUEUE_RETURNING (5 * MONOTIME_S)

/* What the queue knows of a job; embedded in it. */
struct queue_item {
	int64_t came_at;
	int64_t cost;     /* expected, ns */
	uint64_t network; /* of the client; 0: none, has no share */
	bool returning;
	bool abandoned;
	bool background;
	struct queue_item *prev, *next;
};

struct queue {
	struct queue_item *items;
	size_t count;      /* all of them */
	size_t background; /* of these, for the background */
};

void queue_add(struct queue *queue, struct queue_item *item);
void queue_remove(struct queue *queue, struct queue_item *item);

/* The next for a lane, or NULL; stays in the queue. */
struct queue_item *queue_next(const struct queue *queue);

/* The next for the background, or NULL; stays in the queue.  running are the
 * networks of the count scans that are in the background now, of room. */
struct queue_item *queue_next_background(const struct queue *queue,
    const uint64_t *running, size_t count, size_t room);

/* The job that has to make room in a full queue for a newcomer of this network:
 * the one that would be scanned last of the network with most jobs.  NULL if
 * no network has at least two jobs more than the newcomer's.  The job stays in
 * the queue. */
struct queue_item *queue_makes_room(const struct queue *queue,
    uint64_t network);

/* Expected time (ns) of all that waits for lanes and comes before a job of
 * this cost that came now. */
int64_t queue_work_before(const struct queue *queue, int64_t cost,
    bool returning, int64_t now);

#endif
