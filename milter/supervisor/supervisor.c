/* supervisor - owns the process tree and the signals; sees no mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/monotime.h"
#include "base/process.h"
#include "config/config.h"
#include "wire/wire.h"
#include "supervisor/child.h"
#include "supervisor/filter_process.h"
#include "supervisor/former.h"
#include "supervisor/generations.h"
#include "supervisor/listener.h"
#include "supervisor/lockfile.h"
#include "supervisor/reload.h"
#include "supervisor/restart.h"
#include "supervisor/service_manager.h"
#include "supervisor/takeover.h"

/* Beyond drain_timeout: libmilter takes up to 5 s to end. */
#define DRAIN_GRACE (6 * MONOTIME_S)
/* For engines to end by themselves once their sockets are closed. */
#define STOP_GRACE (2 * MONOTIME_S)
/* For a filter to get ready, once it may be started. */
#define FILTER_START_MAX (60 * MONOTIME_S)
/* Between two looks whether the milter socket is still there. */
#define SOCKET_INTERVAL (2 * MONOTIME_S)

/* The poll set: these, then one for each engine. */
enum { POLL_SIGNALS, POLL_FILTER, POLL_FORMER, POLL_ENGINES };

enum phase { PHASE_SERVE, PHASE_DRAIN, PHASE_STOP };

struct supervisor {
	const struct supervisor_plan *plan;
	struct child_kit *kit;
	struct generations generations;
	struct reload reload;
	struct former former;
	struct filter_process filter;
	struct restart restart;
	enum phase phase;
	int64_t phase_ends; /* then what is left is killed */
	int64_t socket_check_at;
	bool socket_lost; /* and could not be opened again */
	bool was_ready;   /* plan->ready was called */
	bool hopeless;    /* the first filter could not start */
	char why[300];    /* the last filter has ended */
	int signals;
};

/* Who connects waits for the next filter, if there is to be one. */
static uint32_t
drain_flags(const struct supervisor *sup)
{
	return sup->kit->listener->handed_over ? 0 : WIRE_LAST;
}

static void
stop_all(struct supervisor *sup)
{
	generations_stop(&sup->generations, false);
	filter_process_kill(&sup->filter);
	former_kill(&sup->former);
}

static bool
has_filters(const struct supervisor *sup)
{
	return sup->filter.pid > 0 || sup->former.filter > 0;
}

/* The one place where a phase begins. */
static void
enter(struct supervisor *sup, enum phase phase)
{
	sup->phase = phase;
	if (phase == PHASE_DRAIN) {
		sup->phase_ends = monotime_after(
		    sup->reload.config->drain_timeout + DRAIN_GRACE);
		service_manager_stop(sup->plan->manager,
		    sup->reload.config->drain_timeout + DRAIN_GRACE +
			2 * STOP_GRACE);
		filter_process_drain(&sup->filter, drain_flags(sup));
		former_drain(&sup->former, drain_flags(sup));
		if (!has_filters(sup))
			enter(sup, PHASE_STOP);
	} else if (phase == PHASE_STOP) {
		sup->phase_ends = monotime_after(STOP_GRACE);
		stop_all(sup);
	}
}

/* The filter that serves listens. */
static void
look_at_filter(struct supervisor *sup)
{
	if (!sup->filter.was_listening)
		return;
	if (!sup->was_ready)
		sup->plan->ready(sup->plan->context);
	sup->was_ready = true;
}

/* In the new program.  If its engine can't be loaded the restart has failed,
 * but what was there before goes on to serve until one can. */
static void
look_whether_restarted(struct supervisor *sup)
{
	const char *failure = generations_failure(&sup->generations);
	bool listens = sup->filter.was_listening;
	char why[300];

	if (sup->restart.state != RESTART_ENTERED)
		return;
	snprintf(why, sizeof why, "%s: %s",
	    listens ? "mail waits, since the new engine can't be loaded"
		    : "the new engine can't be loaded, and the old one serves",
	    failure != NULL ? failure : "");
	if (failure != NULL)
		restart_end(&sup->restart, why);
	else if (listens && generations_serving(&sup->generations) != NULL)
		restart_end(&sup->restart, NULL);
}

