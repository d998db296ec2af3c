/* job - one scan that is queued or running, and the table of all of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/job.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cond.h"

static struct job *
add(struct job_table *table, const struct key *key, enum job_state state)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		abort();
	job->key = *key;
	job->state = state;
	job->references = 1;
	cond_init(&job->done);
	HASH_ADD(hh, table->by_key, key, sizeof job->key, job);
	return job;
}

struct job *
job_make(struct job_table *table, const struct scan_request *request,
    int64_t cost, bool returning, int64_t now)
{
	struct job *job = add(table, &request->key, JOB_QUEUED);

	job->content = request->content;
	job->cut = request->cut;
	job->structure = request->structure;
	job->item.came_at = now;
	job->item.cost = cost;
	job->item.network = request->network;
	job->item.returning = returning;
	job->deferred = returning;
	queue_add(&table->queue, &job->item);
	return job;
}

struct job *
job_make_elsewhere(struct job_table *table, const struct key *key)
{
	struct job *job = add(table, key, JOB_RUNNING);

	job->elsewhere = true;
	return job;
}

struct job *
job_find(struct job_table *table, const struct key *key)
{
	struct job *job;

	HASH_FIND(hh, table->by_key, key, sizeof *key, job);
	return job;
}

struct job *
job_of(struct queue_item *item)
{
	if (item == NULL)
		return NULL;
	return (
	    struct job *)(void *)((char *)item - offsetof(struct job, item));
}

void
job_start(struct job_table *table, struct job *job)
{
	assert(job->state == JOB_QUEUED);
	queue_remove(&table->queue, &job->item);
	job->state = JOB_RUNNING;
}

void
job_return(struct job_table *table, struct job *job)
{
	assert(job->state == JOB_RUNNING);
	job->state = JOB_QUEUED;
	queue_add(&table->queue, &job->item);
}

void
job_put_off(struct job_table *table, struct job *job, int64_t cost)
{
	job->item.background = true;
	job->item.cost = cost;
	job_return(table, job);
}

void
job_finish(struct job_table *table, struct job *job,
    const struct scan_outcome *outcome)
{
	assert(job->state != JOB_DONE);
	if (job->state == JOB_QUEUED)
		queue_remove(&table->queue, &job->item);
	job->state = JOB_DONE;
	job->outcome = *outcome;
	HASH_DEL(table->by_key, job);
	pthread_cond_broadcast(&job->done);
}

void
job_join(struct job *job)
{
	job->references++;
	job->waiters++;
	job->item.abandoned = false;
}

void
job_leave(struct job **job)
{
	assert((*job)->waiters > 0);
	if (--(*job)->waiters == 0 && !(*job)->deferred)
		(*job)->item.abandoned = true;
	job_unref(job);
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
