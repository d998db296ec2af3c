/* generations - the engine processes, old and new
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/generations.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/process.h"
#include "base/seqpacket.h"
#include "config/change.h"
#include "config/config.h"
#include "engine/sigset.h"
#include "wire/wire.h"
#include "supervisor/child.h"

/* Files that change are left to settle for this long. */
#define SETTLE_TIME MONOTIME_S
/* Between the starts of engines that die young. */
#define PAUSE_FIRST MONOTIME_S
#define PAUSE_MAX (60 * MONOTIME_S)
/* An engine that lived this long did not die young. */
#define YOUNG (60 * MONOTIME_S)
/* For an engine that serves nobody any more to end. */
#define RETIRE_GRACE (10 * MONOTIME_S)
/* Loading takes seconds; what takes longer than this hangs. */
#define LOAD_MAX (900 * MONOTIME_S)

void
generations_init(struct generations *generations, const struct config *config,
    struct child_kit *kit)
{
	memset(generations, 0, sizeof *generations);
	generations->config = config_ref(config);
	generations->kit = kit;
	generations->filter = -1;
	for (int i = 0; i < GENERATIONS_MAX; i++)
		generations->place[i].sock = -1;
	generations->wanted = true;
	generations->check_at = monotime_after(config->engine_check_interval);
}

void
generations_fini(struct generations *generations)
{
	config_unref(&generations->config);
}

static struct generation *
find_state(struct generations *generations, enum generation_state state)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state == state)
			return &generations->place[i];
	return NULL;
}

/* The one place where a state changes. */
static void
set_state(struct generation *generation, enum generation_state state)
{
	generation->state = state;
	if (state != GENERATION_NONE)
		return;
	fd_close(&generation->sock);
	config_unref(&generation->config);
	memset(generation, 0, sizeof *generation);
	generation->sock = -1;
}

/* At once the first time, then with a growing pause. */
static void
start_later(struct generations *generations)
{
	generations->wanted = true;
	generations->start_at = monotime_after(generations->pause);
	generations->pause = generations->pause == 0 ? PAUSE_FIRST
						     : generations->pause * 2;
	if (generations->pause > PAUSE_MAX)
		generations->pause = PAUSE_MAX;
}

static void
start(struct generations *generations, struct generation *generation)
{
	struct sigset sigset;
	enum error_code code;
	struct error err;

	generations->wanted = false;
	if (sigset_read(&generations->config->engine_database, &sigset, &err) ==
	    ERROR_NONE)
		generations->tried = generations->seen = sigset.fingerprint;
	code = child_start_engine(generations->kit, &generation->pid,
	    &generation->sock, &err);
	if (code != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR, "starting an engine", &err);
		start_later(generations);
		return;
	}
	generation->started_at = monotime_now();
	generation->config = config_ref(generations->config);
	set_state(generation, GENERATION_LOADING);
}

/* Gives the filter its own connection to the engine. */
static enum error_code
hand_over(struct generations *generations, const struct generation *generation,
    struct error *err)
{
	struct wire_message adopt = wire_make(WIRE_ADOPT);
	struct wire_message engine = wire_make(WIRE_ENGINE);
	enum error_code code;
	int pair[2];

	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	wire_set_text(&engine, generation->name);
	code = wire_send(generation->sock, &adopt, pair[0], err);
	if (code == ERROR_NONE)
		code = wire_send(generations->filter, &engine, pair[1], err);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return code;
}

/* Puts what serves to the filter, if both are there. */
static void
offer(struct generations *generations)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);
	struct error err;

	if (serving == NULL || generations->filter < 0 || serving->offered)
		return;
	serving->offered = hand_over(generations, serving, &err) == ERROR_NONE;
	if (!serving->offered && !generations->offer_failed)
		log_error(LOG_LEVEL_ERROR,
		    "an engine can't be handed to the filter; this is tried "
		    "again every second",
		    &err);
	generations->offer_failed = !serving->offered;
}

