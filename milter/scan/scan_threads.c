/* scan_threads - the threads that run scans, and their lanes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cond.h"
#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "ready_lanes.h"
#include "scanner_state.h"

/* While there is no engine, a thread looks this often whether one may still
 * be expected. */
#define MISSING_LOOK (10 * MONOTIME_S)

/* So often a job may find that its engine has gone before its scan began.  An
 * engine that was replaced costs a job one of these; a job that needs more is
 * on a machine where no worker gets ready. */
#define ENGINES_LOST_MAX 5

/* What a running scan's thread hands to lane_scan(). */
struct slow_context {
	struct scanner *scanner;
	struct job *job;
	int64_t started;
};

static bool
background_has_room(const struct scanner *scanner)
{
	return scanner->background_count < scanner->config->engine_background;
}

static void
enter_background(struct scanner *scanner, struct job *job)
{
	job->item.background = true;
	scanner->background[scanner->background_count++] = job->item.network;
}

/* Removes one entry of the job's network.  All of them are alike. */
static void
leave_background(struct scanner *scanner, const struct job *job)
{
	unsigned i = 0;

	while (scanner->background[i] != job->item.network)
		i++;
	scanner->background[i] =
	    scanner->background[--scanner->background_count];
}

/* How long a scan may keep its lane: deadline.slow_after, but while other mail
 * waits no longer than twice the time that the scan was expected to take.  So
 * a mail that turns out to be slow costs the others less than slow_after,
 * while a mail that is known to take half a second gets its half second.  Lock
 * held. */
static int64_t
lane_time(const struct scanner *scanner, const struct job *job)
{
	int64_t slow = scanner->config->deadline_slow_after;
	int64_t expected = 2 * job->item.cost;

	if (queue_next(&scanner->jobs.queue) == NULL || expected > slow)
		return slow;
	return expected > slow / LANE_ASK ? expected : slow / LANE_ASK;
}

/* A scan asks whether it may go on.  When it has had its time, it goes on in
 * the background if there is room; if there is none and other mail waits, it
 * has to end. */
static enum lane_slow
leave_lane(void *context)
{
	struct slow_context *slow = context;
	struct scanner *scanner = slow->scanner;
	enum lane_slow answer = LANE_STAY;

	pthread_mutex_lock(&scanner->lock);
	if (monotime_now() - slow->started < lane_time(scanner, slow->job)) {
		answer = LANE_STAY;
	} else if (background_has_room(scanner)) {
		enter_background(scanner, slow->job);
		scanner->foreground--;
		pthread_cond_signal(&scanner->work);
		answer = LANE_BACKGROUND;
	} else if (scanner->config->engine_background > 0 &&
	    queue_next(&scanner->jobs.queue) != NULL) {
		answer = LANE_END;
	}
	pthread_mutex_unlock(&scanner->lock);
	return answer;
}

/* Called without the lock. */
static void
log_scan(const struct job *job, const struct lane_result *result,
    const struct scan_outcome *outcome)
{
	const struct verdict *verdict = &outcome->verdict;
	char key[KEY_SHORT_SIZE], ended[80] = "";

	if (result->ended[0] != '\0')
		snprintf(ended, sizeof ended, ", ended=%s", result->ended);
	log_msg(result->ended[0] != '\0' ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
	    "scan: key=%s, verdict=%s, virus=%s, reason=%s, generation=%s"
	    ", scan_ms=%lld, cpu_ms=%lld, known=%u%s",
	    key_short(&job->key, key), verdict_kind_name(verdict->kind),
	    verdict_virus(verdict), verdict_reason(verdict),
	    outcome->generation[0] != '\0' ? outcome->generation : "-",
	    (long long)(result->scan_time / MONOTIME_MS),
	    (long long)(result->cpu_time / MONOTIME_MS), result->known, ended);
}

/* Makes the outcome of a result.  When a job has failed often enough by its own
 * doing, it is unscannable; where only the beginning of a message was scanned,
 * it is not clean.  Lock held. */
static void
judge(struct scanner *scanner, const struct job *job,
    const struct lane_result *result, struct scan_outcome *outcome)
{
	int64_t now = monotime_now();
	/* Reading a spill file from a broken disk raises SIGBUS, too. */
	bool counts = result->counts &&
	    !(job->content.on_disk && strcmp(result->ended, "SIGBUS") == 0);

	outcome->verdict = result->verdict;
	if (counts &&
	    ledger_fail(scanner->ledger, &job->key, outcome->generation, now) >=
		scanner->config->deadline_failures)
		outcome->verdict = verdict_make(VERDICT_UNSCANNABLE,
		    result->verdict.name);
	if (job->cut && outcome->verdict.kind == VERDICT_CLEAN)
		outcome->verdict = verdict_make(VERDICT_INCOMPLETE,
		    "message-size");
	if (!verdict_is_final(&outcome->verdict))
		return;
	cost_learn(&scanner->cost, job->structure, job->content.size,
	    result->cpu_time > 0 ? result->cpu_time : result->scan_time);
	ledger_verdict(scanner->ledger, &job->key, &outcome->verdict,
	    outcome->generation, outcome->scan_time, now);
}

