/* scanner - one scan for one content, in time or late
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/scanner.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "elsewhere.h"
#include "ready_lanes.h"
#include "scan_threads.h"
#include "scanner_state.h"

/* How long the start waits for what was known.  A file of 200,000 rows is read
 * in two to three seconds on a slow machine.  MTAs wait in the meantime, and
 * Sendmail for no longer than 10 s until its first reply. */
#define LOAD_PATIENCE (3 * MONOTIME_S)

struct ticket {
	struct scanner *scanner;
	struct job *job; /* NULL if the answer is known */
	struct scan_request request;
	bool has_content; /* the request's, while the job runs elsewhere */
	enum scan_source source;
	bool hopeless;
	struct scan_outcome known;
};

/* From the store's thread. */
static void
take_row(void *context, const struct row *row)
{
	struct scanner *scanner = context;

	pthread_mutex_lock(&scanner->lock);
	ledger_load(scanner->ledger, row);
	pthread_mutex_unlock(&scanner->lock);
}

/* From the store's thread, too. */
static bool
give_row(void *context, bool first, struct row *row_r)
{
	struct scanner *scanner = context;
	bool there;

	pthread_mutex_lock(&scanner->lock);
	there = ledger_next(scanner->ledger, first, row_r);
	pthread_mutex_unlock(&scanner->lock);
	return there;
}

/* The lock is held so that the first row finds the ledger attached. */
static enum error_code
open_store(struct scanner *scanner, struct error *err)
{
	struct store_reader reader = {
		.each = take_row,
		.next = give_row,
		.context = scanner,
		/* A clock that was stepped must not age a mail out by
		 * itself. */
		.max_step = scanner->config->cache_late_ttl / 2,
	};
	char path[PATH_MAX];
	enum error_code code;

	snprintf(path, sizeof path, "%s/" STORE_NAME,
	    scanner->config->state_directory);
	pthread_mutex_lock(&scanner->lock);
	code = store_open(path, &reader, &scanner->store, err);
	if (code == ERROR_NONE)
		ledger_attach(scanner->ledger, scanner->store);
	pthread_mutex_unlock(&scanner->lock);
	if (code == ERROR_NONE)
		store_wait(scanner->store, monotime_after(LOAD_PATIENCE));
	return code;
}

enum error_code
scanner_create(const struct config *config, struct engines *engines,
    struct scanner **scanner_r, struct error *err)
{
	struct scanner *scanner = calloc(1, sizeof *scanner);
	enum error_code code = ERROR_NONE;

	*scanner_r = NULL;
	if (scanner == NULL)
		abort();
	scanner->config = config_ref(config);
	scanner->engines = engines;
	pthread_mutex_init(&scanner->lock, NULL);
	cond_init(&scanner->work);
	cond_init(&scanner->idle);
	scanner->parts = attachment_table_create(config);
	scanner->ledger = ledger_create(config);
	scanner->cancel = eventfd(0, EFD_CLOEXEC);
	if (scanner->cancel < 0)
		code = error_sys(err, errno, "eventfd");
	if (code == ERROR_NONE)
		code = open_store(scanner, err);
	if (code == ERROR_NONE)
		code = scan_threads_start(scanner, err);
	if (code != ERROR_NONE)
		scanner_destroy(&scanner);
	*scanner_r = scanner;
	return code;
}

void
scanner_destroy(struct scanner **scanner_p)
{
	struct scanner *scanner = *scanner_p;

	scan_threads_stop(scanner);
	scanner_save(scanner, monotime_after(MONOTIME_S));
	scanner_inherit_end(scanner);
	attachment_table_destroy(&scanner->parts);
	ledger_destroy(&scanner->ledger);
	fd_close(&scanner->cancel);
	pthread_cond_destroy(&scanner->idle);
	pthread_cond_destroy(&scanner->work);
	pthread_mutex_destroy(&scanner->lock);
	config_unref(&scanner->config);
	free(scanner->background);
	free(scanner->warm);
	free(scanner);
	*scanner_p = NULL;
}

