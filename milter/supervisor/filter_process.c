/* filter_process - the filter that serves, or is about to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/filter_process.h"

#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "supervisor/child.h"
#include "supervisor/former.h"
#include "supervisor/generations.h"
#include "supervisor/listener.h"
#include "wire/wire.h"

/* Between the starts of a filter that dies young. */
#define PAUSE MONOTIME_S

/* A filter that says more than this within HEARD_PERIOD is not right. */
#define HEARD_MAX 1000
#define HEARD_PERIOD (10 * MONOTIME_S)

/* Messages of one that has ended that are still read. */
#define LAST_WORDS 16

void
filter_process_init(struct filter_process *process, struct child_kit *kit,
    struct generations *generations, struct former *former)
{
	memset(process, 0, sizeof *process);
	process->kit = kit;
	process->generations = generations;
	process->former = former;
	process->sock = process->rows = -1;
}

static void
start(struct filter_process *process)
{
	struct error err;

	process->started_at = monotime_now();
	process->stage = FILTER_STARTED;
	process->heard = 0;
	process->failure[0] = '\0';
	if (child_start_filter(process->kit, &process->pid, &process->sock,
		&err) == ERROR_NONE)
		return;
	log_error(LOG_LEVEL_ERROR, "the filter can't be started", &err);
	process->pid = 0;
	process->start_at = monotime_after(PAUSE);
}

/* While the former filter serves, the next one is started only when there is an
 * engine for it, so that mail doesn't wait for one. */
static bool
may_start(const struct filter_process *process)
{
	return !former_serves(process->former) ||
	    generations_serving(process->generations) != NULL;
}

/* True once no other filter has the files in state_directory open. */
static bool
files_are_free(const struct filter_process *process)
{
	return process->former->state == FORMER_GONE ||
	    process->former->state == FORMER_LEAVING;
}

static enum error_code
send(struct filter_process *process, enum wire_type type, int fd,
    struct error *err)
{
	struct wire_message message = wire_make(type);

	return wire_send(process->sock, &message, fd, err);
}

