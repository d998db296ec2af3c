/* lane_parts - what a lane's worker asks in the middle of a scan
 *
 * Part of the lane (lane.h), with its rules: one thread at a time, and what
 * the worker says is not trusted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_LANE_PARTS_H
#define SCAN_LANE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scan/partset.h"
#include "scan/wire.h"

struct config;

struct lane_parts {
	const struct config *config;
	struct partset *set; /* NULL: the worker may not ask */
	struct part_list list;
	unsigned questions; /* in this job */
	unsigned known;     /* of them */
	/* A question that waits for another lane's scan. */
	struct key key;
	int64_t patient_until;
	int64_t again_at; /* MONOTIME_NEVER: there is none */
};

/* Until lane_parts_share() the worker may not ask. */
void lane_parts_init(struct lane_parts *parts, const struct config *config);
void lane_parts_share(struct lane_parts *parts, struct partset *set);

/* A new worker, which nobody has vouched for. */
void lane_parts_spawned(struct lane_parts *parts);

/* A job begins; returns its flags. */
uint32_t lane_parts_begin(struct lane_parts *parts);

/* Takes a PART and answers it over worker, or keeps it.  False if it makes
 * no sense. */
bool lane_parts_take(struct lane_parts *parts,
    const struct wire_message *question, int worker);

/* To be called at again_at. */
void lane_parts_again(struct lane_parts *parts, uint64_t job, int worker);

/* The job has ended; harmless when called twice. */
void lane_parts_end(struct lane_parts *parts, bool clean);

/* The worker can't be believed. */
void lane_parts_revoke(struct lane_parts *parts);

#endif
