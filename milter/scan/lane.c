/* lane - drives one worker process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/lane.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "base/text.h"
#include "config/config.h"
#include "lane_attachments.h"
#include "wire/wire.h"
#include "worker_end.h"

/* A fork and the scan of the canary take no longer on a healthy machine. */
#define WARM_TIME (10 * MONOTIME_S)
/* How long the engine may take from SIGKILL to its report. */
#define REAP_TIME (5 * MONOTIME_S)

struct lane {
	struct engines *engines;
	struct engine *engine;
	const struct config *config;
	int slot;             /* -1: nobody has said how its worker ended */
	int worker;           /* -1: none that can be given a message */
	bool alive;           /* spawned, and not yet reported as ended */
	uint64_t job;         /* number of the last one sent */
	unsigned worker_jobs; /* of the worker that is there now */
	bool worker_niced;    /* it can't come back up */
	int64_t worker_born;
	struct lane_attachments parts;
};

/* One scan under way. */
struct run {
	struct lane *lane;
	struct lane_result *result;
	lane_slow_function *slow;
	void *context;
	int cancel;
	int64_t started;
	int64_t slow_at;
	int64_t wall_at;
};

enum error_code
lane_open(struct engines *engines, struct engine *engine,
    const struct config *config, struct lane **lane_r, struct error *err)
{
	struct lane *lane = calloc(1, sizeof *lane);
	enum error_code code;

	if (lane == NULL)
		abort();
	lane->engines = engines;
	lane->engine = engine;
	lane->config = config_ref(config);
	lane->worker = -1;
	lane_attachments_init(&lane->parts, config);
	code = engine_open_slot(engine, &lane->slot, err);
	if (code == ERROR_GONE)
		engines_lost(engines, engine);
	if (code != ERROR_NONE)
		lane_close(&lane);
	*lane_r = lane;
	return code;
}

void
lane_configure(struct lane *lane, const struct config *config)
{
	config_replace(&lane->config, config);
	lane->parts.config = config;
}

void
lane_share_attachments(struct lane *lane, struct attachment_table *set)
{
	lane_attachments_share(&lane->parts, set);
}

void
lane_close(struct lane **lane)
{
	fd_close(&(*lane)->worker);
	fd_close(&(*lane)->slot);
	engines_put((*lane)->engines, &(*lane)->engine);
	config_unref(&(*lane)->config);
	free(*lane);
	*lane = NULL;
}

struct engine *
lane_engine(const struct lane *lane)
{
	return lane->engine;
}

/* An engine that is dead, or whose answers make no sense, serves nobody. */
static void
check_engine(struct lane *lane, enum error_code code)
{
	if (code == ERROR_GONE || code == ERROR_PEER)
		engines_lost(lane->engines, lane->engine);
}

/* Receives the report of the worker's end, killing it if it is not there in
 * time; where no worker was alive, the report is empty.  False if there is none
 * to be had: the lane is of no more use, since a worker that hangs in the
 * kernel may end at any time, or not at all. */
static bool
reap(struct lane *lane, int64_t patience, struct wire_message *ended)
{
	struct wire_message kill_message = wire_make(WIRE_KILL);
	enum error_code code;
	struct error err;

	*ended = wire_make(WIRE_ENDED);
	fd_close(&lane->worker);
	if (!lane->alive)
		return lane->slot >= 0;
	code = wire_recv(lane->slot, WIRE_ACCEPT(WIRE_ENDED), ended, NULL,
	    monotime_after(patience), &err);
	if (code == ERROR_TIMEOUT &&
	    wire_send(lane->slot, &kill_message, -1, &err) == ERROR_NONE)
		code = wire_recv(lane->slot, WIRE_ACCEPT(WIRE_ENDED), ended,
		    NULL, monotime_after(REAP_TIME), &err);
	lane->alive = false;
	check_engine(lane, code);
	if (code != ERROR_NONE)
		fd_close(&lane->slot);
	return code == ERROR_NONE;
}

/* True if neither the worker nor the engine has said anything since. */
bool
lane_is_ready(const struct lane *lane)
{
	struct pollfd fds[2] = {
		{ .fd = lane->worker, .events = POLLIN },
		{ .fd = lane->slot, .events = POLLIN },
	};

	return lane->worker >= 0 && poll(fds, 2, 0) == 0;
}

