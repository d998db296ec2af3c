/* fake_engine - plays an engine and its workers, which may do anything
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "fake_engine.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seqpacket.h"

/* The poll set: the link, and for each slot its socket and its worker's. */
#define POLLED (1 + 2 * FAKE_SLOTS)

/* cmocka's asserts are for the thread that runs the tests. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* Who has gone doesn't hear it. */
void
fake_send(int sock, const struct wire_message *message, int fd)
{
	enum error_code code = wire_send(sock, message, fd, NULL);

	(void)code;
}

struct wire_message
fake_result(const struct wire_message *job, enum verdict_kind kind,
    const char *name)
{
	struct wire_message result = wire_make(WIRE_RESULT);

	result.id = job->id;
	result.status = (int32_t)kind;
	result.value = 1;
	wire_set_text(&result, name);
	return result;
}

static void
end_worker(struct fake_engine *engine, struct fake_slot *slot, int status)
{
	struct wire_message ended = wire_make(WIRE_ENDED);

	fd_close(&slot->worker);
	if (!slot->alive || engine->plan->hangs)
		return;
	slot->alive = false;
	ended.status = status;
	fake_send(slot->sock, &ended, -1);
}

static void
close_slot(struct fake_slot *slot)
{
	fd_close(&slot->worker);
	fd_close(&slot->sock);
	slot->alive = false;
}

static void
spawn(struct fake_engine *engine, struct fake_slot *slot)
{
	struct wire_message spawned = wire_make(WIRE_SPAWNED);
	struct wire_message hello = wire_make(WIRE_HELLO);
	struct error err;
	int pair[2];

	engine->spawned++;
	if (engine->plan->dies) {
		close_slot(slot);
		return;
	}
	if (engine->plan->spawn != NULL) {
		engine->plan->spawn(slot->sock);
		return;
	}
	if (slot->alive)
		return;
	must(seqpacket_pair(pair, &err) == ERROR_NONE);
	fake_send(slot->sock, &spawned, pair[0]);
	close(pair[0]);
	slot->worker = pair[1];
	slot->alive = true;
	fake_send(slot->worker, &hello, -1);
}

static void
serve_slot(struct fake_engine *engine, struct fake_slot *slot)
{
	struct wire_message message;

	if (wire_recv(slot->sock,
		WIRE_ACCEPT(WIRE_SPAWN) | WIRE_ACCEPT(WIRE_KILL) |
		    WIRE_ACCEPT(WIRE_NICE),
		&message, NULL, 0, NULL) != ERROR_NONE) {
		close_slot(slot);
	} else if (message.type == WIRE_SPAWN) {
		spawn(engine, slot);
	} else if (message.type == WIRE_KILL) {
		engine->killed++;
		end_worker(engine, slot, SIGKILL);
	} else {
		engine->niced++;
	}
}

static void
serve_worker(struct fake_engine *engine, struct fake_slot *slot)
{
	struct wire_message job;
	char mail[256] = "";
	int fd;

	if (wire_recv(slot->worker, WIRE_ACCEPT(WIRE_JOB), &job, &fd, 0,
		NULL) == ERROR_NONE) {
		must(pread(fd, mail, sizeof mail - 1, 0) >= 0);
		close(fd);
		engine->plan->scan(slot->worker, &job, mail);
	} else if (engine->plan->stays) {
		fd_close(&slot->worker);
	} else {
		end_worker(engine, slot, 0);
	}
}

static void
serve_link(struct fake_engine *engine)
{
	struct wire_message message;
	int i = 0, sock;

	if (wire_recv(engine->link, WIRE_ACCEPT(WIRE_SLOT), &message, &sock, 0,
		NULL) != ERROR_NONE) {
		for (i = 0; i < FAKE_SLOTS; i++)
			close_slot(&engine->slots[i]);
		fd_close(&engine->link);
		return;
	}
	while (engine->slots[i].sock >= 0)
		must(++i < FAKE_SLOTS);
	engine->slots[i].sock = sock;
}

static void
serve(struct fake_engine *engine, const struct pollfd *fds)
{
	for (int i = 0; i < FAKE_SLOTS; i++) {
		struct fake_slot *slot = &engine->slots[i];

		if (fds[2 + 2 * i].revents != 0)
			serve_worker(engine, slot);
		if (fds[1 + 2 * i].revents != 0)
			serve_slot(engine, slot);
	}
	if (fds[0].revents != 0)
		serve_link(engine);
}

static void *
engine_thread(void *context)
{
	struct fake_engine *engine = context;
	struct pollfd fds[POLLED];

	while (engine->link >= 0) {
		memset(fds, 0, sizeof fds);
		fds[0].fd = engine->link;
		for (int i = 0; i < FAKE_SLOTS; i++) {
			fds[1 + 2 * i].fd = engine->slots[i].sock;
			fds[2 + 2 * i].fd = engine->slots[i].worker;
		}
		for (int i = 0; i < POLLED; i++)
			fds[i].events = POLLIN;
		if (poll(fds, POLLED, -1) > 0)
			serve(engine, fds);
	}
	return NULL;
}

void
fake_engine_start(struct fake_engine *engine, struct engines *engines,
    const char *name, const struct fake_plan *plan)
{
	struct error err;
	int pair[2];

	memset(engine, 0, sizeof *engine);
	engine->plan = plan;
	for (int i = 0; i < FAKE_SLOTS; i++)
		engine->slots[i].sock = engine->slots[i].worker = -1;
	must(seqpacket_pair(pair, &err) == ERROR_NONE);
	engine->link = pair[1];
	must(pthread_create(&engine->thread, NULL, engine_thread, engine) == 0);
	engines_publish(engines, pair[0], name, 1);
}

void
fake_engine_join(struct fake_engine *engine)
{
	pthread_join(engine->thread, NULL);
}
