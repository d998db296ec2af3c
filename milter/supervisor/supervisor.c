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
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/monotime.h"
#include "config/config.h"
#include "wire/wire.h"
#include "supervisor/child.h"
#include "supervisor/generations.h"
#include "supervisor/listener.h"
#include "supervisor/reload.h"

/* Beyond drain_timeout: libmilter takes up to 5 s to end. */
#define DRAIN_GRACE (6 * MONOTIME_S)
/* For engines to end by themselves once their sockets are closed. */
#define STOP_GRACE (2 * MONOTIME_S)
/* Between the starts of a filter that dies young. */
#define FILTER_PAUSE MONOTIME_S
/* Between two looks whether the milter socket is still there. */
#define SOCKET_INTERVAL (2 * MONOTIME_S)

/* A filter that says more than this within HEARD_PERIOD is not right. */
#define HEARD_MAX 1000
#define HEARD_PERIOD (10 * MONOTIME_S)

/* How far a filter has come: STARTED -> PREPARED -> LISTENING. */
enum stage { STAGE_STARTED, STAGE_PREPARED, STAGE_LISTENING };

enum phase { PHASE_SERVE, PHASE_DRAIN, PHASE_STOP };

struct supervisor {
	struct child_kit *kit;
	struct generations generations;
	struct reload reload;
	enum phase phase;
	int64_t phase_ends; /* then what is left is killed */
	pid_t filter;       /* 0: none */
	int filter_sock;
	enum stage stage;
	unsigned heard;     /* messages of the filter, */
	int64_t heard_from; /* since then */
	int64_t filter_started;
	int64_t filter_start_at;
	int64_t socket_check_at;
	bool socket_lost; /* and could not be opened again */
	bool was_ready;   /* a filter has listened at least once */
	bool hopeless;    /* the first filter could not start */
	int signals;
	supervisor_ready_function *ready;
	void *context;
};

static void
start_filter(struct supervisor *sup)
{
	struct error err;

	sup->filter_started = monotime_now();
	sup->stage = STAGE_STARTED;
	sup->heard = 0;
	if (child_start_filter(sup->kit, &sup->filter, &sup->filter_sock,
		&err) == ERROR_NONE)
		return;
	log_error(LOG_LEVEL_ERROR, "starting the filter", &err);
	sup->filter = 0;
	sup->filter_start_at = monotime_after(FILTER_PAUSE);
}

/* The one place where a phase begins. */
static void
enter(struct supervisor *sup, enum phase phase)
{
	struct wire_message message = wire_make(WIRE_DRAIN);
	struct error err;

	message.flags = sup->kit->listener->handed_over ? 0 : WIRE_LAST;
	sup->phase = phase;
	if (phase == PHASE_DRAIN) {
		sup->phase_ends = monotime_after(
		    sup->reload.config->drain_timeout + DRAIN_GRACE);
		if (sup->filter_sock < 0 ||
		    wire_send(sup->filter_sock, &message, -1, &err) !=
			ERROR_NONE)
			enter(sup, PHASE_STOP);
	} else if (phase == PHASE_STOP) {
		sup->phase_ends = monotime_after(STOP_GRACE);
		generations_stop(&sup->generations, false);
		if (sup->filter > 0)
			kill(sup->filter, SIGKILL);
	}
}

static enum error_code
filter_prepared(struct supervisor *sup, struct error *err)
{
	struct wire_message go = wire_make(WIRE_GO);

	if (sup->stage != STAGE_STARTED)
		return error_set(err, ERROR_PEER, "it says PREPARED twice");
	sup->stage = STAGE_PREPARED;
	return wire_send(sup->filter_sock, &go, -1, err);
}

static enum error_code
filter_listens(struct supervisor *sup, struct error *err)
{
	if (sup->stage != STAGE_PREPARED)
		return error_set(err, ERROR_PEER, "LISTENING is not due");
	sup->stage = STAGE_LISTENING;
	generations_set_filter(&sup->generations, sup->filter_sock);
	if (!sup->was_ready)
		sup->ready(sup->context);
	sup->was_ready = true;
	return ERROR_NONE;
}

/* Each message may cost a line in the log, an engine or a moment of time. */
static enum error_code
count_message(struct supervisor *sup, struct error *err)
{
	int64_t now = monotime_now();

	if (sup->heard == 0 || now - sup->heard_from > HEARD_PERIOD) {
		sup->heard = 0;
		sup->heard_from = now;
	}
	if (++sup->heard > HEARD_MAX)
		return error_set(err, ERROR_PEER, "it says too much");
	return ERROR_NONE;
}

static enum error_code
obey_filter(struct supervisor *sup, const struct wire_message *message,
    struct error *err)
{
	switch (message->type) {
	case WIRE_PREPARED:
		return filter_prepared(sup, err);
	case WIRE_LISTENING:
		return filter_listens(sup, err);
	case WIRE_LOST:
		generations_lost(&sup->generations, message->text);
		break;
	case WIRE_RELEASED:
		generations_released(&sup->generations, message->text);
		break;
	default:
		break;
	}
	return ERROR_NONE;
}

/* A filter that has closed its socket ends, or nobody can reach it any more:
 * it is killed, which does nothing to one that ends. */
static void
hear_filter(struct supervisor *sup)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(sup->filter_sock,
	    WIRE_ACCEPT(WIRE_PREPARED) | WIRE_ACCEPT(WIRE_LISTENING) |
		WIRE_ACCEPT(WIRE_LOST) | WIRE_ACCEPT(WIRE_RELEASED),
	    &message, NULL, 0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code == ERROR_NONE)
		code = count_message(sup, &err);
	if (code == ERROR_NONE)
		code = obey_filter(sup, &message, &err);
	if (code == ERROR_NONE)
		return;
	if (code != ERROR_GONE)
		log_error(LOG_LEVEL_ERROR, "the filter is killed", &err);
	if (sup->filter > 0)
		kill(sup->filter, SIGKILL);
	generations_set_filter(&sup->generations, -1);
	fd_close(&sup->filter_sock);
}