/* Why the filter has ended: its own words, or else the kernel's. */
static void
explain_end(struct supervisor *sup, int status)
{
	if (sup->filter.failure[0] != '\0')
		snprintf(sup->why, sizeof sup->why, "%s", sup->filter.failure);
	else
		process_end_text(status, sup->why, sizeof sup->why);
}

static void
filter_ended(struct supervisor *sup, int status)
{
	filter_process_ended(&sup->filter);
	if (sup->phase != PHASE_SERVE)
		return;
	explain_end(sup, status);
	if (!sup->was_ready && sup->plan->takeover == NULL) {
		sup->hopeless = true;
		enter(sup, PHASE_STOP);
		return;
	}
	log_msg(LOG_LEVEL_ERROR, "the filter ended and is started again: %s",
	    sup->why);
	if (sup->restart.state == RESTART_ENTERED)
		restart_end(&sup->restart,
		    "the new filter can't start; the log says why");
}

static void
reap(struct supervisor *sup)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == sup->filter.pid)
			filter_ended(sup, status);
		else if (!former_reaped(&sup->former, pid, status) &&
		    !restart_reaped(&sup->restart, pid, status))
			generations_reaped(&sup->generations, pid, status);
	}
	if (sup->kit->log != NULL)
		log_writer_check(sup->kit->log);
	if (sup->phase == PHASE_DRAIN && !has_filters(sup))
		enter(sup, PHASE_STOP);
}

static void
handle_signal(struct supervisor *sup, int signo)
{
	switch (signo) {
	case SIGHUP:
		log_msg(LOG_LEVEL_NOTICE, "SIGHUP: reload");
		service_manager_reload(sup->plan->manager);
		reload_read(&sup->reload, filter_process_hearing(&sup->filter));
		generations_reload(&sup->generations, false);
		break;
	case SIGUSR2:
		log_msg(LOG_LEVEL_NOTICE, "SIGUSR2: restart");
		restart_want(&sup->restart);
		break;
	case SIGCHLD:
		reap(sup);
		break;
	case SIGTERM:
	case SIGINT:
		log_msg(LOG_LEVEL_NOTICE, "SIG%s: ending",
		    signo == SIGTERM ? "TERM" : "INT");
		enter(sup,
		    sup->phase == PHASE_SERVE ? PHASE_DRAIN : PHASE_STOP);
		break;
	default:
		break;
	}
}

static void
read_signals(struct supervisor *sup)
{
	struct signalfd_siginfo info;

	while (read(sup->signals, &info, sizeof info) == sizeof info)
		handle_signal(sup, (int)info.ssi_signo);
}

/* Somebody may have removed the socket, or its directory, or mounted something
 * over it; or installed Postfix. */
static void
look_at_socket(struct supervisor *sup)
{
	struct error err;

	if (monotime_now() < sup->socket_check_at)
		return;
	sup->socket_check_at = monotime_after(SOCKET_INTERVAL);
	if (listener_stands(sup->kit->listener)) {
		listener_regroup(sup->kit->listener);
		return;
	}
	if (listener_renew(sup->kit->listener, &err) == ERROR_NONE) {
		log_msg(LOG_LEVEL_WARNING,
		    "the milter socket %s had been removed, and is opened "
		    "again",
		    sup->reload.config->socket);
		sup->socket_lost = false;
		filter_process_pass_socket(&sup->filter);
		return;
	}
	if (!sup->socket_lost)
		log_error(LOG_LEVEL_ERROR,
		    "the milter socket has been removed, and can't be opened "
		    "again yet",
		    &err);
	sup->socket_lost = true;
}

/* The engines that serve, or still have work, go on; one that loads would have
 * nobody to serve. */
