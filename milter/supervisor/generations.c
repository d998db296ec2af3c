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
/* Before a start after the second failure in a row; it doubles, up to one of
 * these: while no engine is in service, and while one is. */
#define PAUSE_FIRST MONOTIME_S
#define PAUSE_MAX (60 * MONOTIME_S)
#define PAUSE_MAX_SERVING (3600 * MONOTIME_S)
/* An engine that has served for so long has proved itself. */
#define PROBATION (300 * MONOTIME_S)
/* For an engine that serves nobody any more to end. */
#define RETIRE_GRACE (10 * MONOTIME_S)
/* Loading takes seconds; what takes longer than this hangs. */
#define LOAD_MAX (900 * MONOTIME_S)

#define MIB (UINT64_C(1) << 20)

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

static struct generation *
find_serial(struct generations *generations, uint64_t serial)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state != GENERATION_NONE &&
		    generations->place[i].serial == serial)
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

/* An engine that has become ready after the last failure and has served for a
 * while is the end of the row. */
static void
forget_failures(struct generations *generations)
{
	const struct generation *serving = find_state(generations,
	    GENERATION_SERVING);

	if (serving != NULL && serving->ready_at >= generations->failed_at &&
	    monotime_now() >= serving->ready_at + PROBATION)
		generations->failures = 0;
}

static void
count_failure(struct generations *generations, bool bad_set)
{
	forget_failures(generations);
	generations->failures++;
	generations->failed_at = monotime_now();
	generations->bad_set = bad_set;
}

/* True if mail is scanned, be it by an engine from before a restart. */
static bool
has_service(struct generations *generations)
{
	return find_state(generations, GENERATION_SERVING) != NULL ||
	    (generations->former && !generations->needs_room);
}

/* The first failure costs no pause: a crash is made good at once. */
static int64_t
start_at(struct generations *generations)
{
	int64_t max = has_service(generations) ? PAUSE_MAX_SERVING : PAUSE_MAX;
	int64_t pause = PAUSE_FIRST;

	if (generations->failures < 2 || generations->at_once)
		return 0;
	for (unsigned i = 2; i < generations->failures && pause < max; i++)
		pause *= 2;
	return generations->failed_at + (pause < max ? pause : max);
}

static bool
is_wanted(struct generations *generations)
{
	return generations->asked ||
	    (find_state(generations, GENERATION_SERVING) == NULL &&
		find_state(generations, GENERATION_LOADING) == NULL);
}

static void
start(struct generations *generations, struct generation *generation,
    const struct sigset *sigset)
{
	enum error_code code;
	struct error err;

	generations->asked = generations->at_once = false;
	generations->tried = generations->seen = sigset->fingerprint;
	loadroom_begin(&generations->room);
	code = child_start_engine(generations->kit, &generation->pid,
	    &generation->sock, &err);
	if (code != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR, "an engine can't be started", &err);
		snprintf(generations->failure, sizeof generations->failure,
		    "%.*s", (int)sizeof generations->failure - 1, err.text);
		count_failure(generations, false);
		generations->asked = true;
		return;
	}
	log_msg(LOG_LEVEL_NOTICE, "an engine loads %u signature files, %.1f MB",
	    sigset->files, (double)sigset->bytes / (double)MIB);
	generation->serial = ++generations->serial;
	generation->bytes = sigset->bytes;
	generation->started_at = monotime_now();
	generation->end_by = monotime_after(LOAD_MAX);
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
	engine.id = generation->serial;
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
	enum error_code code;
	struct error err;

	set_state(generation, GENERATION_RETIRING);
	if (!generation->offered)
		must_end(generation);
	code = wire_send(generation->sock, &message, -1, &err);
	/* One that has ended in this moment is reaped next. */
	if (code != ERROR_NONE && code != ERROR_GONE)
		log_error(LOG_LEVEL_WARNING, "telling an engine to retire",
		    &err);
}

