/* instance - the one running instance: its directories, lock and PID file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_INSTANCE_H
#define SUPERVISOR_INSTANCE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/priv.h"

struct config;

struct instance {
	const struct config *config;
	int lock;
	bool has_pid_file;
};

/* As root, makes state_directory, for the account, if it is missing.  Refused
 * with ERROR_INPUT is one that isn't the account's alone, or that lies below a
 * directory that another account than root can write to.  The lock in it is
 * taken; ERROR_LIMIT if another instance has that. */
CHECK_RESULT enum error_code instance_open(struct instance *instance,
    const struct config *config, const struct priv_account *account,
    struct error *err);

/* The same after a restart, where this process has a lock already: keeps it, or
 * takes another if state_directory is another one now. */
CHECK_RESULT enum error_code instance_adopt(struct instance *instance,
    const struct config *config, const struct priv_account *account, int lock,
    struct error *err);

/* Writes our PID to pid_file, which must be a file of ours if it is there, in
 * a directory that only root can write to. */
CHECK_RESULT enum error_code instance_write_pid(struct instance *instance,
    struct error *err);

/* Removes the PID file, if it is ours, and gives the lock back. */
void instance_close(struct instance *instance);

#endif
