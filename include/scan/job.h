/* job - one scan that is queued or running, and the table of all of them
 *
 * Life: QUEUED -> RUNNING -> DONE.  A job is in the table from its making
 * until it is DONE, so that a second message of the same content finds and
 * joins it; it is freed when its last reference goes (one for each ticket,
 * one for the scanner until DONE).
 *
 * Nothing here is locked: the scanner (scanner.h) owns the table and calls
 * with its lock held.  `done` is waited on with that lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_JOB_H
#define SCAN_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "scan/key.h"
#include "scan/scanner.h"

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE };

struct job {
	struct key key;
	struct scan_content content;	/* released when DONE */
	bool cut;
	enum job_state state;
	bool background;	/* RUNNING: has left its lane */
	struct scan_outcome outcome;	/* valid when DONE */
	pthread_cond_t done;
	unsigned references;
	struct job *prev, *next;	/* in the queue while QUEUED */
	UT_hash_handle hh;
};

/* All jobs by key, and those QUEUED in order. */
struct job_table {
	struct job *by_key;
	struct job *queue;
	size_t queued;
};

/* A QUEUED job at the end of the queue, with one reference. */
struct job *job_make(struct job_table *table,
    const struct scan_request *request);

/* The job of this key that is not DONE, or NULL. */
struct job *job_find(struct job_table *table, const struct key *key);

/* Takes the first of the queue and makes it RUNNING; NULL if none. */
struct job *job_take(struct job_table *table);

/* Makes a job DONE with this outcome, takes it from the table, wakes all
 * who wait.  Its content is the caller's to release, without the lock. */
void job_finish(struct job_table *table, struct job *job,
    const struct scan_outcome *outcome);

void job_ref(struct job *job);

/* Sets *job to NULL; the last one frees. */
void job_unref(struct job **job);

#endif