static enum error_code
spawn(struct lane *lane, struct error *err)
{
	struct wire_message message = wire_make(WIRE_SPAWN);
	enum error_code code;

	code = wire_send(lane->slot, &message, -1, err);
	if (code == ERROR_NONE)
		code = wire_recv(lane->slot,
		    WIRE_ACCEPT(WIRE_SPAWNED) | WIRE_ACCEPT(WIRE_FAILED),
		    &message, &lane->worker, monotime_after(WARM_TIME), err);
	if (lane->worker >= 0 && !seqpacket_is_end(lane->worker)) {
		fd_close(&lane->worker);
		code = error_set(err, ERROR_PEER, "a worker without a socket");
	}
	/* The engine's loop does nothing that takes long, so an engine that is
	 * silent counts as dead. */
	if (code == ERROR_TIMEOUT)
		engines_lost(lane->engines, lane->engine);
	check_engine(lane, code);
	if (code != ERROR_NONE)
		return code;
	if (message.type == WIRE_FAILED)
		return error_set(err, ERROR_ENGINE, "the engine: %s",
		    message.text);
	lane->alive = true;
	lane->worker_jobs = 0;
	lane->worker_niced = false;
	lane->worker_born = monotime_now();
	lane_attachments_spawned(&lane->parts);
	return ERROR_NONE;
}

/* Reaps a worker between two mails.  A worker that retires exits with 0; what
 * any other worker has vouched for is worth nothing. */
static bool
bury(struct lane *lane)
{
	struct wire_message ended;

	if (!reap(lane, REAP_TIME, &ended))
		return false;
	if (ended.status != 0)
		lane_attachments_revoke(&lane->parts);
	return true;
}

enum error_code
lane_warm(struct lane *lane, struct error *err)
{
	struct wire_message message, hello;
	enum error_code code;

	if (lane_is_ready(lane))
		return ERROR_NONE;
	if (!bury(lane))
		return error_set(err, ERROR_GONE, "the engine does not answer");
	code = spawn(lane, err);
	if (code != ERROR_NONE)
		return code;
	code = wire_recv(lane->worker,
	    WIRE_ACCEPT(WIRE_HELLO) | WIRE_ACCEPT(WIRE_FAILED), &hello, NULL,
	    monotime_after(WARM_TIME), err);
	if (code == ERROR_NONE && hello.type == WIRE_HELLO)
		return ERROR_NONE;
	if (!reap(lane, code == ERROR_GONE ? REAP_TIME : 0, &message))
		return error_set(err, ERROR_GONE, "the engine does not answer");
	if (code == ERROR_NONE)
		return error_set(err, ERROR_ENGINE,
		    "a worker did not get ready: %s", hello.text);
	return error_set(err, ERROR_ENGINE,
	    "a worker ended before its first mail, wait status 0x%x%s",
	    (unsigned)message.status,
	    WIFEXITED(message.status) &&
		    WEXITSTATUS(message.status) == WIRE_EXIT_CANARY
		? ": it missed the canary"
		: "");
}

static void
fail(struct run *run, const char *why)
{
	run->result->verdict = verdict_make(VERDICT_ERROR, why);
	snprintf(run->result->ended, sizeof run->result->ended, "%s", why);
}

/* The worker has gone by itself, or with its engine. */
static void
settle_death(struct run *run)
{
	struct wire_message ended;

	lane_attachments_revoke(&run->lane->parts);
	if (reap(run->lane, REAP_TIME, &ended))
		worker_end_judge(&ended, run->result);
	else
		fail(run, "engine-died");
}

static void
end_scan(struct run *run, const char *why)
{
	struct wire_message ended;

	fail(run, why);
	if (reap(run->lane, 0, &ended))
		run->result->cpu_time = (int64_t)ended.value;
}

/* What a worker may claim, and with which name. */
static bool
result_is_sound(const struct lane *lane, const struct wire_message *message)
{
	switch (message->status) {
	case VERDICT_CLEAN:
		return message->id == lane->job && message->text[0] == '\0';
	case VERDICT_ERROR:
	case VERDICT_INFECTED:
	case VERDICT_ENCRYPTED:
	case VERDICT_MACRO:
	case VERDICT_PHISHING:
	case VERDICT_PUA:
	case VERDICT_INCOMPLETE:
		return message->id == lane->job &&
		    text_is_signature_name(message->text);
	default:
		return false;
	}
}

static bool
has_served(struct lane *lane)
{
	return ++lane->worker_jobs >= WIRE_WORKER_JOBS || lane->worker_niced ||
	    monotime_now() - lane->worker_born >= WIRE_WORKER_AGE;
}

static void
end_nonsense(struct run *run)
{
	lane_attachments_revoke(&run->lane->parts);
	end_scan(run, "worker-talked-nonsense");
}

static void
accept_result(struct run *run, const struct wire_message *message)
{
	struct lane *lane = run->lane;

	run->result->verdict = verdict_make((enum verdict_kind)message->status,
	    message->text);
	run->result->cpu_time = (int64_t)message->value;
	lane_attachments_end(&lane->parts,
	    message->status == VERDICT_CLEAN &&
		(message->flags & WIRE_WHOLE) != 0);
	/* reap() kills a worker that should retire and stays. */
	if ((message->flags & WIRE_RETIRING) != 0 || has_served(lane))
		fd_close(&lane->worker);
}

/* The worker has something to say.  True when the scan has ended one way or
 * the other. */
