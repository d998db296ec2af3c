/* sandbox - what a worker can still reach once a message has taken it over
 *
 * Two functions, behind which there is a file for each mechanism
 * (sandbox_internal.h).  What they leave to a worker is its own memory, its
 * scratch, the message that it holds, and its socket.
 *
 *   sandbox_prepare   the engine, once it has loaded its signatures
 *   sandbox_enter     each worker, before its first message
 *
 *   root           where there are namespaces, the scratch is the root
 *                  directory, and nothing else is mounted
 *   capabilities   none, and no way to new ones; always
 *   Landlock       where the kernel has it, no other directory can be opened
 *   seccomp        the system calls that a scan makes, and of memory none
 *                  that can be executed and wasn't before; what comes with a
 *                  new C library fails as in an old kernel (ENOSYS), and what
 *                  means harm (sockets, programs, processes, mounts, other
 *                  processes' memory) ends the worker by SIGSYS
 *
 * The engine finds out what the kernel can't do: a child of it tries all of a
 * worker's steps.  If a step that succeeded there fails in a worker later, that
 * worker has failed, and doesn't go on without the step.
 *
 * What a scan would open by its name must be in memory before (charsets.h), and
 * the caller has to close descriptors.
 *
 * Single-threaded processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SANDBOX_H
#define ENGINE_SANDBOX_H

#include "base/callfilter.h"
#include "base/error.h"

struct config;
struct scratch;

enum sandbox_part {
	SANDBOX_PART_ROOT = 1,
	SANDBOX_PART_LANDLOCK = 2,
	SANDBOX_PART_SECCOMP = 4,
};

struct sandbox {
	unsigned parts; /* what workers get */
	struct callfilter calls;
};

/* Finds out which parts the kernel allows, makes what all workers use, and logs
 * which parts are missing.  ERROR_UNSUPPORTED if engine.sandbox requires a part
 * that is missing.  scratch is one that a worker could have.  sandbox_fini()
 * ends it. */
CHECK_RESULT enum error_code sandbox_prepare(struct sandbox *sandbox,
    const struct config *config, const struct scratch *scratch,
    struct error *err);

/* Enters the sandbox for good.  Afterwards scratch->path is where the scratch
 * is now.  On failure the process must take no message. */
CHECK_RESULT enum error_code sandbox_enter(const struct sandbox *sandbox,
    struct scratch *scratch, struct error *err);

/* Harmless when empty. */
void sandbox_fini(struct sandbox *sandbox);

#endif
