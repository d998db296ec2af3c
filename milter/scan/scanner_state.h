/* scanner_state - what the tickets (scanner.c) and the threads that run scans
 * (scan_threads.c) share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_SCANNER_STATE_H
#define SCAN_SCANNER_STATE_H

#include <pthread.h>

#include "scan/cost.h"
#include "scan/job.h"
#include "scan/lane.h"
#include "ledger/ledger.h"
#include "scan/attachment_table.h"
#include "scan/scanner.h"
#include "ledger/store.h"

struct scanner {
	struct engines *engines;
	struct attachment_table *parts;
	struct store *store;
	pthread_mutex_t lock; /* all below */
	const struct config *config;
	pthread_cond_t work; /* for the scan threads */
	pthread_cond_t idle; /* no scan runs any more */
	struct job_table jobs;
	struct ledger *ledger;
	struct cost cost;
	struct scanner_heir heir;          /* all NULL: there is none */
	unsigned elsewhere;                /* jobs that run elsewhere */
	char generation[ENGINE_NAME_SIZE]; /* current, or the last one */
	int64_t engine_missing_since;      /* 0: one was there when asked */
	unsigned foreground;               /* lanes in use */
	uint64_t *background; /* networks of the scans in the background */
	unsigned background_count;
	unsigned warming;   /* threads that make a lane ready */
	struct lane **warm; /* ready lanes */
	unsigned warm_count;
	unsigned warm_room;       /* so many fit into warm, */
	unsigned background_room; /* and so many into background */
	int64_t warm_after;       /* no lane is made ready before */
	bool awake;               /* tickets wait no more */
	bool draining;            /* no scan is started any more */
	bool stop;
	int cancel; /* eventfd: readable once stopping */
	scanner_settled_function *settled;
	void *settled_context;
	pthread_t *threads;
	unsigned thread_count;
};

/* True if an engine is in service now.  Lock held. */
bool scanner_has_engine(struct scanner *scanner);

/* True if an engine is in service, or was missed for so short a time that one
 * may still come.  Lock held. */
bool scanner_expects_engine(struct scanner *scanner);

/* Makes a job DONE (job.h), and tells who watches it.  Lock held. */
void scanner_finish_job(struct scanner *scanner, struct job *job,
    const struct scan_outcome *outcome);

/* Tells the heir, if there is one, that a scan of this process has begun (it is
 * queued), or has ended; the latter scanner_finish_job() does.  Lock held. */
void scanner_tell_heir(struct scanner *scanner, const struct job *job,
    bool ended);

/* Ends a job that waits in the queue with an error for this reason (one word).
 * Lock held, given up and taken again. */
void scanner_fail_job(struct scanner *scanner, struct job *job,
    const char *reason);

/* As reallocarray(3); where there is no memory the process ends. */
void *scanner_grow(void *array, size_t count, size_t size);

#endif
