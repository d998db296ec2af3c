/* job - one scan that is queued or running, and the table of all of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/job.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/cond.h"

struct job *
job_make(struct job_table *table, const struct scan_request *request)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		abort();
	job->key = request->key;
	job->content = request->content;
	job->cut = request->cut;
	job->state = JOB_QUEUED;
	job->references = 1;
	cond_init(&job->done);
	HASH_ADD(hh, table->by_key, key, sizeof job->key, job);
	DL_APPEND(table->queue, job);
	table->queued++;
	return job;
}

struct job *
job_find(struct job_table *table, const struct key *key)
{
	struct job *job;

	HASH_FIND(hh, table->by_key, key, sizeof *key, job);
	return job;
}

static void
leave_queue(struct job_table *table, struct job *job)
{
	DL_DELETE(table->queue, job);
	table->queued--;
}

struct job *
job_take(struct job_table *table)
{
	struct job *job = table->queue;

	if (job == NULL)
		return NULL;
	leave_queue(table, job);
	job->state = JOB_RUNNING;
	return job;
}

void
job_finish(struct job_table *table, struct job *job,
    const struct scan_outcome *outcome)
{
	assert(job->state != JOB_DONE);
	if (job->state == JOB_QUEUED)
		leave_queue(table, job);
	job->state = JOB_DONE;
	job->outcome = *outcome;
	HASH_DEL(table->by_key, job);
	pthread_cond_broadcast(&job->done);
}

void
job_ref(struct job *job)
{
	job->references++;
}

void
job_unref(struct job **job)
{
	assert((*job)->references > 0);
	if (--(*job)->references == 0) {
		pthread_cond_destroy(&(*job)->done);
		free(*job);
	}
	*job = NULL;
}