static void
pass_socket(const struct child_kit *kit, int filter)
{
	struct wire_message message = wire_make(WIRE_SOCKET);
	struct error err;

	if (filter >= 0 &&
	    wire_send(filter, &message, kit->listener->fd, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "the supervisor can't hand the milter socket to the filter",
		    &err);
}

/* The rows are offered to each filter that is started while the former one
 * lives: what one that died has not read is still there. */
static void
go(struct filter_process *process)
{
	enum error_code code = ERROR_NONE;
	struct error err;

	process->stage = FILTER_GOING;
	if (process->rows >= 0)
		code = send(process, WIRE_FORMER, process->rows, &err);
	if (code == ERROR_NONE)
		code = send(process, WIRE_GO, -1, &err);
	if (code != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "the supervisor can't tell the filter to go on", &err);
	if (process->socket_due)
		pass_socket(process->kit, process->sock);
	process->socket_due = false;
}

int64_t
filter_process_run(struct filter_process *process)
{
	if (process->pid == 0 && may_start(process) &&
	    monotime_now() >= process->start_at)
		start(process);
	if (process->stage == FILTER_PREPARED && process->sock >= 0 &&
	    files_are_free(process))
		go(process);
	if (process->stage == FILTER_LISTENING &&
	    process->former->state == FORMER_GONE)
		fd_close(&process->rows);
	if (process->pid == 0 && may_start(process))
		return process->start_at;
	return MONOTIME_NEVER;
}

/* From here on the former filter accepts no more; who connects waits until this
 * one listens. */
static enum error_code
prepared(struct filter_process *process, struct error *err)
{
	enum error_code code;
	int pair[2];

	if (process->stage != FILTER_STARTED)
		return error_set(err, ERROR_PEER, "it says PREPARED twice");
	process->stage = FILTER_PREPARED;
	if (process->former->state != FORMER_ACCEPTING)
		return ERROR_NONE;
	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	process->rows = pair[0];
	former_hand_over(process->former, pair[1]);
	return ERROR_NONE;
}

static enum error_code
listens(struct filter_process *process, struct error *err)
{
	if (process->stage != FILTER_GOING)
		return error_set(err, ERROR_PEER, "LISTENING is not due");
	process->stage = FILTER_LISTENING;
	process->was_listening = true;
	generations_set_filter(process->generations, process->sock);
	return ERROR_NONE;
}

/* Each message may cost a line in the log, an engine or a moment of time. */
static enum error_code
count_message(struct filter_process *process, struct error *err)
{
	int64_t now = monotime_now();

	if (process->heard == 0 || now - process->heard_from > HEARD_PERIOD) {
		process->heard = 0;
		process->heard_from = now;
	}
	if (++process->heard > HEARD_MAX)
		return error_set(err, ERROR_PEER, "it says too much");
	return ERROR_NONE;
}

static enum error_code
obey(struct filter_process *process, const struct wire_message *message,
    struct error *err)
{
	switch (message->type) {
	case WIRE_PREPARED:
		return prepared(process, err);
	case WIRE_LISTENING:
		return listens(process, err);
	case WIRE_FAILED:
		memcpy(process->failure, message->text,
		    sizeof process->failure);
		break;
	case WIRE_REPORT:
		process->reported = true;
		process->waiting = (unsigned)message->value;
		process->overdue = (unsigned)message->id;
		break;
	case WIRE_LOST:
		generations_lost(process->generations, message->id);
		break;
	case WIRE_RELEASED:
		generations_released(process->generations, message->id);
		break;
	default:
		break;
	}
	return ERROR_NONE;
}

void
filter_process_kill(struct filter_process *process)
{
	if (process->pid > 0)
		kill(process->pid, SIGKILL);
}

/* A filter that has closed its socket ends, or nobody can reach it any more:
 * it is killed, which does nothing to one that ends. */
void
filter_process_hear(struct filter_process *process)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(process->sock,
	    WIRE_ACCEPT(WIRE_FAILED) | WIRE_ACCEPT(WIRE_PREPARED) |
		WIRE_ACCEPT(WIRE_LISTENING) | WIRE_ACCEPT(WIRE_LOST) |
		WIRE_ACCEPT(WIRE_RELEASED) | WIRE_ACCEPT(WIRE_REPORT),
	    &message, NULL, 0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code == ERROR_NONE)
		code = count_message(process, &err);
	if (code == ERROR_NONE)
		code = obey(process, &message, &err);
	if (code == ERROR_NONE)
		return;
	if (code != ERROR_GONE)
		log_error(LOG_LEVEL_ERROR,
		    "the supervisor kills the filter, which breaks their "
		    "protocol",
		    &err);
	filter_process_kill(process);
	generations_set_filter(process->generations, -1);
	fd_close(&process->sock);
}

void
filter_process_ended(struct filter_process *process)
{
	bool young = monotime_now() - process->started_at < PAUSE;

	/* Its last words may still be in the socket. */
	for (int i = 0; i < LAST_WORDS && process->sock >= 0; i++)
		filter_process_hear(process);
	generations_set_filter(process->generations, -1);
	fd_close(&process->sock);
	process->pid = 0;
	process->start_at = young ? monotime_after(PAUSE) : 0;
}

int
filter_process_hearing(const struct filter_process *process)
{
	return process->stage >= FILTER_GOING ? process->sock : -1;
}

void
filter_process_pass_socket(struct filter_process *process)
{
	int filter = filter_process_hearing(process);

	process->socket_due = process->sock >= 0 && filter < 0;
	pass_socket(process->kit, filter);
	if (process->former->state == FORMER_ACCEPTING)
		pass_socket(process->kit, process->former->sock);
}

void
filter_process_drain(struct filter_process *process, uint32_t flags)
{
	struct wire_message message = wire_make(WIRE_DRAIN);
	struct error err;

	message.flags = flags;
	if (process->sock < 0 ||
	    wire_send(process->sock, &message, -1, &err) != ERROR_NONE)
		filter_process_kill(process);
}
