/* server - the engine in service: forks, kills, reaps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/process.h"
#include "config/config.h"
#include "engine/age.h"
#include "engine/slot.h"
#include "wire/wire.h"

/* How often the age of the signatures is looked at, if nothing else happens. */
#define IDLE_MS (10 * 60 * 1000)

/* The poll set: these, then one for each slot. */
enum { SUPERVISOR, LINK, CHILDREN, FIRST_SLOT };

struct server {
	int supervisor;
	int link;     /* -1: no filter */
	int children; /* signalfd for SIGCHLD */
	bool retire;
	size_t count;
	struct slot *slots;
	struct pollfd *poll;
	struct age *age;
};

static enum error_code
make_slots(struct server *server, const struct worker_plan *plan,
    struct error *err)
{
	const struct config *config = plan->config;
	enum error_code code = ERROR_NONE;
	size_t i;

	/* Twice what a filter uses: while the worker of a closed slot is not
	 * reaped yet, the filter has already opened another slot. */
	server->count = 2 *
	    ((size_t)config->engine_workers + config->engine_background);
	process_raise_nofile(2 * server->count + 64);
	server->slots = calloc(server->count, sizeof *server->slots);
	server->poll = calloc(FIRST_SLOT + server->count, sizeof *server->poll);
	if (server->slots == NULL || server->poll == NULL)
		return error_sys(err, ENOMEM, "slots");
	for (i = 0; i < server->count && code == ERROR_NONE; i++)
		code = slot_init(&server->slots[i], plan, (unsigned)i, err);
	return code;
}

static enum error_code
watch_children(struct server *server, struct error *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	server->children = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server->children < 0)
		return error_sys(err, errno, "signalfd");
	return ERROR_NONE;
}

static struct slot *
find_worker(struct server *server, pid_t pid)
{
	size_t i;

	for (i = 0; i < server->count; i++)
		if (server->slots[i].pid == pid)
			return &server->slots[i];
	return NULL;
}

static struct slot *
find_free(struct server *server)
{
	size_t i;

	for (i = 0; i < server->count; i++)
		if (server->slots[i].state == SLOT_FREE)
			return &server->slots[i];
	return NULL;
}

static int64_t
cpu_time(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * MONOTIME_S +
	    (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

/* One signal may stand for several children.  As process 1 of its namespace the
 * engine also inherits children of others. */
static void
reap(struct server *server, int options)
{
	struct signalfd_siginfo info;
	struct rusage usage;
	struct slot *slot;
	int status;
	pid_t pid;

	while (read(server->children, &info, sizeof info) > 0)
		continue;
	while ((pid = wait4(-1, &status, options, &usage)) > 0) {
		slot = find_worker(server, pid);
		if (slot != NULL)
			slot_reaped(slot, status, cpu_time(&usage));
	}
}

static void
close_link(struct server *server)
{
	size_t i;

	fd_close(&server->link);
	for (i = 0; i < server->count; i++)
		slot_close(&server->slots[i]);
}

/* What the filter sends on its link is a new slot. */
static void
receive_link(struct server *server)
{
	struct wire_message message;
	enum error_code code;
	struct slot *slot;
	struct error err;
	int sock;

	code = wire_recv(server->link, WIRE_ACCEPT(WIRE_SLOT), &message, &sock,
	    0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code != ERROR_NONE) {
		if (code != ERROR_GONE)
			log_error(LOG_LEVEL_WARNING,
			    "the engine closes its connection to the "
			    "filter, and ends all workers",
			    &err);
		close_link(server);
		return;
	}
	slot = find_free(server);
	if (slot != NULL) {
		slot_open(slot, sock);
	} else {
		log_msg(LOG_LEVEL_WARNING,
		    "the engine has no place for another worker: all %zu "
		    "are taken, and the filter's request is refused",
		    server->count);
		fd_close(&sock);
	}
}

/* ERROR_GONE once there is nobody left to serve. */
static enum error_code
receive_supervisor(struct server *server, struct error *err)
{
	struct wire_message message;
	enum error_code code;
	int fd;

	code = wire_recv(server->supervisor,
	    WIRE_ACCEPT(WIRE_ADOPT) | WIRE_ACCEPT(WIRE_RETIRE), &message, &fd,
	    0, err);
	if (code == ERROR_TIMEOUT)
		return ERROR_NONE;
	if (code != ERROR_NONE)
		return code;
	if (message.type == WIRE_RETIRE) {
		server->retire = true;
	} else {
		close_link(server);
		server->link = fd;
	}
	return ERROR_NONE;
}

static enum error_code
wait_for_news(struct server *server, struct error *err)
{
	size_t i;

	server->poll[SUPERVISOR].fd = server->supervisor;
	server->poll[LINK].fd = server->link;
	server->poll[CHILDREN].fd = server->children;
	for (i = 0; i < server->count; i++)
		server->poll[FIRST_SLOT + i].fd = server->slots[i].sock;
	for (i = 0; i < FIRST_SLOT + server->count; i++)
		server->poll[i].events = POLLIN;
	if (poll(server->poll, FIRST_SLOT + server->count, IDLE_MS) < 0 &&
	    errno != EINTR)
		return error_sys(err, errno, "poll");
	return ERROR_NONE;
}

/* Slots are handled before the link: a slot that the link opens may reuse the
 * descriptor number of one that was closed here, and must not be taken for the
 * one that was polled. */
static enum error_code
handle_news(struct server *server, struct error *err)
{
	const struct pollfd *news = server->poll;
	size_t i;

	if (news[CHILDREN].revents != 0)
		reap(server, WNOHANG);
	for (i = 0; i < server->count; i++)
		if (news[FIRST_SLOT + i].revents != 0 &&
		    server->slots[i].sock == news[FIRST_SLOT + i].fd)
			slot_receive(&server->slots[i]);
	if (news[LINK].revents != 0)
		receive_link(server);
	if (news[SUPERVISOR].revents != 0)
		return receive_supervisor(server, err);
	return ERROR_NONE;
}

static enum error_code
loop(struct server *server, struct error *err)
{
	enum error_code code = ERROR_NONE;

	while (code == ERROR_NONE && !(server->retire && server->link < 0)) {
		if (!server->retire)
			age_tell(server->age, monotime_wall() / MONOTIME_S);
		code = wait_for_news(server, err);
		if (code == ERROR_NONE)
			code = handle_news(server, err);
	}
	return code == ERROR_GONE ? ERROR_NONE : code;
}

enum error_code
server_run(int supervisor, const struct worker_plan *plan, struct age *age,
    struct error *err)
{
	struct server server = {
		.age = age,
		.supervisor = supervisor,
		.link = -1,
		.children = -1,
	};
	enum error_code code;

	code = make_slots(&server, plan, err);
	if (code == ERROR_NONE)
		code = watch_children(&server, err);
	if (code == ERROR_NONE) {
		code = loop(&server, err);
		close_link(&server);
		reap(&server, 0);
	}
	fd_close(&server.children);
	free(server.poll);
	free(server.slots);
	return code;
}