/* How it went with one job. */
struct run {
	struct lane_result result;
	struct scan_outcome outcome;
	bool engine_lost; /* before the scan began: the next one does it */
};

/* Ends a job that has run, or queues it again.  True if it has ended.  Lock
 * held. */
static bool
conclude(struct scanner *scanner, struct job *job, struct run *run)
{
	const struct lane_result *result = &run->result;

	if (run->engine_lost && !scanner->stop) {
		job_return(&scanner->jobs, job);
		return false;
	}
	if (result->put_off && !scanner->stop) {
		cost_learn(&scanner->cost, job->structure, job->content.size,
		    result->scan_time);
		job_put_off(&scanner->jobs, job, result->scan_time);
		return false;
	}
	judge(scanner, job, result, &run->outcome);
	scanner_finish_job(scanner, job, &run->outcome);
	return true;
}

/* As conclude(), and gives the lane back.  No lock held. */
static bool
settle(struct scanner *scanner, struct job *job, struct lane **lane,
    struct run *run)
{
	struct scan_content content = job->content;
	bool ended;

	pthread_mutex_lock(&scanner->lock);
	if (job->item.background)
		leave_background(scanner, job);
	else
		scanner->foreground--;
	ready_lanes_return(scanner, lane);
	ended = conclude(scanner, job, run);
	pthread_cond_signal(&scanner->work);
	if (scanner->foreground + scanner->background_count == 0)
		pthread_cond_broadcast(&scanner->idle);
	pthread_mutex_unlock(&scanner->lock);
	if (ended)
		content.release(content.owner);
	return ended;
}

static void
drop_job(struct scanner *scanner, struct job *job)
{
	pthread_mutex_lock(&scanner->lock);
	job_unref(&job);
	pthread_mutex_unlock(&scanner->lock);
}

/* No worker got ready for the job, and err says why. */
static void
miss_worker(struct job *job, enum error_code code, const struct error *err,
    struct run *run)
{
	char key[KEY_SHORT_SIZE];

	run->result.verdict = verdict_make(VERDICT_ERROR, "no-worker");
	run->engine_lost = code == ERROR_GONE &&
	    ++job->engines_lost < ENGINES_LOST_MAX;
	if (run->engine_lost)
		return;
	if (code == ERROR_GONE)
		log_msg(LOG_LEVEL_WARNING,
		    "the scan with key=%s is given up: %u times its engine "
		    "ended before a worker was ready, the last time: %s",
		    key_short(&job->key, key), job->engines_lost, err->text);
	else
		log_error(LOG_LEVEL_ERROR,
		    "no worker can be made ready for a scan, which ends with "
		    "reason=no-worker",
		    err);
}

/* Runs one job on lane, if there is one.  No lock held. */
static void
run_job(struct scanner *scanner, struct job *job, struct lane *lane)
{
	struct slow_context slow = { .scanner = scanner, .job = job };
	struct run run = { .outcome = { .source = SCAN_SOURCE_SCAN } };
	bool background = job->item.background;
	enum error_code code;
	struct error err;

	code = ready_lanes_make(scanner, &lane, &err);
	if (code == ERROR_NONE) {
		snprintf(run.outcome.generation, sizeof run.outcome.generation,
		    "%s", engine_name(lane_engine(lane)));
		slow.started = monotime_now();
		lane_scan(lane, job->content.fd, job->content.size,
		    scanner->cancel, background ? NULL : leave_lane, &slow,
		    &run.result);
	} else {
		miss_worker(job, code, &err, &run);
	}
	run.outcome.scan_time = run.result.scan_time;
	if (settle(scanner, job, &lane, &run)) {
		log_scan(job, &run.result, &run.outcome);
		drop_job(scanner, job);
	}
	if (lane != NULL)
		ready_lanes_prepare(scanner, lane);
}

/* Ends all that waits in the queue.  Lock held, given up and taken again. */
static void
fail_queue(struct scanner *scanner)
{
	while (scanner->jobs.queue.items != NULL)
		scanner_fail_job(scanner, job_of(scanner->jobs.queue.items),
		    "no-engine");
}

/* The job that may start now, or NULL: for a lane first, for the background
 * otherwise.  Lock held. */