static void
leave_engines(const struct generations *generations, struct former *former)
{
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		const struct generation *place = &generations->place[i];

		if (place->state == GENERATION_LOADING)
			kill(place->pid, SIGKILL);
		if (place->state == GENERATION_NONE ||
		    place->state == GENERATION_LOADING)
			continue;
		former->engines[i].pid = place->pid;
		former->engines[i].sock = place->sock;
		former->engines[i].serial = place->serial;
		memcpy(former->engines[i].name, place->name,
		    sizeof former->engines[i].name);
	}
}

/* No filter of this program has taken over from the one before. */
static bool
nothing_is_new(const struct supervisor *sup)
{
	return sup->filter.pid == 0 && sup->former.state == FORMER_ACCEPTING;
}

static void
kill_engines(const struct generations *generations)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state != GENERATION_NONE)
			kill(generations->place[i].pid, SIGKILL);
}

/* What the next program finds. */
static void
leave_former(struct supervisor *sup, struct former *former)
{
	former_init(former);
	if (nothing_is_new(sup)) {
		kill_engines(&sup->generations);
		*former = sup->former;
		return;
	}
	former->log = sup->kit->log->own;
	former->filter = sup->filter.pid;
	former->sock = sup->filter.sock;
	leave_engines(&sup->generations, former);
}

/* Replaces the program, and returns only where that fails. */
static void
replace_program(struct supervisor *sup)
{
	struct takeover takeover = {
		.lock = sup->plan->lock,
		.restarts = sup->restart.count,
		.in_background = sup->kit->in_background,
		.room = sup->generations.room,
		.listener = *sup->kit->listener,
	};
	struct error err;

	leave_former(sup, &takeover.former);
	snprintf(takeover.socket, sizeof takeover.socket, "%s",
	    sup->kit->listener->name);
	service_manager_leave(sup->plan->manager);
	takeover_run(&takeover, sup->plan->program.path,
	    sup->plan->program.arguments, &err);
	service_manager_stay(sup->plan->manager);
	restart_end(&sup->restart, err.text);
}

static void
look_at_restart(struct supervisor *sup)
{
	restart_run(&sup->restart,
	    nothing_is_new(sup) ||
		(sup->filter.stage == FILTER_LISTENING &&
		    sup->filter.sock >= 0 && !former_any(&sup->former)));
	if (sup->restart.state == RESTART_READY)
		replace_program(sup);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* No configuration or signatures are on their way into force. */
static bool
is_settled(const struct supervisor *sup)
{
	bool loading = sup->generations.asked;

	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (sup->generations.place[i].state == GENERATION_LOADING)
			loading = true;
	return !loading && sup->reload.next == NULL &&
	    sup->restart.state == RESTART_NONE;
}

/* Tells the service manager what has changed; returns when to do so again. */
static int64_t
tell_manager(struct supervisor *sup)
{
	const struct filter_process *filter = &sup->filter;
	bool listens = filter->pid > 0 && filter->stage == FILTER_LISTENING;
	const struct service_facts facts = {
		.generations = &sup->generations,
		.filter = filter->pid,
		.socket = listens ? filter->sock : -1,
		.former = former_serves(&sup->former),
		.settled = is_settled(sup),
		.in_time = former_serves(&sup->former) ||
		    monotime_now() - filter->started_at < FILTER_START_MAX,
	};

	if (filter->reported)
		service_manager_heard(sup->plan->manager, filter->waiting,
		    filter->overdue);
	sup->filter.reported = false;
	return service_manager_run(sup->plan->manager, &facts);
}

/* In PHASE_DRAIN and PHASE_STOP. */
static int64_t
run_end(struct supervisor *sup)
{
	if (monotime_now() < sup->phase_ends)
		return sup->phase_ends;
	if (sup->phase == PHASE_DRAIN) {
		log_msg(LOG_LEVEL_WARNING, "the filter did not end in time");
		enter(sup, PHASE_STOP);
	} else {
		generations_stop(&sup->generations, true);
		sup->phase_ends = MONOTIME_NEVER;
	}
	return sup->phase_ends;
}

/* What is due by the clock; returns when to look again. */
static int64_t
run_due(struct supervisor *sup)
{
	int64_t until;

	if (sup->phase != PHASE_SERVE)
		return run_end(sup);
	look_whether_restarted(sup);
	look_at_restart(sup);
	look_at_socket(sup);
	generations_set_former(&sup->generations,
	    former_has_engines(&sup->former));
	until = earlier(sup->socket_check_at,
	    generations_run(&sup->generations));
	if (generations_need_room(&sup->generations))
		former_make_room(&sup->former);
	until = earlier(until, former_run(&sup->former));
	return earlier(until, filter_process_run(&sup->filter));
}

static void
one_round(struct supervisor *sup)
{
	struct pollfd fds[POLL_ENGINES + GENERATIONS_MAX];
	int64_t until = run_due(sup);
	int count;

	until = earlier(until, tell_manager(sup));
	fds[POLL_SIGNALS] = (struct pollfd){ .fd = sup->signals,
		.events = POLLIN };
	fds[POLL_FILTER] = (struct pollfd){ .fd = sup->filter.sock,
		.events = POLLIN };
	fds[POLL_FORMER] = (struct pollfd){ .fd = sup->former.sock,
		.events = POLLIN };
	count = generations_poll_set(&sup->generations, fds + POLL_ENGINES);
	if (poll(fds, POLL_ENGINES + (nfds_t)count, monotime_poll_ms(until)) <
	    0)
		return;
	if (fds[POLL_FORMER].revents != 0)
		former_hear(&sup->former);
	if (fds[POLL_FILTER].revents != 0)
		filter_process_hear(&sup->filter);
	generations_handle(&sup->generations, fds + POLL_ENGINES, count);
	look_at_filter(sup);
	if (fds[POLL_SIGNALS].revents != 0)
		read_signals(sup);
	reload_settle(&sup->reload, filter_process_hearing(&sup->filter));
}

static enum error_code
open_signals(struct supervisor *sup, struct error *err)
{
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGUSR2);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGCHLD);
	sup->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->signals < 0)
		return error_sys(err, errno, "signalfd");
	return ERROR_NONE;
}