/* Once a second, if it didn't work the first time. */
static bool
must_offer_again(struct generations *generations)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);

	return serving != NULL && generations->filter >= 0 && !serving->offered;
}

static void
must_end(struct generation *retiring)
{
	if (retiring->end_by == MONOTIME_NEVER)
		retiring->end_by = monotime_after(RETIRE_GRACE);
}

/* What retires was the last filter's. */
void
generations_set_filter(struct generations *generations, int filter)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);
	struct generation *retiring = find_state(generations,
	    GENERATION_RETIRING);

	generations->filter = filter;
	if (serving != NULL)
		serving->offered = false;
	if (retiring != NULL)
		must_end(retiring);
	offer(generations);
}

static void
retire(struct generation *generation)
{
	struct wire_message message = wire_make(WIRE_RETIRE);
	struct error err;

	set_state(generation, GENERATION_RETIRING);
	generation->end_by = MONOTIME_NEVER;
	if (!generation->offered)
		must_end(generation);
	if (wire_send(generation->sock, &message, -1, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING, "retiring an engine", &err);
}

/* Whoever has read that mail is deferred reads also that it is no more. */
static void
log_outage_end(struct generations *generations)
{
	int64_t took = outage_end(&generations->outage);

	if (took > 0)
		log_msg(LOG_LEVEL_NOTICE,
		    "mail is scanned again, after %.0f s without an engine",
		    (double)took / MONOTIME_S);
}

static void
became_ready(struct generations *generations, struct generation *generation,
    const struct wire_message *message)
{
	struct generation *old = find_state(generations, GENERATION_SERVING);

	memcpy(generation->name, message->text, sizeof generation->name);
	generation->sigset = message->id;
	log_msg(LOG_LEVEL_NOTICE,
	    "engine %s is ready: %llu signatures, "
	    "loaded in %.1f s",
	    generation->name, (unsigned long long)message->value,
	    (double)(monotime_now() - generation->started_at) / MONOTIME_S);
	log_outage_end(generations);
	config_replace(&generation->config, generations->config);
	/* The old one stays until the filter has let go of it. */
	if (old != NULL)
		retire(old);
	set_state(generation, GENERATION_SERVING);
	offer(generations);
}

static void
refused(struct generations *generations, struct generation *generation,
    const struct wire_message *message)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);

	generations->refused = true;
	generation->said_why = true;
	if (serving != NULL)
		log_msg(LOG_LEVEL_ERROR,
		    "the new signature set is not used: "
		    "%s; engine %s stays in service",
		    message->text, serving->name);
	else if (outage_goes_on(&generations->outage, message->text))
		log_msg(LOG_LEVEL_ERROR,
		    "no engine in service, mail is deferred: %s",
		    message->text);
}

/* It stands in every log line, and the filter knows its engines by it. */
static bool
names_itself(const struct wire_message *ready)
{
	return strlen(ready->text) == GENERATION_NAME_SIZE - 1 &&
	    strspn(ready->text, "0123456789abcdef") == GENERATION_NAME_SIZE - 1;
}

static void
hear(struct generations *generations, struct generation *generation)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(generation->sock,
	    WIRE_ACCEPT(WIRE_READY) | WIRE_ACCEPT(WIRE_FAILED), &message, NULL,
	    0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code == ERROR_NONE && generation->state == GENERATION_LOADING &&
	    message.type == WIRE_FAILED) {
		refused(generations, generation, &message);
	} else if (code == ERROR_NONE &&
	    generation->state == GENERATION_LOADING && names_itself(&message)) {
		became_ready(generations, generation, &message);
	} else {
		/* Dead, as SIGCHLD is about to tell, or out of its mind. */
		if (code != ERROR_GONE)
			kill(generation->pid, SIGKILL);
		fd_close(&generation->sock);
	}
}

int
generations_poll_set(const struct generations *generations, struct pollfd *fds)
{
	int count = 0;

	for (int i = 0; i < GENERATIONS_MAX; i++) {
		if (generations->place[i].sock < 0)
			continue;
		fds[count].fd = generations->place[i].sock;
		fds[count].events = POLLIN;
		fds[count++].revents = 0;
	}
	return count;
}