static struct job *
next_job(struct scanner *scanner)
{
	struct queue *queue = &scanner->jobs.queue;
	struct queue_item *item = NULL;

	if (scanner->draining)
		return NULL;
	if (scanner->foreground < scanner->config->engine_workers)
		item = queue_next(queue);
	if (item == NULL && background_has_room(scanner))
		item = queue_next_background(queue, scanner->background,
		    scanner->background_count,
		    scanner->config->engine_background);
	return job_of(item);
}

/* The last try before the final answer is made by a worker that has seen no
 * other mail, so that none of those is what made it fail. */
static bool
is_last_try(const struct scanner *scanner, const struct job *job)
{
	unsigned failures = ledger_failures(scanner->ledger, &job->key,
	    scanner->generation);

	return failures > 0 &&
	    failures + 1 >= scanner->config->deadline_failures;
}

/* Lock held, given up while the job runs. */
static void
start_job(struct scanner *scanner, struct job *job)
{
	struct lane *lane = ready_lanes_take(scanner);
	bool fresh = is_last_try(scanner, job);

	if (lane != NULL)
		lane_configure(lane, scanner->config);
	job_start(&scanner->jobs, job);
	if (job->item.background)
		enter_background(scanner, job);
	else
		scanner->foreground++;
	pthread_mutex_unlock(&scanner->lock);
	if (fresh && lane != NULL)
		lane_close(&lane);
	run_job(scanner, job, lane);
	pthread_mutex_lock(&scanner->lock);
}

/* One step of a scan thread.  Lock held, given up while it works. */
static void
step(struct scanner *scanner)
{
	bool service = scanner_has_engine(scanner);
	bool lacks = service && ready_lanes_lack(scanner);
	struct job *job = service ? next_job(scanner) : NULL;
	int64_t until = ledger_report(scanner->ledger, monotime_now());

	if (!scanner_expects_engine(scanner) && scanner->jobs.queue.count > 0) {
		fail_queue(scanner);
	} else if (job != NULL) {
		start_job(scanner, job);
	} else if (lacks && monotime_now() >= scanner->warm_after) {
		scanner->warming++;
		pthread_mutex_unlock(&scanner->lock);
		ready_lanes_prepare(scanner, NULL);
		pthread_mutex_lock(&scanner->lock);
	} else {
		if (lacks && scanner->warm_after < until)
			until = scanner->warm_after;
		if (!service && until > monotime_after(MISSING_LOOK))
			until = monotime_after(MISSING_LOOK);
		cond_wait_until(&scanner->work, &scanner->lock, until);
	}
}

static void *
scan_thread(void *context)
{
	struct scanner *scanner = context;

	pthread_mutex_lock(&scanner->lock);
	while (!scanner->stop)
		step(scanner);
	pthread_mutex_unlock(&scanner->lock);
	return NULL;
}

/* The array of the background has one entry more than scans may run there. */
static void
make_room(struct scanner *scanner, unsigned background)
{
	if (background + 1 <= scanner->background_room)
		return;
	scanner->background = scanner_grow(scanner->background, background + 1,
	    sizeof *scanner->background);
	scanner->background_room = background + 1;
}

enum error_code
scan_threads_fit(struct scanner *scanner, struct error *err)
{
	unsigned want = scanner->config->engine_workers +
	    scanner->config->engine_background;
	int failed;

	ready_lanes_fit(scanner);
	make_room(scanner, scanner->config->engine_background);
	if (want > scanner->thread_count)
		scanner->threads = scanner_grow(scanner->threads, want,
		    sizeof *scanner->threads);
	while (scanner->thread_count < want) {
		failed =
		    pthread_create(&scanner->threads[scanner->thread_count],
			NULL, scan_thread, scanner);
		if (failed)
			return error_sys(err, failed, "starting a scan thread");
		scanner->thread_count++;
	}
	return ERROR_NONE;
}

enum error_code
scan_threads_start(struct scanner *scanner, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&scanner->lock);
	code = scan_threads_fit(scanner, err);
	pthread_mutex_unlock(&scanner->lock);
	return code;
}

void
scan_threads_stop(struct scanner *scanner)
{
	pthread_mutex_lock(&scanner->lock);
	scanner->stop = true;
	pthread_cond_broadcast(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	if (scanner->cancel >= 0)
		eventfd_write(scanner->cancel, 1);
	for (unsigned i = 0; i < scanner->thread_count; i++)
		pthread_join(scanner->threads[i], NULL);
	pthread_mutex_lock(&scanner->lock);
	fail_queue(scanner);
	pthread_mutex_unlock(&scanner->lock);
	ready_lanes_close(scanner);
	free(scanner->threads);
}