static void
filter_ended(struct supervisor *sup, int status)
{
	bool young = monotime_now() - sup->filter_started < FILTER_PAUSE;

	generations_set_filter(&sup->generations, -1);
	fd_close(&sup->filter_sock);
	sup->filter = 0;
	if (sup->phase == PHASE_DRAIN)
		enter(sup, PHASE_STOP);
	if (sup->phase == PHASE_STOP)
		return;
	log_msg(LOG_LEVEL_ERROR, "the filter ended (%s %d), starting it again",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	sup->filter_start_at = young ? monotime_after(FILTER_PAUSE) : 0;
	if (!sup->was_ready) {
		sup->hopeless = true;
		enter(sup, PHASE_STOP);
	}
}

static void
reap(struct supervisor *sup)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == sup->filter)
			filter_ended(sup, status);
		else
			generations_reaped(&sup->generations, pid, status);
	}
	if (sup->kit->log != NULL)
		log_writer_check(sup->kit->log);
}

static void
handle_signal(struct supervisor *sup, int signo)
{
	switch (signo) {
	case SIGHUP:
		log_msg(LOG_LEVEL_NOTICE, "SIGHUP: reload");
		reload_read(&sup->reload, sup->filter_sock);
		generations_reload(&sup->generations, false);
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

/* The filter that runs goes on with the new socket; one that is started later
 * inherits it. */
static void
pass_socket(const struct supervisor *sup)
{
	struct wire_message message = wire_make(WIRE_SOCKET);
	struct error err;

	if (sup->filter_sock >= 0 &&
	    wire_send(sup->filter_sock, &message, sup->kit->listener->fd,
		&err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "handing the milter socket to the filter", &err);
}

/* Somebody may have removed the socket, or its directory, or mounted something
 * over it. */
static void
look_at_socket(struct supervisor *sup)
{
	struct error err;

	if (monotime_now() < sup->socket_check_at)
		return;
	sup->socket_check_at = monotime_after(SOCKET_INTERVAL);
	if (listener_stands(sup->kit->listener))
		return;
	if (listener_renew(sup->kit->listener, &err) == ERROR_NONE) {
		log_msg(LOG_LEVEL_WARNING,
		    "the milter socket %s had been removed, and is opened "
		    "again",
		    sup->reload.config->socket);
		sup->socket_lost = false;
		pass_socket(sup);
		return;
	}
	if (!sup->socket_lost)
		log_error(LOG_LEVEL_ERROR,
		    "the milter socket has been removed, and can't be opened "
		    "again yet",
		    &err);
	sup->socket_lost = true;
}

/* What is due by the clock; returns when to look again. */
static int64_t
run_due(struct supervisor *sup)
{
	int64_t until;

	if (sup->phase != PHASE_SERVE) {
		if (monotime_now() < sup->phase_ends)
			return sup->phase_ends;
		if (sup->phase == PHASE_DRAIN) {
			log_msg(LOG_LEVEL_WARNING,
			    "the filter did not end in time");
			enter(sup, PHASE_STOP);
		} else {
			generations_stop(&sup->generations, true);
			sup->phase_ends = MONOTIME_NEVER;
		}
		return sup->phase_ends;
	}
	if (sup->filter == 0 && monotime_now() >= sup->filter_start_at)
		start_filter(sup);
	look_at_socket(sup);
	until = generations_run(&sup->generations);
	return until < sup->socket_check_at ? until : sup->socket_check_at;
}

static void
one_round(struct supervisor *sup)
{
	struct pollfd fds[2 + GENERATIONS_MAX];
	int64_t until = run_due(sup);
	int count;

	if (sup->phase == PHASE_SERVE && sup->filter == 0 &&
	    sup->filter_start_at < until)
		until = sup->filter_start_at;
	fds[0] = (struct pollfd){ .fd = sup->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = sup->filter_sock, .events = POLLIN };
	count = generations_poll_set(&sup->generations, fds + 2);
	if (poll(fds, (nfds_t)(2 + count), monotime_poll_ms(until)) < 0)
		return;
	if (fds[1].revents != 0)
		hear_filter(sup);
	generations_handle(&sup->generations, fds + 2, count);
	if (fds[0].revents != 0)
		read_signals(sup);
	reload_settle(&sup->reload, sup->filter_sock);
}

static enum error_code
open_signals(struct supervisor *sup, struct error *err)
{
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGCHLD);
	sup->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->signals < 0)
		return error_sys(err, errno, "signalfd");
	return ERROR_NONE;
}

enum error_code
supervisor_run(const struct supervisor_plan *plan, struct error *err)
{
	struct supervisor sup = {
		.kit = plan->kit,
		.filter_sock = -1,
		.ready = plan->ready,
		.context = plan->context,
	};
	enum error_code code;

	code = open_signals(&sup, err);
	if (code != ERROR_NONE)
		return code;
	generations_init(&sup.generations, plan->config, plan->kit);
	reload_init(&sup.reload, plan->config_path, plan->config, plan->kit,
	    &sup.generations);
	while (sup.phase != PHASE_STOP || sup.filter > 0 ||
	    generations_any(&sup.generations))
		one_round(&sup);
	reload_fini(&sup.reload);
	generations_fini(&sup.generations);
	fd_close(&sup.signals);
	if (sup.hopeless)
		return error_set(err, ERROR_GONE,
		    "the filter can't start; the log says why");
	return ERROR_NONE;
}
