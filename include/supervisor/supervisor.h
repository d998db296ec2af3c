/* supervisor - owns the process tree and the signals; sees no mail
 *
 * SIGHUP: the configuration is read again (reload.h); a new engine generation
 * is started if the signature set has changed, or options for engines.
 * SIGUSR2: restart; the program is run again, and a new filter and engine take
 * over from those that are there (restart.h, former.h).
 * SIGTERM, SIGINT: drain the filter, then end; once more: end now.
 * A filter or engine that dies is started again, at once the first time, with
 * a growing pause if it keeps dying.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/error.h"
#include "supervisor/restart.h"

struct child_kit;
struct config;
struct takeover;

/* Called once, when the filter first listens. */
typedef void supervisor_ready_function(void *context);

struct supervisor_plan {
	const struct config *config;
	const char *config_path; /* absolute: read again at SIGHUP */
	struct child_kit *kit;
	struct restart_program program;
	int lock;                        /* the lock file */
	const struct takeover *takeover; /* of the program before, or NULL */
	supervisor_ready_function *ready;
	void *context; /* ready's */
};

/* Runs until a signal ends it (ERROR_NONE) or the filter can't even start
 * (ERROR_GONE; it has said why).  The signals it handles must be blocked. */
CHECK_RESULT enum error_code supervisor_run(const struct supervisor_plan *plan,
    struct error *err);

#endif