void
generations_handle(struct generations *generations, const struct pollfd *fds,
    int count)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		for (int k = 0; k < count; k++)
			if (fds[k].revents != 0 && fds[k].fd >= 0 &&
			    generations->place[i].sock == fds[k].fd)
				hear(generations, &generations->place[i]);
}

void
generations_reload(struct generations *generations, bool force)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);
	struct sigset sigset;
	struct error err;

	if (!force && !generations->wanted && serving != NULL &&
	    sigset_read(&generations->config->engine_database, &sigset, &err) ==
		ERROR_NONE &&
	    sigset.fingerprint == serving->sigset) {
		log_msg(LOG_LEVEL_NOTICE,
		    "reload: the signature set has not "
		    "changed, engine %s stays in service",
		    serving->name);
		return;
	}
	generations->wanted = true;
	generations->start_at = 0;
}

/* Looks whether the files have changed and come to rest.  With no engine in
 * service the same files are tried again, too: what was missing may have been
 * memory, not signatures. */
static void
look_at_files(struct generations *generations)
{
	bool serving = find_state(generations, GENERATION_SERVING) != NULL ||
	    find_state(generations, GENERATION_LOADING) != NULL;
	int64_t interval = generations->config->engine_check_interval;
	struct sigset sigset;
	struct error err;

	generations->check_at = monotime_after(interval);
	if (sigset_read(&generations->config->engine_database, &sigset, &err) !=
	    ERROR_NONE)
		return; /* the engine will say so, when it is started */
	if (sigset.fingerprint != generations->seen) {
		generations->seen = sigset.fingerprint;
		if (interval > SETTLE_TIME)
			generations->check_at = monotime_after(SETTLE_TIME);
		return;
	}
	if (!generations->wanted &&
	    (sigset.fingerprint != generations->tried || !serving)) {
		generations->wanted = true;
		generations->start_at = 0;
	}
}

static void
end_hung_load(struct generations *generations)
{
	struct generation *loading = find_state(generations,
	    GENERATION_LOADING);

	if (loading == NULL || monotime_now() < loading->started_at + LOAD_MAX)
		return;
	log_msg(LOG_LEVEL_ERROR, "an engine did not get ready in %d s",
	    (int)(LOAD_MAX / MONOTIME_S));
	loading->started_at = monotime_now();
	kill(loading->pid, SIGKILL);
}

static void
end_hung_retirement(struct generations *generations)
{
	struct generation *retiring = find_state(generations,
	    GENERATION_RETIRING);

	if (retiring == NULL || monotime_now() < retiring->end_by)
		return;
	log_msg(LOG_LEVEL_ERROR, "engine %s should have ended, and is killed",
	    retiring->name);
	retiring->end_by = MONOTIME_NEVER;
	kill(retiring->pid, SIGKILL);
}

/* The place for a new generation, if one is wanted and may load now: one
 * loads at a time. */
static struct generation *
place_to_start(struct generations *generations)
{
	if (!generations->wanted ||
	    find_state(generations, GENERATION_LOADING) != NULL)
		return NULL;
	return find_state(generations, GENERATION_NONE);
}

/* When something will be due next. */
static int64_t
next_due(struct generations *generations)
{
	struct generation *retiring = find_state(generations,
	    GENERATION_RETIRING);
	int64_t at = generations->check_at;

	if (place_to_start(generations) != NULL && generations->start_at < at)
		at = generations->start_at;
	if (retiring != NULL && retiring->end_by < at)
		at = retiring->end_by;
	if (must_offer_again(generations) && monotime_after(MONOTIME_S) < at)
		at = monotime_after(MONOTIME_S);
	return at;
}

