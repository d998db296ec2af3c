/* scanner - one scan for one content, in time or late
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/scanner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "scan/cache.h"
#include "scan/job.h"
#include "scan/lane.h"

/* After a worker could not be made ready, none is tried ahead of need for
 * this long. */
#define WARM_PAUSE MONOTIME_S

struct scanner {
	const struct config *config;
	struct engines *engines;
	pthread_mutex_t lock;
	pthread_cond_t work;	/* for the scan threads */
	struct job_table jobs;
	struct cache *cache;
	char generation[ENGINE_NAME_SIZE];	/* current, or the last one */
	unsigned foreground;	/* lanes in use */
	unsigned background;	/* scans that have left their lane */
	unsigned warming;	/* threads that make a lane ready */
	struct lane **warm;	/* ready lanes; engine_workers fit */
	unsigned warm_count;
	int64_t warm_after;	/* see WARM_PAUSE */
	bool awake;		/* tickets wait no more */
	bool stop;
	int cancel;		/* eventfd: readable once stopping */
	pthread_t *threads;
	unsigned thread_count;
};

struct ticket {
	struct scanner *scanner;
	struct job *job;	/* NULL if the answer was known */
	struct key key;
	struct key envelope;
	enum scan_source source;
	struct scan_outcome known;
};

/* What a running scan's thread hands to lane_scan(). */
struct slow_context {
	struct scanner *scanner;
	struct job *job;
};

static bool
engine_in_service(struct scanner *scanner)
{
	struct engine *engine = engines_get(scanner->engines);

	if (engine == NULL)
		return false;
	engines_put(scanner->engines, &engine);
	return true;
}

/* The lane's scan has been running for a while: it goes on in the background
 * if there is room, and the lane's place is free for the next job. */
static bool
leave_lane(void *context)
{
	struct slow_context *slow = context;
	struct scanner *scanner = slow->scanner;
	bool room;

	pthread_mutex_lock(&scanner->lock);
	room = scanner->background < scanner->config->engine_background;
	if (room) {
		slow->job->background = true;
		scanner->background++;
		scanner->foreground--;
		pthread_cond_signal(&scanner->work);
	}
	pthread_mutex_unlock(&scanner->lock);
	return room;
}

/* Takes a ready lane of the current engine, or NULL.  Lock held. */
static struct lane *
take_warm(struct scanner *scanner)
{
	if (scanner->warm_count == 0)
		return NULL;
	return scanner->warm[--scanner->warm_count];
}

/* Opens a lane on the current engine.  No lock held. */
static enum error_code
open_lane(struct scanner *scanner, struct lane **lane_r, struct error *err)
{
	struct engine *engine = engines_get(scanner->engines);

	*lane_r = NULL;
	if (engine == NULL)
		return error_set(err, ERROR_ENGINE, "no engine in service");
	return lane_open(scanner->engines, engine, scanner->config, lane_r,
	    err);
}

static bool
lane_is_stale(struct scanner *scanner, const struct lane *lane)
{
	return !engines_is_current(scanner->engines, lane_engine(lane));
}

/* Makes lane (or, if that is NULL, stale or dead, a new one) ready for a
 * message.  No lock held.  On failure *lane is NULL. */
static enum error_code
ready_lane(struct scanner *scanner, struct lane **lane, struct error *err)
{
	enum error_code code;

	if (*lane != NULL && !lane_is_stale(scanner, *lane) &&
	    lane_warm(*lane, err) == ERROR_NONE)
		return ERROR_NONE;
	if (*lane != NULL)
		lane_close(lane);
	code = open_lane(scanner, lane, err);
	if (code == ERROR_NONE)
		code = lane_warm(*lane, err);
	if (code != ERROR_NONE && *lane != NULL)
		lane_close(lane);
	return code;
}

/* Keeps a ready lane for the next job, if there is room; *lane is then NULL.
 * Lock held. */
static void
keep_lane(struct scanner *scanner, struct lane **lane)
{
	if (scanner->stop || lane_is_stale(scanner, *lane) ||
	    scanner->warm_count >= scanner->config->engine_workers)
		return;
	scanner->warm[scanner->warm_count++] = *lane;
	*lane = NULL;
}

/* Without the lock: writing a log line may take its time. */
static void
log_scan(const struct job *job, const struct lane_result *result,
    const struct scan_outcome *outcome)
{
	const struct verdict *verdict = &outcome->verdict;
	char key[KEY_SHORT_SIZE], ended[80] = "";

	if (result->ended[0] != '\0')
		snprintf(ended, sizeof ended, ", ended=%s", result->ended);
	log_msg(result->ended[0] != '\0' ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
	    "scan: key=%s, verdict=%s, virus=%s, generation=%s, scan_ms=%lld"
	    ", cpu_ms=%lld%s", key_short(&job->key, key),
	    verdict_kind_name(verdict->kind),
	    verdict->name[0] != '\0' ? verdict->name : "-",
	    outcome->generation[0] != '\0' ? outcome->generation : "-",
	    (long long)(result->scan_time / MONOTIME_MS),
	    (long long)(result->cpu_time / MONOTIME_MS), ended);
}

