/* elsewhere - scans that run in one process, for mail that comes to another
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "elsewhere.h"

#include "config/config.h"
#include "ledger/row.h"
#include "scanner_state.h"

void
elsewhere_tell_all(struct scanner *scanner)
{
	struct row_scans scans = { .ended = false };
	struct job *job, *next;

	HASH_ITER (hh, scanner->jobs.by_key, job, next) {
		if (job->elsewhere)
			continue;
		scans.keys[scans.count++] = job->key;
		if (scans.count < ROW_SCANS_MAX)
			continue;
		scanner->heir.scans(scanner->heir.context, &scans);
		scans.count = 0;
	}
	if (scans.count > 0)
		scanner->heir.scans(scanner->heir.context, &scans);
}

/* The other process, of the same configuration, has no more. */
static bool
has_room(const struct scanner *scanner)
{
	const struct config *config = scanner->config;

	return scanner->elsewhere < config->limits_queue +
	    config->engine_workers + config->engine_background;
}

/* A scan that this process has begun itself goes on. */
static void
begin(struct scanner *scanner, const struct key *key)
{
	if (job_find(&scanner->jobs, key) != NULL || !has_room(scanner))
		return;
	job_make_elsewhere(&scanner->jobs, key);
	scanner->elsewhere++;
}

static void
end(struct scanner *scanner, struct job *job)
{
	const struct scan_outcome none = { .source = SCAN_SOURCE_NONE };

	if (job == NULL || !job->elsewhere)
		return;
	scanner->elsewhere--;
	scanner_finish_job(scanner, job, &none);
	job_unref(&job);
}

void
elsewhere_end_all(struct scanner *scanner)
{
	struct job *job, *next;

	HASH_ITER (hh, scanner->jobs.by_key, job, next)
		end(scanner, job);
}

void
elsewhere_take(struct scanner *scanner, const struct row_scans *scans)
{
	for (size_t i = 0; i < scans->count; i++) {
		const struct key *key = &scans->keys[i];

		if (scans->ended)
			end(scanner, job_find(&scanner->jobs, key));
		else
			begin(scanner, key);
	}
}
