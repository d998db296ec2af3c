/* confine - what a process of the service gives up besides its account
 *
 * The workers, which meet hostile code, have a sandbox (engine/sandbox.h).
 * The others get a list of what they never do, so that a fault in one of them
 * is worth less.
 *
 *   supervisor   looks into no process and changes no kernel.  More can't be
 *                taken from it: what it starts inherits it, and engines mount.
 *   release      the same, for the MTA's programs inherit it
 *   engine       starts no program, either
 *   filter       starts nothing but threads, mounts nothing, changes no
 *                account, sends no signal, makes no memory executable
 *   log          (the process that writes it, log_writer.h) the same
 *
 * In the sanitizer builds it is no_new_privs alone: their runtime forks,
 * starts programs, and looks into processes and files when it has something to
 * tell.
 *
 * For the calling thread and what it starts, for good.
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

/* Sets no_new_privs and loads the filter for system calls.  On failure the
 * process is as it was, or has the former only. */
CHECK_RESULT enum error_code confine_calls(enum confine_role role,
    struct error *err);

/* Then: keeps the process to some places, where the kernel has Landlock. */
CHECK_RESULT enum error_code confine_files(const struct landlock_fence *fence,
    struct error *err);

#endif
