/* supervisor - owns the process tree and the signals; sees no mail
 *
 * It starts the filter and the engines, brings them together, and starts again
 * what dies: at once the first time, with a growing pause if it keeps dying.
 * It is told what to do by signals:
 *
 * SIGHUP: the configuration is read again (reload.h); a new engine generation
 * is started if the signature set has changed, or options for engines.
 * SIGUSR2: restart; the program is run again, and a new filter and engine take
 * over from those that are there (restart.h, former.h).
 * SIGTERM, SIGINT: the filter answers what is under way, for drain_timeout at
 * most, then all processes end; a second such signal ends them at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/error.h"
#include "supervisor/restart.h"

struct child_kit;
struct config;
struct service_manager;
struct takeover;

/* Called once, when the first filter listens. */
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
	struct service_manager *manager;
};

/* Runs until a signal ends it (ERROR_NONE), or until the first filter turns out
 * to be unable to start (ERROR_GONE; err->text says why).  The signals that it
 * handles must be blocked. */
CHECK_RESULT enum error_code supervisor_run(const struct supervisor_plan *plan,
    struct error *err);

#endif
