/* slot - one worker at a time, on behalf of one scan thread of the filter
 *
 * The states, and what changes them; only slot.c's change() does:
 *
 *              OPENED    STARTED   ENDED     CLOSED
 *   FREE       IDLE      -         -         -
 *   IDLE       -         BUSY      -         FREE
 *   BUSY       -         -         IDLE      ENDING
 *   ENDING     -         -         FREE      -
 *
 *   FREE     no socket, no worker: can be given to a new SLOT
 *   IDLE     the filter's socket is open, no worker
 *   BUSY     a worker lives (or is dead but not yet reaped)
 *   ENDING   the socket is closed, its worker killed and not yet reaped
 *
 * The filter sends its messages without waiting for ours, so a SPAWN can
 * arrive while a worker lives, and a KILL or NICE when there is none: these are
 * ignored.  A message that makes no sense closes the slot.
 *
 * Engine process, single thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SLOT_H
#define ENGINE_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/worker.h"

enum slot_state { SLOT_FREE, SLOT_IDLE, SLOT_BUSY, SLOT_ENDING, SLOT_STATES };

struct slot {
	enum slot_state state;
	int sock;  /* -1 unless IDLE or BUSY */
	pid_t pid; /* 0 unless BUSY or ENDING */
	struct worker_plan plan;
};

/* A free slot whose workers follow plan, with the scratch of that number. */
CHECK_RESULT enum error_code slot_init(struct slot *slot,
    const struct worker_plan *plan, unsigned number, struct error *err);

/* A free slot takes over sock. */
void slot_open(struct slot *slot, int sock);

/* Takes one message from the filter; closes the slot at its end of file and
 * after a breach of the protocol. */
void slot_receive(struct slot *slot);

/* The slot's worker has ended, which the filter is told.  status is as from
 * wait(2), cpu_time in ns. */
void slot_reaped(struct slot *slot, int status, int64_t cpu_time);

/* Closes the socket and kills the worker; harmless in every state. */
void slot_close(struct slot *slot);

#endif
