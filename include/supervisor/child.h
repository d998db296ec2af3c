/* child - starts the filter and engine processes
 *
 * What a child inherits, written down: descriptors 0 (/dev/null), 1 and 2
 * (the supervisor's; in the background /dev/null), 3 (a SOCK_SEQPACKET pair's
 * other end), 4 (the effective configuration, to be read from its beginning),
 * 5 (for log_join(), log.h) and, for the filter, 6 (the milter socket,
 * listener.h); an empty signal mask;
 * a session of its own, so that a terminal's signals reach the supervisor
 * alone.  Nothing else.
 *
 * Single-threaded; the supervisor's only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/priv.h"

struct config;
struct listener;
struct log_writer;

/* The programs, and what they are given. */
struct child_kit {
	int filter_program; /* open for fexecve(3) */
	int engine_program;
	int config;                /* a sealed memory file */
	int next_config;           /* what engines are given instead, or -1 */
	struct listener *listener; /* the caller's */
	struct log_writer *log;    /* the caller's, or NULL */
	struct priv_account account;
	bool in_background; /* 1 and 2 are /dev/null, too */
	bool plain;         /* the kernel gives no namespaces */
	bool contained;     /* it has given some */
};

/* Finds the programs at ../libexec/vscan-milter from this one, and looks the
 * account up (as root: config->user; else our own). */
CHECK_RESULT enum error_code child_kit_open(struct child_kit *kit,
    const struct config *config, struct error *err);
void child_kit_close(struct child_kit *kit);

/* Engines that are started from now on are given this snapshot; on failure
 * nothing has changed.  Then child_kit_commit() has filters given it, too, or
 * child_kit_drop() has engines given what was in force before. */
CHECK_RESULT enum error_code child_kit_prepare(struct child_kit *kit,
    const struct config *config, struct error *err);
void child_kit_commit(struct child_kit *kit);
void child_kit_drop(struct child_kit *kit);

/* Starts the filter, as root where we are root: it raises its limits and then
 * drops to the account.  *sock_r is our end of its socket. */
CHECK_RESULT enum error_code child_start_filter(struct child_kit *kit,
    pid_t *pid_r, int *sock_r, struct error *err);

/* Starts an engine as the account, in namespaces of its own; where the kernel
 * refuses those from the first, without, which is logged once. */
CHECK_RESULT enum error_code child_start_engine(struct child_kit *kit,
    pid_t *pid_r, int *sock_r, struct error *err);

/* Runs a program with --version, its output on ours, and waits for it. */
CHECK_RESULT enum error_code child_show_version(int program, struct error *err);

#endif