static bool
hear_worker(struct run *run)
{
	struct lane *lane = run->lane;
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(lane->worker,
	    WIRE_ACCEPT(WIRE_RESULT) | WIRE_ACCEPT(WIRE_ATTACHMENT), &message,
	    NULL, 0, &err);
	if (code == ERROR_TIMEOUT)
		return false;
	if (code == ERROR_GONE)
		settle_death(run);
	else if (code == ERROR_NONE && message.type == WIRE_ATTACHMENT &&
	    message.id == lane->job &&
	    lane_attachments_take(&lane->parts, &message, lane->worker))
		return false;
	else if (code == ERROR_NONE && message.type == WIRE_RESULT &&
	    result_is_sound(lane, &message))
		accept_result(run, &message);
	else
		end_nonsense(run);
	return true;
}

static void
nice_down(struct lane *lane)
{
	struct wire_message message = wire_make(WIRE_NICE);
	struct error err;

	lane->worker_niced = true;
	/* Whether this arrives hardly matters: if the engine has died, the next
	 * round shows it. */
	if (wire_send(lane->slot, &message, -1, &err) != ERROR_NONE)
		return;
}

/* Past slow_after the scan asks, again and again, to leave its lane.  True if
 * it was ended. */
static bool
ask_slow(struct run *run)
{
	switch (run->slow(run->context)) {
	case LANE_BACKGROUND:
		run->slow_at = MONOTIME_NEVER;
		nice_down(run->lane);
		return false;
	case LANE_END:
		end_scan(run, "put-off");
		run->result->put_off = true;
		return true;
	case LANE_STAY:
		break;
	}
	run->slow_at = monotime_after(
	    run->lane->config->deadline_slow_after / LANE_ASK);
	return false;
}

/* When the next round of waiting has to end at the latest. */
static int64_t
next_step(const struct run *run)
{
	int64_t next = run->slow_at < run->wall_at ? run->slow_at
						   : run->wall_at;
	int64_t again_at = run->lane->parts.again_at;

	return again_at < next ? again_at : next;
}

/* One round of waiting; true when the scan has ended. */
static bool
wait_round(struct run *run)
{
	struct lane *lane = run->lane;
	struct pollfd fds[3] = {
		{ .fd = lane->worker, .events = POLLIN },
		{ .fd = lane->slot, .events = POLLIN },
		{ .fd = run->cancel, .events = POLLIN },
	};

	if (poll(fds, 3, monotime_poll_ms(next_step(run))) < 0 &&
	    errno != EINTR) {
		end_scan(run, "poll-failed");
		return true;
	}
	/* The worker is asked first: it may have answered and then ended. */
	if (fds[0].revents != 0 || fds[1].revents != 0) {
		if (hear_worker(run))
			return true;
		if (fds[1].revents != 0) {
			settle_death(run);
			return true;
		}
	}
	if (fds[2].revents != 0) {
		end_scan(run, "given-up");
		return true;
	}
	if (monotime_now() >= run->wall_at) {
		end_scan(run, "scan-wall");
		return true;
	}
	if (monotime_now() >= lane->parts.again_at)
		lane_attachments_again(&lane->parts, lane->job, lane->worker);
	return run->slow != NULL && monotime_now() >= run->slow_at &&
	    ask_slow(run);
}

/* Bounds the CPU time that a worker or its engine claims by the time that has
 * passed, since it decides what other mail is expected to take. */
static int64_t
bounded(int64_t cpu_time, int64_t scan_time)
{
	if (cpu_time < 0 || cpu_time > scan_time)
		return scan_time;
	return cpu_time;
}

void
lane_scan(struct lane *lane, int fd, uint64_t size, int cancel,
    lane_slow_function *slow, void *context, struct lane_result *result_r)
{
	struct wire_message message = wire_make(WIRE_JOB);
	struct run run = {
		.lane = lane,
		.result = result_r,
		.slow = slow,
		.context = context,
		.cancel = cancel,
		.started = monotime_now(),
		.slow_at = monotime_after(
		    lane->config->deadline_slow_after / LANE_ASK),
		.wall_at = monotime_after(lane->config->deadline_scan_wall),
	};
	struct error err;

	memset(result_r, 0, sizeof *result_r);
	if (slow == NULL) {
		run.slow_at = MONOTIME_NEVER;
		nice_down(lane);
	}
	message.id = ++lane->job;
	message.value = size;
	message.flags = lane_attachments_begin(&lane->parts);
	if (wire_send(lane->worker, &message, fd, &err) != ERROR_NONE)
		settle_death(&run);
	else
		while (!wait_round(&run))
			continue;
	lane_attachments_end(&lane->parts, false);
	result_r->known = lane->parts.known;
	result_r->scan_time = monotime_now() - run.started;
	result_r->cpu_time = bounded(result_r->cpu_time, result_r->scan_time);
}