/* What the result means for this job: a failure that counts is final when
 * there were enough of them; the beginning of a message is never clean.
 * Lock held. */
static void
judge(struct scanner *scanner, const struct job *job,
    const struct lane_result *result, struct scan_outcome *outcome)
{
	/* A disk that can't be read raises SIGBUS, too. */
	bool counts = result->counts && !(job->content.on_disk &&
	    strcmp(result->ended, "SIGBUS") == 0);

	outcome->verdict = result->verdict;
	if (counts && cache_count_failure(scanner->cache, &job->key,
	    outcome->generation) >= scanner->config->deadline_failures)
		outcome->verdict = verdict_make(VERDICT_UNSCANNABLE,
		    result->verdict.name);
	if (job->cut && outcome->verdict.kind == VERDICT_CLEAN)
		outcome->verdict = verdict_make(VERDICT_INCOMPLETE,
		    "message-size");
	if (verdict_is_final(&outcome->verdict))
		cache_store(scanner->cache, &job->key, &outcome->verdict,
		    outcome->generation, outcome->scan_time, monotime_now());
}

/* Makes a lane ready (see ready_lane()) and keeps it: off every reply's path,
 * and counted in `warming` by the caller.  No lock held. */
static void
warm_up(struct scanner *scanner, struct lane *lane)
{
	struct error err;
	enum error_code code = ready_lane(scanner, &lane, &err);

	if (code != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR, "making a worker ready", &err);
	pthread_mutex_lock(&scanner->lock);
	scanner->warming--;
	if (code != ERROR_NONE)
		scanner->warm_after = monotime_after(WARM_PAUSE);
	else
		keep_lane(scanner, &lane);
	pthread_cond_signal(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	if (lane != NULL)
		lane_close(&lane);
}

/* Ends a job that has run, and gives its lane on in the same breath, so that
 * the next job finds it.  If the lane is not ready *lane stays, counted in
 * `warming`.  No lock held. */
static void
settle(struct scanner *scanner, struct job *job, struct lane **lane,
    const struct lane_result *result, struct scan_outcome *outcome)
{
	struct scan_content content = job->content;

	pthread_mutex_lock(&scanner->lock);
	judge(scanner, job, result, outcome);
	if (job->background)
		scanner->background--;
	else
		scanner->foreground--;
	if (*lane != NULL && lane_is_ready(*lane))
		keep_lane(scanner, lane);
	if (*lane != NULL)
		scanner->warming++;
	job_finish(&scanner->jobs, job, outcome);
	pthread_cond_signal(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	content.release(content.owner);
}

static void
drop_job(struct scanner *scanner, struct job *job)
{
	pthread_mutex_lock(&scanner->lock);
	job_unref(&job);
	pthread_mutex_unlock(&scanner->lock);
}

/* Runs one job on lane, if there is one.  No lock held. */
static void
run_job(struct scanner *scanner, struct job *job, struct lane *lane)
{
	struct slow_context slow = { .scanner = scanner, .job = job };
	struct scan_outcome outcome = { .source = SCAN_SOURCE_SCAN };
	struct lane_result result;
	struct error err;

	if (ready_lane(scanner, &lane, &err) == ERROR_NONE) {
		snprintf(outcome.generation, sizeof outcome.generation, "%s",
		    engine_name(lane_engine(lane)));
		lane_scan(lane, job->content.fd, job->content.size,
		    scanner->cancel, leave_lane, &slow, &result);
	} else {
		log_error(LOG_LEVEL_ERROR, "no worker for a scan", &err);
		memset(&result, 0, sizeof result);
		result.verdict = verdict_make(VERDICT_ERROR, "no-worker");
	}
	outcome.scan_time = result.scan_time;
	settle(scanner, job, &lane, &result, &outcome);
	log_scan(job, &result, &outcome);
	drop_job(scanner, job);
	if (lane != NULL)
		warm_up(scanner, lane);
}

/* Closes ready lanes of engines that are no longer current.  Lock held;
 * closing only closes descriptors. */
static void
drop_stale(struct scanner *scanner)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < scanner->warm_count; i++) {
		if (lane_is_stale(scanner, scanner->warm[i]))
			lane_close(&scanner->warm[i]);
		else
			scanner->warm[kept++] = scanner->warm[i];
	}
	scanner->warm_count = kept;
}

