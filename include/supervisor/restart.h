/* restart - a restart from the wish to its end
 *
 * The supervisor replaces its own program only after the new one, run beside
 * it, has found nothing wrong with the configuration: once the program is
 * replaced there is no way back.  How a restart went stands in the lock file
 * (lockfile.h), for the command that waits for it.
 *
 *   NONE -> WANTED -> CHECKING -> READY, then the program is replaced
 *                              -> NONE, refused
 *   in the new program:  ENTERED -> NONE, once its filter and its engine
 *                                   serve, or the engine can't be loaded
 *
 * Neither half takes longer than RESTART_MAX; what takes longer is given up, or
 * at least who waits for it is told.
 *
 * The supervisor's only; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/monotime.h"

/* Longer than an engine may take to load, and than a filter from before the
 * last restart may go on for the sessions that it has. */
#define RESTART_MAX (20 * 60 * MONOTIME_S)

enum restart_state {
	RESTART_NONE,
	RESTART_WANTED,
	RESTART_CHECKING,
	RESTART_READY,
	RESTART_ENTERED,
};

/* The caller's; how this program was started. */
struct restart_program {
	const char *path;
	char **arguments;
};

struct restart {
	enum restart_state state;
	struct restart_program program;
	int lock;        /* the lock file */
	unsigned count;  /* restarts that have ended */
	pid_t checker;   /* 0: none */
	int complaints;  /* what the checker says, or -1 */
	bool is_waiting; /* as the log was told */
	int64_t end_by;  /* then it is given up (monotime.h) */
};

/* count: restarts that had ended before; entered: the
 * program before was replaced by this one. */
void restart_init(struct restart *restart,
    const struct restart_program *program, int lock, unsigned count,
    bool entered);

/* Somebody wants a restart. */
void restart_want(struct restart *restart);

/* Begins with a restart that is wanted, and gives up one that takes too long.
 * possible: the filter listens, and nothing is left of the last restart.  To be
 * called every few seconds. */
void restart_run(struct restart *restart, bool possible);

/* True if pid was the checker. */
bool restart_reaped(struct restart *restart, pid_t pid, int status);

/* It has ended: well if why is NULL, else it was refused, or has failed. */
void restart_end(struct restart *restart, const char *why);

#endif
