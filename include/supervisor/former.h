/* former - the filter and the engines that were there before a restart
 *
 * A restart replaces the supervisor's program (takeover.h) and leaves its
 * children alone: the former filter accepts mail, and the former engines scan
 * it, until the new filter is prepared.  Then the former filter is told to hand
 * over, and the former engines to retire.  Each ends by itself when it has
 * nothing more to do.
 *
 *   ACCEPTING -> HANDING_OVER -> LEAVING -> gone
 *
 * Where memory doesn't hold the former engine and the next one, the former one
 * ends before the next is loaded, and mail waits.
 *
 * If the next engine can't be loaded, the former filter and engines go on, and
 * another restart hands them on as they are.
 *
 * All may be of an earlier build than the supervisor: it says HANDOVER, SOCKET,
 * DRAIN, WITHDRAW and RETIRE to them, and heeds LET_GO, nothing else (wire.h).
 *
 * The supervisor's only; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_FORMER_H
#define SUPERVISOR_FORMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/generations.h"

enum former_state {
	FORMER_GONE,
	FORMER_ACCEPTING,
	FORMER_HANDING_OVER, /* it has been told to */
	FORMER_LEAVING,      /* the files in state_directory are free */
};

struct former_engine {
	pid_t pid; /* 0: gone */
	int sock;
	uint64_t serial; /* as its filter knows it, as the name */
	char name[GENERATION_NAME_SIZE];
};

struct former {
	enum former_state state; /* of the filter */
	pid_t filter;
	int sock; /* to the filter, or -1 */
	int log;  /* to the process that writes their log, which ends when this
		   * is closed; or -1 */
	struct former_engine engines[GENERATIONS_MAX];
	int64_t end_by;         /* then what is left is killed (monotime.h), */
	bool retired;           /* the engines were told to */
	bool makes_room;        /* former_make_room() was called */
	int64_t engines_end_by; /* and then what is left of the engines */
};

/* Nobody was there. */
void former_init(struct former *former);

/* Has the filter hand over; what it still learns about deferred mail, it sends
 * to rows, which is closed here.  A filter that can't be told is killed. */
void former_hand_over(struct former *former, int rows);

/* Hears the filter, after poll(2) on its socket. */
void former_hear(struct former *former);

/* True if pid was one of them. */
bool former_reaped(struct former *former, pid_t pid, int status);

/* Tells the filter to drain now; flags are those of DRAIN. */
void former_drain(struct former *former, uint32_t flags);

/* Closes all sockets and kills what is there. */
void former_kill(struct former *former);

/* Kills what is overdue; returns when to call again. */
int64_t former_run(struct former *former);

/* Has the engines end, since another one has no room beside them.  The filter
 * has mail wait; what the engines scan has 10 s.  Harmless when called
 * again. */
void former_make_room(struct former *former);

/* True if the filter accepts mail, and can have it scanned: a restart may take
 * its time. */
bool former_serves(const struct former *former);

/* True while one of the engines is there. */
bool former_has_engines(const struct former *former);

/* True while one of them is there. */
bool former_any(const struct former *former);

#endif
