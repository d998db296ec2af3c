/* order - what a command tells the instance that runs
 *
 * The instance is found by its lock (lockfile.h) in state_directory, as the
 * configuration of the command has it.  What it is told are signals: SIGHUP to
 * reload, SIGUSR2 to restart, SIGTERM to stop.
 *
 * For the command line alone: each function says on standard output what came
 * of it, or on standard error what went wrong, and returns the exit status
 * (sysexits.h): EX_UNAVAILABLE if no instance runs, EX_NOPERM if it may not be
 * told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_ORDER_H
#define SUPERVISOR_ORDER_H

struct config;

/* Has the configuration and the signatures read again; the log says what has
 * changed. */
int order_reload(const struct config *config);

/* Has the programs started again, and waits until the new filter and engine
 * serve mail, for RESTART_MAX (restart.h) in each program at most.
 * EX_SOFTWARE: the instance has refused, and goes on as it was. */
int order_restart(const struct config *config);

/* Has it end, and waits until it has. */
int order_stop(const struct config *config);

#endif