/* Without an engine what is queued gets its answer now.  Lock held, given up
 * and taken again. */
static void
fail_queue(struct scanner *scanner)
{
	struct scan_outcome outcome = {
		.verdict = verdict_make(VERDICT_ERROR, "no-engine"),
	};
	struct job *job;

	while ((job = job_take(&scanner->jobs)) != NULL) {
		struct scan_content content = job->content;

		job_finish(&scanner->jobs, job, &outcome);
		job_unref(&job);
		pthread_mutex_unlock(&scanner->lock);
		content.release(content.owner);
		pthread_mutex_lock(&scanner->lock);
	}
}

/* Fewer lanes in use or ready than there may be. */
static bool
lacks_lanes(const struct scanner *scanner)
{
	return scanner->foreground + scanner->warming + scanner->warm_count <
	    scanner->config->engine_workers;
}

static bool
job_may_start(const struct scanner *scanner)
{
	return scanner->jobs.queued > 0 &&
	    scanner->foreground < scanner->config->engine_workers;
}

/* One step of a scan thread.  Lock held, given up while it works. */
static void
step(struct scanner *scanner)
{
	bool service = engine_in_service(scanner);
	bool lacks = service && lacks_lanes(scanner);
	struct lane *lane;
	struct job *job;

	if (!service && scanner->jobs.queued > 0) {
		fail_queue(scanner);
	} else if (service && job_may_start(scanner)) {
		job = job_take(&scanner->jobs);
		lane = take_warm(scanner);
		scanner->foreground++;
		pthread_mutex_unlock(&scanner->lock);
		run_job(scanner, job, lane);
		pthread_mutex_lock(&scanner->lock);
	} else if (lacks && monotime_now() >= scanner->warm_after) {
		scanner->warming++;
		pthread_mutex_unlock(&scanner->lock);
		warm_up(scanner, NULL);
		pthread_mutex_lock(&scanner->lock);
	} else {
		cond_wait_until(&scanner->work, &scanner->lock,
		    lacks ? scanner->warm_after : MONOTIME_NEVER);
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

static enum error_code
start_threads(struct scanner *scanner, struct error *err)
{
	unsigned want = scanner->config->engine_workers +
	    scanner->config->engine_background;
	int failed;

	scanner->threads = calloc(want, sizeof *scanner->threads);
	if (scanner->threads == NULL)
		abort();
	while (scanner->thread_count < want) {
		failed = pthread_create(
		    &scanner->threads[scanner->thread_count], NULL,
		    scan_thread, scanner);
		if (failed)
			return error_sys(err, failed,
			    "starting a scan thread");
		scanner->thread_count++;
	}
	return ERROR_NONE;
}

enum error_code
scanner_create(const struct config *config, struct engines *engines,
    struct scanner **scanner_r, struct error *err)
{
	struct scanner *scanner = calloc(1, sizeof *scanner);
	enum error_code code;

	*scanner_r = NULL;
	if (scanner == NULL)
		abort();
	scanner->config = config;
	scanner->engines = engines;
	pthread_mutex_init(&scanner->lock, NULL);
	cond_init(&scanner->work);
	scanner->cache = cache_create(config);
	scanner->warm = calloc(config->engine_workers, sizeof *scanner->warm);
	if (scanner->warm == NULL)
		abort();
	scanner->cancel = eventfd(0, EFD_CLOEXEC);
	if (scanner->cancel < 0)
		code = error_sys(err, errno, "eventfd");
	else
		code = start_threads(scanner, err);
	if (code != ERROR_NONE)
		scanner_destroy(&scanner);
	*scanner_r = scanner;
	return code;
}

void
scanner_destroy(struct scanner **scanner_p)
{
	struct scanner *scanner = *scanner_p;

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
	while (scanner->warm_count > 0)
		lane_close(&scanner->warm[--scanner->warm_count]);
	cache_destroy(&scanner->cache);
	fd_close(&scanner->cancel);
	pthread_cond_destroy(&scanner->work);
	pthread_mutex_destroy(&scanner->lock);
	free(scanner->threads);
	free(scanner->warm);
	free(scanner);
	*scanner_p = NULL;
}

/* Answers from the cache; true if it could.  Lock held. */
static bool
answer_known(struct scanner *scanner, struct ticket *ticket)
{
	struct cache_answer answer;

	if (!cache_lookup(scanner->cache, &ticket->key, &ticket->envelope,
	    scanner->generation, monotime_now(), &answer))
		return false;
	ticket->source = SCAN_SOURCE_CACHE;
	ticket->known.verdict = answer.verdict;
	ticket->known.source = SCAN_SOURCE_CACHE;
	ticket->known.scan_time = answer.scan_time;
	memcpy(ticket->known.generation, answer.generation,
	    sizeof ticket->known.generation);
	return true;
}

/* Joins a running scan, or queues a new one if there is an engine and room.
 * *taken_r says whether the content is the job's now.  Lock held. */
static enum error_code
join_or_queue(struct scanner *scanner, struct ticket *ticket,
    const struct scan_request *request, bool *taken_r, struct error *err)
{
	ticket->source = SCAN_SOURCE_JOINED;
	ticket->job = job_find(&scanner->jobs, &request->key);
	if (ticket->job == NULL) {
		if (!engine_in_service(scanner))
			return error_set(err, ERROR_ENGINE, "no-engine");
		if (scanner->jobs.queued >= scanner->config->limits_queue)
			return error_set(err, ERROR_LIMIT, "queue-full");
		ticket->source = SCAN_SOURCE_SCAN;
		ticket->job = job_make(&scanner->jobs, request);
		*taken_r = true;
		pthread_cond_signal(&scanner->work);
	}
	job_ref(ticket->job);
	return ERROR_NONE;
}

enum error_code
scanner_submit(struct scanner *scanner, const struct scan_request *request,
    struct ticket **ticket_r, struct error *err)
{
	struct ticket *ticket = calloc(1, sizeof *ticket);
	enum error_code code = ERROR_NONE;
	bool taken = false;

	if (ticket == NULL)
		abort();
	ticket->scanner = scanner;
	ticket->key = request->key;
	ticket->envelope = request->envelope;
	pthread_mutex_lock(&scanner->lock);
	if (!answer_known(scanner, ticket))
		code = join_or_queue(scanner, ticket, request, &taken, err);
	pthread_mutex_unlock(&scanner->lock);
	if (!taken)
		request->content.release(request->content.owner);
	if (code != ERROR_NONE) {
		free(ticket);
		ticket = NULL;
	}
	*ticket_r = ticket;
	return code;
}

bool
ticket_wait(struct ticket *ticket, int64_t until,
    struct scan_outcome *outcome_r)
{
	struct scanner *scanner = ticket->scanner;
	bool done;

	if (ticket->job == NULL) {
		*outcome_r = ticket->known;
		return true;
	}
	pthread_mutex_lock(&scanner->lock);
	while (ticket->job->state != JOB_DONE && !scanner->awake &&
	    cond_wait_until(&ticket->job->done, &scanner->lock, until))
		continue;
	done = ticket->job->state == JOB_DONE;
	if (done) {
		*outcome_r = ticket->job->outcome;
		outcome_r->source = ticket->source;
	}
	pthread_mutex_unlock(&scanner->lock);
	return done;
}

enum scan_source
ticket_source(const struct ticket *ticket)
{
	return ticket->source;
}

void
ticket_defer(struct ticket *ticket)
{
	pthread_mutex_lock(&ticket->scanner->lock);
	cache_defer(ticket->scanner->cache, &ticket->key, &ticket->envelope);
	pthread_mutex_unlock(&ticket->scanner->lock);
}

void
ticket_close(struct ticket **ticket)
{
	if (*ticket == NULL)
		return;
	if ((*ticket)->job != NULL) {
		pthread_mutex_lock(&(*ticket)->scanner->lock);
		job_unref(&(*ticket)->job);
		pthread_mutex_unlock(&(*ticket)->scanner->lock);
	}
	free(*ticket);
	*ticket = NULL;
}

void
scanner_wake_all(struct scanner *scanner)
{
	struct job *job, *next;

	pthread_mutex_lock(&scanner->lock);
	scanner->awake = true;
	HASH_ITER(hh, scanner->jobs.by_key, job, next)
		pthread_cond_broadcast(&job->done);
	pthread_mutex_unlock(&scanner->lock);
}

void
scanner_engine_changed(struct scanner *scanner)
{
	struct engine *engine;

	pthread_mutex_lock(&scanner->lock);
	engine = engines_get(scanner->engines);
	if (engine != NULL) {
		snprintf(scanner->generation, sizeof scanner->generation,
		    "%s", engine_name(engine));
		engines_put(scanner->engines, &engine);
	}
	scanner->warm_after = 0;
	drop_stale(scanner);
	pthread_cond_broadcast(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
}

const char *
scan_source_name(enum scan_source source)
{
	static const char *const names[] = {
		[SCAN_SOURCE_NONE] = "none",
		[SCAN_SOURCE_SCAN] = "scan",
		[SCAN_SOURCE_JOINED] = "joined",
		[SCAN_SOURCE_CACHE] = "cache",
		[SCAN_SOURCE_STORE] = "store",
	};

	return names[source];
}