void
scanner_configure(struct scanner *scanner, const struct config *config)
{
	enum error_code code;
	struct error err;

	attachment_table_configure(scanner->parts, config);
	pthread_mutex_lock(&scanner->lock);
	config_replace(&scanner->config, config);
	ledger_configure(scanner->ledger, config);
	code = scan_threads_fit(scanner, &err);
	pthread_cond_broadcast(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	if (code != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "fewer scans run at once than engine.workers and "
		    "engine.background allow",
		    &err);
}

/* Answers from the ledger.  Lock held. */
static bool
answer_known(struct scanner *scanner, struct ticket *ticket)
{
	struct ledger_answer answer;

	if (!ledger_lookup(scanner->ledger, &ticket->request.key,
		&ticket->request.envelope, scanner->generation, monotime_now(),
		&answer))
		return false;
	ticket->source = answer.late ? SCAN_SOURCE_STORE : SCAN_SOURCE_CACHE;
	ticket->known.verdict = answer.verdict;
	ticket->known.scan_time = answer.scan_time;
	memcpy(ticket->known.generation, answer.generation,
	    sizeof ticket->known.generation);
	ticket->known.source = ticket->source;
	return true;
}

/* True if the jobs that wait leave no time for a job like this.  Lock held. */
static bool
is_hopeless(const struct scanner *scanner, int64_t cost, bool returning,
    int64_t patience)
{
	int64_t work = queue_work_before(&scanner->jobs.queue, cost, returning,
	    monotime_now());

	return work > 0 &&
	    work / scanner->config->engine_workers + cost > patience;
}

/* Makes sure that the queue has room for a job of this network, where
 * necessary at the expense of the network that fills it.  Lock held, given up
 * and taken again. */
static enum error_code
make_room(struct scanner *scanner, uint64_t network, struct error *err)
{
	const struct queue *queue = &scanner->jobs.queue;
	struct queue_item *last;

	while (queue->count >= scanner->config->limits_queue) {
		last = queue_makes_room(queue, network);
		if (last == NULL)
			return error_set(err, ERROR_LIMIT, "queue-full");
		scanner_fail_job(scanner, job_of(last), "network-share");
	}
	return ERROR_NONE;
}

/* Queues a new scan.  Lock held. */
static void
queue_scan(struct scanner *scanner, struct ticket *ticket)
{
	const struct scan_request *request = &ticket->request;
	int64_t cost = cost_expect(&scanner->cost, request->structure,
	    request->content.size);
	bool returning = ledger_was_deferred(scanner->ledger, &request->key);

	ticket->hopeless = is_hopeless(scanner, cost, returning,
	    request->patience);
	ticket->source = SCAN_SOURCE_SCAN;
	ticket->job = job_make(&scanner->jobs, request, cost, returning,
	    monotime_now());
	ticket->has_content = false;
	scanner_tell_heir(scanner, ticket->job, false);
	pthread_cond_signal(&scanner->work);
}

static bool
join_running(struct scanner *scanner, struct ticket *ticket)
{
	ticket->source = SCAN_SOURCE_JOINED;
	ticket->job = job_find(&scanner->jobs, &ticket->request.key);
	return ticket->job != NULL;
}

/* Joins the scan of this content, or queues one if an engine can be expected
 * and there is room.  Lock held, given up and taken again. */
static enum error_code
join_or_queue(struct scanner *scanner, struct ticket *ticket, struct error *err)
{
	enum error_code code = ERROR_NONE;

	if (!join_running(scanner, ticket)) {
		if (!scanner_expects_engine(scanner))
			return error_set(err, ERROR_ENGINE, "no-engine");
		code = make_room(scanner, ticket->request.network, err);
		/* The lock was given up: somebody may have queued the same
		 * content. */
		if (code == ERROR_NONE && !join_running(scanner, ticket))
			queue_scan(scanner, ticket);
	}
	if (code == ERROR_NONE)
		job_join(ticket->job);
	return code;
}

/* No lock held. */
static void
release_content(struct ticket *ticket)
{
	struct scan_content *content = &ticket->request.content;

	if (ticket->has_content)
		content->release(content->owner);
	ticket->has_content = false;
}

enum error_code
scanner_submit(struct scanner *scanner, const struct scan_request *request,
    struct ticket **ticket_r, struct error *err)
{
	struct ticket *ticket = calloc(1, sizeof *ticket);
	enum error_code code = ERROR_NONE;
	bool keeps;

	if (ticket == NULL)
		abort();
	ticket->scanner = scanner;
	ticket->request = *request;
	ticket->has_content = true;
	pthread_mutex_lock(&scanner->lock);
	if (!answer_known(scanner, ticket))
		code = join_or_queue(scanner, ticket, err);
	keeps = ticket->job != NULL && ticket->job->elsewhere;
	pthread_mutex_unlock(&scanner->lock);
	if (!keeps)
		release_content(ticket);
	if (code != ERROR_NONE) {
		free(ticket);
		ticket = NULL;
	}
	*ticket_r = ticket;
	return code;
}

void
scanner_on_settled(struct scanner *scanner, scanner_settled_function *settled,
    void *context)
{
	pthread_mutex_lock(&scanner->lock);
	scanner->settled = settled;
	scanner->settled_context = context;
	pthread_mutex_unlock(&scanner->lock);
}

/* A scan that has ended already is reported at once. */
void
ticket_watch(struct ticket *ticket)
{
	struct scanner *scanner = ticket->scanner;

	pthread_mutex_lock(&scanner->lock);
	if (ticket->job != NULL)
		ticket->job->watched = true;
	if (ticket->job == NULL || ticket->job->state == JOB_DONE)
		scanner->settled(scanner->settled_context);
	pthread_mutex_unlock(&scanner->lock);
}

/* Lock held. */
static void
take_outcome(const struct ticket *ticket, struct scan_outcome *outcome_r)
{
	if (ticket->job == NULL) {
		*outcome_r = ticket->known;
		return;
	}
	*outcome_r = ticket->job->outcome;
	outcome_r->source = ticket->source;
	if (verdict_is_final(&outcome_r->verdict))
		ledger_fetched(ticket->scanner->ledger, &ticket->request.key,
		    &ticket->request.envelope);
}

/* The scan that ran elsewhere has ended: if it has left no verdict for this
 * ticket, its mail is scanned here.  Lock held, given up and taken again. */
static void
take_over(struct scanner *scanner, struct ticket *ticket)
{
	bool watched = ticket->job->watched;
	struct error err;

	job_leave(&ticket->job);
	if (!answer_known(scanner, ticket) &&
	    join_or_queue(scanner, ticket, &err) != ERROR_NONE)
		ticket->known.verdict = verdict_make(VERDICT_ERROR, err.text);
	if (ticket->job != NULL)
		ticket->job->watched |= watched;
	else
		ticket->known.source = ticket->source = SCAN_SOURCE_JOINED;
}

/* True once the ticket's job is done, or the answer is known.  Lock held. */
static bool
await_job(struct scanner *scanner, const struct ticket *ticket, int64_t until)
{
	const struct job *job = ticket->job;

	if (job == NULL)
		return true;
	while (job->state != JOB_DONE && !scanner->awake &&
	    cond_wait_until(&ticket->job->done, &scanner->lock, until))
		continue;
	return job->state == JOB_DONE;
}

bool
ticket_wait(struct ticket *ticket, int64_t until,
    struct scan_outcome *outcome_r)
{
	struct scanner *scanner = ticket->scanner;
	bool done;

	pthread_mutex_lock(&scanner->lock);
	while ((done = await_job(scanner, ticket, until)) &&
	    ticket->job != NULL && ticket->job->elsewhere)
		take_over(scanner, ticket);
	if (done)
		take_outcome(ticket, outcome_r);
	pthread_mutex_unlock(&scanner->lock);
	return done;
}

enum scan_source
ticket_source(const struct ticket *ticket)
{
	return ticket->source;
}

bool
ticket_lacks_engine(const struct ticket *ticket)
{
	struct scanner *scanner = ticket->scanner;
	bool lacks;

	pthread_mutex_lock(&scanner->lock);
	lacks = ticket->job != NULL && ticket->job->state == JOB_QUEUED &&
	    !scanner_has_engine(scanner);
	pthread_mutex_unlock(&scanner->lock);
	return lacks;
}

bool
ticket_is_hopeless(const struct ticket *ticket)
{
	return ticket->hopeless;
}

/* A verdict may have come since the reply was due: then the row has it. */
void
scanner_defer(struct scanner *scanner, const struct key *key,
    const struct row_try *try)
{
	struct job *job;

	pthread_mutex_lock(&scanner->lock);
	ledger_defer(scanner->ledger, key, try, scanner->generation,
	    monotime_now());
	job = job_find(&scanner->jobs, key);
	if (job != NULL)
		job->deferred = true;
	pthread_mutex_unlock(&scanner->lock);
}

bool
scanner_is_overloaded(struct scanner *scanner, const char *sender,
    int64_t patience)
{
	bool overloaded;

	pthread_mutex_lock(&scanner->lock);
	overloaded = is_hopeless(scanner, 1, false, patience) &&
	    !ledger_awaits_sender(scanner->ledger, sender);
	pthread_mutex_unlock(&scanner->lock);
	return overloaded;
}

bool
scanner_is_idle(struct scanner *scanner)
{
	bool idle;

	pthread_mutex_lock(&scanner->lock);
	idle = scanner->foreground + scanner->background_count == 0 &&
	    scanner->jobs.queue.count == 0;
	pthread_mutex_unlock(&scanner->lock);
	return idle;
}

bool
scanner_drain(struct scanner *scanner, int64_t until)
{
	bool ended;

	pthread_mutex_lock(&scanner->lock);
	scanner->draining = true;
	while (scanner->foreground + scanner->background_count > 0 &&
	    cond_wait_until(&scanner->idle, &scanner->lock, until))
		continue;
	ended = scanner->foreground + scanner->background_count == 0;
	pthread_mutex_unlock(&scanner->lock);
	return ended;
}

void
scanner_save(struct scanner *scanner, int64_t until)
{
	struct store *store;

	pthread_mutex_lock(&scanner->lock);
	store = scanner->store;
	scanner->store = NULL;
	ledger_attach(scanner->ledger, NULL);
	pthread_mutex_unlock(&scanner->lock);
	if (store != NULL)
		store_close(&store, until);
}

/* The heir is set before the store is given up, so that no change is lost in
 * between; a row that both have is the same. */
void
scanner_hand_over(struct scanner *scanner, const struct scanner_heir *heir,
    int64_t until)
{
	pthread_mutex_lock(&scanner->lock);
	scanner->heir = *heir;
	ledger_set_heir(scanner->ledger, heir->row, heir->context);
	elsewhere_tell_all(scanner);
	pthread_cond_broadcast(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	scanner_save(scanner, until);
}

void
scanner_inherit(struct scanner *scanner, const struct row *row)
{
	pthread_mutex_lock(&scanner->lock);
	ledger_inherit(scanner->ledger, row);
	pthread_mutex_unlock(&scanner->lock);
}

void
scanner_inherit_scans(struct scanner *scanner, const struct row_scans *scans)
{
	pthread_mutex_lock(&scanner->lock);
	elsewhere_take(scanner, scans);
	pthread_mutex_unlock(&scanner->lock);
}

void
scanner_inherit_end(struct scanner *scanner)
{
	pthread_mutex_lock(&scanner->lock);
	elsewhere_end_all(scanner);
	pthread_mutex_unlock(&scanner->lock);
}

void
ticket_close(struct ticket **ticket)
{
	if (*ticket == NULL)
		return;
	if ((*ticket)->job != NULL) {
		pthread_mutex_lock(&(*ticket)->scanner->lock);
		job_leave(&(*ticket)->job);
		pthread_mutex_unlock(&(*ticket)->scanner->lock);
	}
	release_content(*ticket);
	free(*ticket);
	*ticket = NULL;
}

void
ticket_withdraw(struct ticket **ticket)
{
	struct scanner *scanner;
	struct job *job;

	if (*ticket == NULL)
		return;
	scanner = (*ticket)->scanner;
	job = (*ticket)->job;
	pthread_mutex_lock(&scanner->lock);
	if (job != NULL && job->state == JOB_QUEUED && job->waiters == 1)
		scanner_fail_job(scanner, job, "shutting-down");
	pthread_mutex_unlock(&scanner->lock);
	ticket_close(ticket);
}

void
scanner_wake_all(struct scanner *scanner)
{
	struct job *job, *next;

	pthread_mutex_lock(&scanner->lock);
	scanner->awake = true;
	HASH_ITER (hh, scanner->jobs.by_key, job, next)
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
		snprintf(scanner->generation, sizeof scanner->generation, "%s",
		    engine_name(engine));
		engines_put(scanner->engines, &engine);
	}
	scanner->warm_after = 0;
	ready_lanes_drop_stale(scanner);
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