/* Has the engine in service end without a successor. */
static void
withdraw(struct generations *generations, struct generation *serving)
{
	struct wire_message message = wire_make(WIRE_WITHDRAW);
	struct error err;

	message.id = serving->serial;
	wire_set_text(&message, serving->name);
	if (serving->offered && generations->filter >= 0 &&
	    wire_send(generations->filter, &message, -1, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "telling the filter that an engine ends", &err);
	retire(serving);
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
	generation->built = message->flags;
	generation->ready_at = monotime_now();
	generation->end_by = MONOTIME_NEVER;
	loadroom_loaded(&generations->room,
	    message->status > 0 ? (uint64_t)message->status * MIB : 0,
	    generation->bytes);
	log_msg(LOG_LEVEL_NOTICE,
	    "engine %s is ready: %llu signatures, loaded in %.1f s, %d MB of "
	    "memory",
	    generation->name, (unsigned long long)message->value,
	    (double)(monotime_now() - generation->started_at) / MONOTIME_S,
	    (int)message->status);
	log_outage_end(generations);
	generations->failure[0] = '\0';
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
	memcpy(generations->failure, message->text,
	    sizeof generations->failure);
	if (has_service(generations))
		log_msg(LOG_LEVEL_ERROR,
		    "the new signature set is not used: %s; engine %s stays in "
		    "service",
		    message->text,
		    serving != NULL ? serving->name
				    : "from before the restart");
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

/* The engine that loads or has loaded these files, or NULL. */
static const struct generation *
find_set(struct generations *generations, const struct sigset *sigset)
{
	const struct generation *loading = find_state(generations,
	    GENERATION_LOADING);
	const struct generation *serving = find_state(generations,
	    GENERATION_SERVING);

	if (loading != NULL)
		return generations->tried == sigset->fingerprint &&
			!loading->outdated
		    ? loading
		    : NULL;
	return serving != NULL && serving->sigset == sigset->fingerprint
	    ? serving
	    : NULL;
}

void
generations_reload(struct generations *generations, bool force)
{
	const struct generation *same = NULL;
	struct sigset sigset;
	struct error err;

	if (!force && !generations->asked &&
	    sigset_read(&generations->config->engine_database, &sigset, &err) ==
		ERROR_NONE)
		same = find_set(generations, &sigset);
	if (same == NULL) {
		generations->asked = generations->at_once = true;
		return;
	}
	if (same->state == GENERATION_SERVING)
		log_msg(LOG_LEVEL_NOTICE,
		    "reload: the signature set has not changed, engine %s "
		    "stays in service",
		    same->name);
	else
		log_msg(LOG_LEVEL_NOTICE,
		    "reload: the signature set is being loaded already");
}

/* Looks whether the files have changed and come to rest.  New files are tried
 * without a pause if the old ones were no good; a pause after engines that died
 * goes on, since a new set needs as much memory. */
static void
look_at_files(struct generations *generations)
{
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
	if (sigset.fingerprint == generations->tried)
		return;
	generations->tried = sigset.fingerprint;
	generations->asked = true;
	generations->at_once |= generations->bad_set;
}

static void
end_hung(struct generation *generation)
{
	if (generation->state == GENERATION_NONE ||
	    monotime_now() < generation->end_by)
		return;
	if (generation->state == GENERATION_LOADING)
		log_msg(LOG_LEVEL_ERROR,
		    "an engine did not get ready in %d s, and is killed",
		    (int)(LOAD_MAX / MONOTIME_S));
	else
		log_msg(LOG_LEVEL_WARNING,
		    "engine %s should have ended, and is killed",
		    generation->name);
	generation->end_by = MONOTIME_NEVER;
	kill(generation->pid, SIGKILL);
}

/* Ends those that live, so that the next can be loaded. */
static void
make_room(struct generations *generations, const char *why)
{
	struct generation *serving = find_state(generations,
	    GENERATION_SERVING);
	struct generation *retiring;

	if (generations->former && !generations->needs_room)
		log_msg(LOG_LEVEL_NOTICE,
		    "the engine from before the restart ends before its "
		    "successor is loaded, and mail waits: %s",
		    why);
	generations->needs_room = generations->former;
	if (serving != NULL) {
		log_msg(LOG_LEVEL_NOTICE,
		    "engine %s ends before its successor is loaded, and mail "
		    "waits: %s",
		    serving->name, why);
		withdraw(generations, serving);
	}
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		retiring = &generations->place[i];
		if (retiring->state == GENERATION_RETIRING)
			must_end(retiring);
	}
}

/* Starts another engine if one is wanted and nothing speaks against it; ends
 * others if they are in its way. */
static void
try_start(struct generations *generations)
{
	struct generation *place = find_state(generations, GENERATION_NONE);
	struct sigset sigset = { .files = 0 };
	struct error err;
	char why[128];

	if (generations->stopping || !is_wanted(generations) || place == NULL ||
	    find_state(generations, GENERATION_LOADING) != NULL ||
	    monotime_now() < start_at(generations))
		return;
	/* What can't be read, or isn't there, takes no memory: the engine says
	 * so, and the one in service stays. */
	if (sigset_read(&generations->config->engine_database, &sigset, &err) !=
	    ERROR_NONE)
		sigset.files = 0;
	if ((generations_any(generations) || generations->former) &&
	    sigset.files > 0 &&
	    !loadroom_fits(&generations->room,
		(enum engine_reload)generations->config->engine_reload,
		sigset.bytes, why, sizeof why))
		make_room(generations, why);
	else
		start(generations, place, &sigset);
}

/* When the next start is due.  One that is due already and has not come about
 * is tried again each second: it waits for memory, or could not be made. */
static int64_t
next_start(struct generations *generations)
{
	int64_t at = start_at(generations);

	if (!is_wanted(generations) ||
	    find_state(generations, GENERATION_LOADING) != NULL ||
	    find_state(generations, GENERATION_NONE) == NULL)
		return MONOTIME_NEVER;
	return at > monotime_now() ? at : monotime_after(PAUSE_FIRST);
}

/* When something will be due next. */
static int64_t
next_due(struct generations *generations)
{
	int64_t at = generations->check_at;

	if (next_start(generations) < at)
		at = next_start(generations);
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state != GENERATION_NONE &&
		    generations->place[i].end_by < at)
			at = generations->place[i].end_by;
	if (must_offer_again(generations) && monotime_after(MONOTIME_S) < at)
		at = monotime_after(MONOTIME_S);
	return at;
}

