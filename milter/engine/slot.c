/* slot - one worker at a time, on behalf of one scan thread of the filter
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/slot.h"

#include <assert.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/log.h"
#include "wire/wire.h"

/* How much a worker that takes long is niced down. */
#define NICE 10

enum event { OPENED, STARTED, ENDED, CLOSED, EVENTS };

#define NEVER SLOT_STATES

/* The only place where a state changes; the table of slot.h. */
static void
change(struct slot *slot, enum event event)
{
	static const enum slot_state next[SLOT_STATES][EVENTS] = {
		/*              OPENED     STARTED    ENDED      CLOSED */
		[SLOT_FREE] = { SLOT_IDLE, NEVER, NEVER, NEVER },
		[SLOT_IDLE] = { NEVER, SLOT_BUSY, NEVER, SLOT_FREE },
		[SLOT_BUSY] = { NEVER, NEVER, SLOT_IDLE, SLOT_ENDING },
		[SLOT_ENDING] = { NEVER, NEVER, SLOT_FREE, NEVER },
	};
	enum slot_state state = next[slot->state][event];

	assert(state != NEVER);
	slot->state = state;
}

enum error_code
slot_init(struct slot *slot, const struct worker_plan *plan, unsigned number,
    struct error *err)
{
	slot->state = SLOT_FREE;
	slot->sock = -1;
	slot->pid = 0;
	slot->plan = *plan;
	slot->plan.number = number;
	return scratch_init(&slot->plan.scratch, plan->base, number, err);
}

void
slot_open(struct slot *slot, int sock)
{
	change(slot, OPENED);
	slot->sock = sock;
}

void
slot_close(struct slot *slot)
{
	if (slot->state != SLOT_IDLE && slot->state != SLOT_BUSY)
		return;
	if (slot->state == SLOT_BUSY)
		kill(slot->pid, SIGKILL);
	fd_close(&slot->sock);
	change(slot, CLOSED);
}

/* If the filter doesn't take an answer, its slot is closed. */
static void
tell(struct slot *slot, const struct wire_message *message, int fd)
{
	struct error err;

	if (wire_send(slot->sock, message, fd, &err) != ERROR_NONE)
		slot_close(slot);
}

static void
spawn(struct slot *slot)
{
	struct wire_message reply = wire_make(WIRE_SPAWNED);
	struct error err;
	int sock = -1;
	pid_t pid;

	if (worker_fork(&slot->plan, &pid, &sock, &err) == ERROR_NONE) {
		slot->pid = pid;
		change(slot, STARTED);
	} else {
		log_error(LOG_LEVEL_ERROR, "the engine can't start a worker",
		    &err);
		reply = wire_make(WIRE_FAILED);
		wire_set_text(&reply, err.text);
	}
	tell(slot, &reply, sock);
	fd_close(&sock);
}

static void
obey(struct slot *slot, uint32_t type)
{
	bool busy = slot->state == SLOT_BUSY;

	if (type == WIRE_SPAWN && !busy)
		spawn(slot);
	else if (type == WIRE_KILL && busy)
		kill(slot->pid, SIGKILL);
	else if (type == WIRE_NICE && busy)
		setpriority(PRIO_PROCESS, (id_t)slot->pid, NICE);
}

void
slot_receive(struct slot *slot)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(slot->sock,
	    WIRE_ACCEPT(WIRE_SPAWN) | WIRE_ACCEPT(WIRE_KILL) |
		WIRE_ACCEPT(WIRE_NICE),
	    &message, NULL, 0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code == ERROR_NONE) {
		obey(slot, message.type);
		return;
	}
	if (code != ERROR_GONE)
		log_error(LOG_LEVEL_WARNING,
		    "the engine can't understand what the filter asks for a "
		    "worker, and ends that worker",
		    &err);
	slot_close(slot);
}

/* A directory outlives its worker, a tmpfs doesn't. */
static void
clean_up(const struct slot *slot)
{
	struct error err;
	bool found;

	if (slot->plan.scratch.kind != SCRATCH_DIRECTORY)
		return;
	if (scratch_clean(&slot->plan.scratch, &found, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "the engine can't empty the scratch directory of a worker "
		    "that has ended",
		    &err);
}

void
slot_reaped(struct slot *slot, int status, int64_t cpu_time)
{
	struct wire_message ended = wire_make(WIRE_ENDED);

	clean_up(slot);
	slot->pid = 0;
	change(slot, ENDED);
	if (slot->state != SLOT_IDLE)
		return;
	ended.status = status;
	ended.value = (uint64_t)cpu_time;
	tell(slot, &ended, -1);
}
