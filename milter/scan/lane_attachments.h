/* lane_attachments - what a lane's worker asks in the middle of a scan
 *
 * Part of the lane (lane.h), with its rules: one thread at a time, and what
 * the worker says is not trusted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_LANE_ATTACHMENTS_H
#define SCAN_LANE_ATTACHMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scan/attachment_table.h"
#include "wire/wire.h"

struct config;

struct lane_attachments {
	const struct config *config;  /* the lane's reference */
	struct attachment_table *set; /* NULL: the worker may not ask */
	struct attachment_list list;
	unsigned questions; /* in this job */
	unsigned known;     /* how many of these were known */
	/* A question that waits for another lane's scan. */
	struct key key;
	int64_t patient_until;
	int64_t again_at; /* MONOTIME_NEVER: there is none */
};

/* Until lane_attachments_share() the worker may not ask. */
void lane_attachments_init(struct lane_attachments *parts,
    const struct config *config);
void lane_attachments_share(struct lane_attachments *parts,
    struct attachment_table *set);

/* A new worker, which nobody has vouched for. */
void lane_attachments_spawned(struct lane_attachments *parts);

/* A job begins; returns its flags. */
uint32_t lane_attachments_begin(struct lane_attachments *parts);

/* Takes a worker's question (WIRE_ATTACHMENT), and answers it over worker or
 * keeps it for lane_attachments_again().  False if it makes no sense. */
bool lane_attachments_take(struct lane_attachments *parts,
    const struct wire_message *question, int worker);

/* To be called at again_at. */
void lane_attachments_again(struct lane_attachments *parts, uint64_t job,
    int worker);

/* The job has ended; harmless when called twice. */
void lane_attachments_end(struct lane_attachments *parts, bool clean);

/* The worker can't be believed. */
void lane_attachments_revoke(struct lane_attachments *parts);

#endif
