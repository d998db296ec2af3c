/* child - starts the filter and engine processes
 *
 * A child inherits these descriptors and no others:
 *
 *   0      /dev/null
 *   1, 2   what the supervisor has there; in the background /dev/null
 *   3      its end of a SOCK_SEQPACKET pair, for talk with the supervisor
 *   4      the effective configuration, to be read from its beginning
 *   5      a socket for log_join() (log.h)
 *   6      the milter socket (listener.h); the filter only
 *
 * Its signal mask is empty.  It has a session of its own, so that the signals
 * of a terminal reach the supervisor alone.
 *
 * Only the supervisor calls this, from its one thread.
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

/* The programs that children run, and what they are given. */
struct child_kit {
	int filter_program; /* open for fexecve(3) */
	int engine_program;
	int config;                /* a sealed memory file */
	int next_config;           /* what engines are given instead, or -1 */
	struct listener *listener; /* the caller's */
	struct log_writer *log;    /* the caller's, or NULL */
	struct priv_account account;
	bool in_background; /* 1 and 2 are /dev/null, too */
	bool plain;         /* the kernel refuses namespaces to engines */
	bool contained;     /* it has given namespaces to one engine at least */
};

/* Finds the programs, which lie in ../libexec/vscan-milter as seen from the
 * directory of this program, and looks up the account that they are to run as:
 * config->user if this process is root, else the account of this process.  With
 * config NULL only the programs are found. */
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

/* Starts a filter.  Where the supervisor is root, the filter begins as root: it
 * raises its limits and then becomes the account.  *sock_r is the supervisor's
 * end of its socket. */
CHECK_RESULT enum error_code child_start_filter(struct child_kit *kit,
    pid_t *pid_r, int *sock_r, struct error *err);

/* Starts an engine as the account, in namespaces of its own.  If the kernel has
 * never given namespaces and refuses them now, the engine is started without;
 * a warning in the log says so the first time.  *sock_r as above. */
CHECK_RESULT enum error_code child_start_engine(struct child_kit *kit,
    pid_t *pid_r, int *sock_r, struct error *err);

/* Runs one of the programs with --version and waits for it; what it prints goes
 * to the standard output of this process. */
CHECK_RESULT enum error_code child_show_version(int program, struct error *err);

#endif
