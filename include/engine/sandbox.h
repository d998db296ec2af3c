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
 * What the kernel can't do is found out by trying, in a child of the engine,
 * with all of a worker's steps.  What it could do then and can't later is a
 * failure of that worker, and no reason to go on without.
 *
 * What a scan opens by its name must be in memory before (charsets.h), and
 * descriptors are the caller's to close.
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

/* Finds out what is to be had, makes what all workers use, and logs what is
 * missing.  ERROR_UNSUPPORTED if engine.sandbox requires that, too.  scratch
 * is one that a worker could have.  sandbox_fini() ends it. */
CHECK_RESULT enum error_code sandbox_prepare(struct sandbox *sandbox,
    const struct config *config, const struct scratch *scratch,
    struct error *err);

/* For good.  scratch->path is afterwards where the scratch is now.  On failure
 * the process must take no message. */
CHECK_RESULT enum error_code sandbox_enter(const struct sandbox *sandbox,
    struct scratch *scratch, struct error *err);

/* Harmless when empty. */
void sandbox_fini(struct sandbox *sandbox);

#endif
