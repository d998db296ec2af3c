/* instance - the one running instance: its directory, lock and PID file
 *
 * Two instances with one state_directory would write to the same files.  So
 * each takes the lock there (lockfile.h) before it does anything else.
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
	int lock; /* descriptor of the lock file, or -1 */
	bool has_pid_file;
};

/* Takes the lock in state_directory; ERROR_LIMIT if another instance has it.
 * As root, state_directory is made for the account first if it is missing.
 * ERROR_INPUT: state_directory isn't the account's alone, or lies below a
 * directory that another account than root can write to. */
CHECK_RESULT enum error_code instance_open(struct instance *instance,
    const struct config *config, const struct priv_account *account,
    struct error *err);

/* The same after a restart, when this process has a lock already (a descriptor
 * of the lock file).  That lock is kept, unless state_directory is another one
 * now: then the lock there is taken, and the old one given back. */
CHECK_RESULT enum error_code instance_adopt(struct instance *instance,
    const struct config *config, const struct priv_account *account, int lock,
    struct error *err);

/* For a child of the instance that runs: whether a restart with this
 * configuration would get its state_directory, and the lock there. */
CHECK_RESULT enum error_code instance_check(const struct config *config,
    const struct priv_account *account, struct error *err);

/* Writes the process ID of this process to pid_file.  A file that is there
 * already must be its own, and only root may be able to write to the
 * directory. */
CHECK_RESULT enum error_code instance_write_pid(struct instance *instance,
    struct error *err);

/* Removes the PID file, if this process has written it, and gives the lock
 * back. */
void instance_close(struct instance *instance);

#endif