/* Counts on where the program before this one, or the instance before it, left
 * off: who waits for a restart waits for another number. */
static unsigned
restarts_before(const struct supervisor_plan *plan)
{
	struct lockfile_news news;

	if (plan->takeover != NULL)
		return plan->takeover->restarts;
	return lockfile_read(plan->lock, &news) ? news.restarts : 0;
}

static void
init(struct supervisor *sup, const struct supervisor_plan *plan)
{
	const struct takeover *takeover = plan->takeover;

	former_init(&sup->former);
	if (takeover != NULL)
		sup->former = takeover->former;
	generations_init(&sup->generations, plan->config, plan->kit);
	if (takeover != NULL)
		sup->generations.room = takeover->room;
	reload_init(&sup->reload, plan->config_path, plan->config, plan->kit,
	    &sup->generations);
	filter_process_init(&sup->filter, plan->kit, &sup->generations,
	    &sup->former);
	restart_init(&sup->restart, &plan->program, plan->lock,
	    restarts_before(plan), takeover != NULL);
}

static bool
has_children(const struct supervisor *sup)
{
	return has_filters(sup) || former_any(&sup->former) ||
	    generations_any(&sup->generations);
}

enum error_code
supervisor_run(const struct supervisor_plan *plan, struct error *err)
{
	struct supervisor sup = { .plan = plan, .kit = plan->kit };
	enum error_code code;

	code = open_signals(&sup, err);
	if (code != ERROR_NONE)
		return code;
	init(&sup, plan);
	/* Some may have ended while the program was replaced. */
	reap(&sup);
	while (sup.phase != PHASE_STOP || has_children(&sup))
		one_round(&sup);
	reload_fini(&sup.reload);
	generations_fini(&sup.generations);
	fd_close(&sup.signals);
	if (sup.hopeless)
		return error_set(err, ERROR_GONE, "the filter can't start: %s",
		    sup.why);
	return ERROR_NONE;
}