int64_t
generations_run(struct generations *generations)
{
	struct generation *place;

	end_hung_load(generations);
	end_hung_retirement(generations);
	if (monotime_now() >= generations->check_at)
		look_at_files(generations);
	offer(generations);
	place = place_to_start(generations);
	if (place != NULL && monotime_now() >= generations->start_at)
		start(generations, place);
	return next_due(generations);
}

void
generations_lost(struct generations *generations, const char *name)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);

	if (serving != NULL && strcmp(serving->name, name) == 0)
		kill(serving->pid, SIGKILL);
}

void
generations_released(struct generations *generations, const char *name)
{
	struct generation *retiring = find_state(generations,
	    GENERATION_RETIRING);

	if (retiring != NULL && strcmp(retiring->name, name) == 0)
		must_end(retiring);
}

static bool
has_other_options(const struct generation *generation,
    const struct config *config)
{
	return (config_compare(generation->config, config, NULL, NULL) &
		   1u << CONFIG_BY_ENGINE) != 0;
}

void
generations_configure(struct generations *generations,
    const struct config *config)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);
	struct generation *loading = find_state(generations,
	    GENERATION_LOADING);

	config_replace(&generations->config, config);
	generations->refused = false;
	if (loading != NULL && has_other_options(loading, config)) {
		loading->outdated = true;
		fd_close(&loading->sock);
		kill(loading->pid, SIGKILL);
	}
	if (serving == NULL) {
		generations->wanted |= loading == NULL || loading->outdated;
		generations->start_at = 0;
		return;
	}
	if (!has_other_options(serving, config))
		config_replace(&serving->config, config);
	/* The files of another engine.database are no change of these. */
	generations->tried = generations->seen = serving->sigset;
}

const struct config *
generations_serving(const struct generations *generations)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state == GENERATION_SERVING)
			return generations->place[i].config;
	return NULL;
}

bool
generations_refused(const struct generations *generations)
{
	return generations->refused;
}

/* An end by itself is expected of one that was to end, or has said why. */
static void
log_end(const struct generation *generation, int status)
{
	const char *name = generation->name[0] != '\0' ? generation->name
						       : "that was loading";
	bool odd = WIFSIGNALED(status) ||
	    (WEXITSTATUS(status) != 0 && !generation->said_why);
	char how[64];

	if (generation->outdated)
		log_msg(LOG_LEVEL_INFO,
		    "an engine that was loading with a configuration that is "
		    "no longer wanted has been ended");
	else
		log_msg(odd ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "engine %s %s",
		    name, process_end_text(status, how, sizeof how));
}

bool
generations_reaped(struct generations *generations, pid_t pid, int status)
{
	struct generation *generation = NULL;
	bool young, refused_set;

	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state != GENERATION_NONE &&
		    generations->place[i].pid == pid)
			generation = &generations->place[i];
	if (generation == NULL)
		return false;
	/* Its last words may still be in the socket. */
	if (generation->sock >= 0)
		hear(generations, generation);
	if (generations->stopping) {
		set_state(generation, GENERATION_NONE);
		return true;
	}
	log_end(generation, status);
	young = monotime_now() - generation->started_at < YOUNG;
	/* The set itself was refused; anything else may pass. */
	refused_set = WIFEXITED(status) &&
	    (WEXITSTATUS(status) == EX_DATAERR ||
		WEXITSTATUS(status) == EX_NOINPUT);
	if (!young)
		generations->pause = 0;
	if (generation->state == GENERATION_SERVING ||
	    (generation->state == GENERATION_LOADING && !refused_set &&
		!generation->outdated))
		start_later(generations);
	set_state(generation, GENERATION_NONE);
	return true;
}

void
generations_stop(struct generations *generations, bool kill_now)
{
	generations->wanted = false;
	generations->stopping = true;
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		if (generations->place[i].state == GENERATION_NONE)
			continue;
		fd_close(&generations->place[i].sock);
		if (kill_now ||
		    generations->place[i].state == GENERATION_LOADING)
			kill(generations->place[i].pid, SIGKILL);
	}
}

bool
generations_any(const struct generations *generations)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state != GENERATION_NONE)
			return true;
	return false;
}
