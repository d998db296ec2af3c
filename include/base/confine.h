/* confine - what a process of the service gives up besides its account
 *
 * The workers, which meet hostile content, have a sandbox (engine/sandbox.h).
 * The other processes are forbidden what they never do, so that an attacker
 * gains less by a fault in one of them.
 *
 *   supervisor   may not look into processes or change the kernel.  More can't
 *                be forbidden, since its children inherit it, and an engine
 *                has to mount.
 *   release      the same: the MTA's programs, which it starts, inherit it
 *   engine       may not start programs, either
 *   filter       may start nothing but threads; it may not mount, change its
 *                account, send signals or make memory executable
 *   log          (the process that writes it, log_writer.h) the same
 *
 * In the sanitizer builds only no_new_privs is set: their runtime forks, starts
 * programs, and looks into processes and files when it reports something.
 *
 * All of it holds for the calling thread and what it starts, for good.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/error.h"
#include "base/landlock.h"

enum confine_role {
	CONFINE_SUPERVISOR,
	CONFINE_RELEASE,
	CONFINE_ENGINE,
	CONFINE_FILTER,
	CONFINE_LOG,
};

/* Sets no_new_privs and loads the filter for system calls.  On failure no
 * filter is loaded; no_new_privs may be set. */
CHECK_RESULT enum error_code confine_calls(enum confine_role role,
    struct error *err);

/* Called after confine_calls(): keeps the process to some places in the file
 * system, where the kernel has Landlock. */
CHECK_RESULT enum error_code confine_files(const struct landlock_fence *fence,
    struct error *err);

#endif