int64_t
generations_run(struct generations *generations)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		end_hung(&generations->place[i]);
	if (monotime_now() >= generations->check_at)
		look_at_files(generations);
	offer(generations);
	try_start(generations);
	return next_due(generations);
}

void
generations_set_former(struct generations *generations, bool lives)
{
	generations->former = lives;
	generations->needs_room &= lives;
}

bool
generations_need_room(const struct generations *generations)
{
	return generations->needs_room;
}

const char *
generations_failure(const struct generations *generations)
{
	return generations->failure[0] != '\0' ? generations->failure : NULL;
}

void
generations_lost(struct generations *generations, uint64_t serial)
{
	const struct generation *lost = find_serial(generations, serial);

	if (lost != NULL &&
	    (lost->state == GENERATION_SERVING ||
		lost->state == GENERATION_RETIRING))
		kill(lost->pid, SIGKILL);
}

void
generations_released(struct generations *generations, uint64_t serial)
{
	struct generation *released = find_serial(generations, serial);

	if (released != NULL && released->state == GENERATION_RETIRING)
		must_end(released);
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
		generations->at_once = true;
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

/* The signature files are no good, so that others have to come first. */
static bool
says_bad_set(int status)
{
	return WIFEXITED(status) &&
	    (WEXITSTATUS(status) == EX_DATAERR ||
		WEXITSTATUS(status) == EX_NOINPUT);
}

/* Whether it was killed, and not alone. */
static bool
was_killed_beside(struct generations *generations, int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    (find_state(generations, GENERATION_NONE) == NULL ||
		generations->former);
}

/* It died before it was told to.  What it was to load is asked for again,
 * unless the files are no good. */
static void
failed(struct generations *generations, const struct generation *generation,
    int status)
{
	bool bad_set = generation->state == GENERATION_LOADING &&
	    says_bad_set(status);

	if (was_killed_beside(generations, status))
		loadroom_killed(&generations->room);
	if (!generation->said_why)
		process_end_text(status, generations->failure,
		    sizeof generations->failure);
	count_failure(generations, bad_set);
	if (generation->state == GENERATION_LOADING && !bad_set)
		generations->asked = true;
}

bool
generations_reaped(struct generations *generations, pid_t pid, int status)
{
	struct generation *generation = NULL;

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
	if (generation->state != GENERATION_RETIRING && !generation->outdated)
		failed(generations, generation, status);
	set_state(generation, GENERATION_NONE);
	return true;
}

void
generations_stop(struct generations *generations, bool kill_now)
{
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
