/* job - one scan that is queued or running, and the table of all of them
 *
 * Life: QUEUED -> RUNNING -> DONE, and from RUNNING back to QUEUED when a scan
 * was ended to be done again in the background, or could not begin because its
 * engine went.  A job is in the table from
 * its making until it is DONE, so that a second message of the same content
 * finds and joins it; it is freed when its last reference goes (one for each
 * ticket, one for the scanner until DONE).
 *
 * A scan of the process that was here before (scanner_inherit_scans()) is a
 * job, too: it is RUNNING from its making, has no content, and is DONE without
 * an outcome.
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

#include "wire/key.h"
#include "scan/queue.h"
#include "scan/scanner.h"

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE };

struct job {
	struct key key;
	struct scan_content content; /* released when DONE */
	bool cut;
	enum cost_structure structure;
	enum job_state state;
	struct queue_item item;      /* its background: also while RUNNING */
	unsigned engines_lost;       /* so often it had none to run on */
	unsigned waiters;            /* tickets that are open */
	bool deferred;               /* a try of it was answered "later" */
	bool watched;                /* by ticket_watch() */
	bool elsewhere;              /* RUNNING in another process */
	struct scan_outcome outcome; /* valid when DONE */
	pthread_cond_t done;
	unsigned references;
	UT_hash_handle hh;
};

/* All jobs by key, and those QUEUED in order. */
struct job_table {
	struct job *by_key;
	struct queue queue;
};

/* A QUEUED job with one reference; item's cost and returning are as given. */
struct job *job_make(struct job_table *table,
    const struct scan_request *request, int64_t cost, bool returning,
    int64_t now);

/* A job that runs elsewhere, with one reference. */
struct job *job_make_elsewhere(struct job_table *table, const struct key *key);

/* The job of this key that is not DONE, or NULL. */
struct job *job_find(struct job_table *table, const struct key *key);

/* The job that an item of the queue belongs to. */
struct job *job_of(struct queue_item *item);

/* QUEUED to RUNNING. */
void job_start(struct job_table *table, struct job *job);

/* RUNNING to QUEUED, to where it came from: its scan has not begun. */
void job_return(struct job_table *table, struct job *job);

/* RUNNING to QUEUED, for the background, with the cost that it has shown. */
void job_put_off(struct job_table *table, struct job *job, int64_t cost);

/* Makes a job DONE with this outcome, takes it from the table, wakes all
 * who wait.  Its content is the caller's to release, without the lock. */
void job_finish(struct job_table *table, struct job *job,
    const struct scan_outcome *outcome);

/* A ticket waits for it, with a reference; or no longer does.  A job that is
 * QUEUED and that nobody waits for nor was told to come back for goes last. */
void job_join(struct job *job);
void job_leave(struct job **job);

/* Sets *job to NULL; the last one frees. */
void job_unref(struct job **job);

#endif
