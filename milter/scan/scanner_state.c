/* scanner_state - what the tickets (scanner.c) and the threads that run scans
 * (scan_threads.c) share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scanner_state.h"

#include <stdlib.h>

#include "base/monotime.h"
#include "ledger/row.h"

/* How long mail waits for an engine, within its own deadline.  The largest
 * signature sets load in less on slow machines.  After that nobody expects one
 * any more, and mail that would wait in vain is deferred at once. */
#define ENGINE_PATIENCE (300 * MONOTIME_S)

bool
scanner_has_engine(struct scanner *scanner)
{
	struct engine *engine = engines_get(scanner->engines);

	if (engine == NULL) {
		if (scanner->engine_missing_since == 0)
			scanner->engine_missing_since = monotime_now();
		return false;
	}
	scanner->engine_missing_since = 0;
	engines_put(scanner->engines, &engine);
	return true;
}

bool
scanner_expects_engine(struct scanner *scanner)
{
	if (scanner_has_engine(scanner))
		return true;
	/* The next engine is that of the process that took over. */
	return scanner->heir.scans == NULL &&
	    monotime_now() - scanner->engine_missing_since < ENGINE_PATIENCE;
}

void
scanner_tell_heir(struct scanner *scanner, const struct job *job, bool ended)
{
	struct row_scans scans;

	if (scanner->heir.scans == NULL || job->elsewhere)
		return;
	scans.ended = ended;
	scans.count = 1;
	scans.keys[0] = job->key;
	scanner->heir.scans(scanner->heir.context, &scans);
}

void
scanner_finish_job(struct scanner *scanner, struct job *job,
    const struct scan_outcome *outcome)
{
	job_finish(&scanner->jobs, job, outcome);
	scanner_tell_heir(scanner, job, true);
	if (job->watched)
		scanner->settled(scanner->settled_context);
}

void
scanner_fail_job(struct scanner *scanner, struct job *job, const char *reason)
{
	struct scan_outcome outcome = {
		.verdict = verdict_make(VERDICT_ERROR, reason),
	};
	struct scan_content content = job->content;

	scanner_finish_job(scanner, job, &outcome);
	job_unref(&job);
	pthread_mutex_unlock(&scanner->lock);
	content.release(content.owner);
	pthread_mutex_lock(&scanner->lock);
}

void *
scanner_grow(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count, size);
	if (array == NULL)
		abort();
	return array;
}
