/* worker - the process that scans one message at a time
 *
 * Forked from the engine with the signatures in memory.  It gives up all
 * that it doesn't need (sandbox.h), shows that it finds its canary, says HELLO
 * (or FAILED, if it could not do that) and takes one JOB after another over
 * its socket, and answers each by a RESULT.  It retires after so many messages
 * or seconds (wire.h), after its priority was lowered, and after anything odd:
 * a worker that a message has taken over could lie about later messages.
 *
 * What a worker inherits and keeps: the signatures, read-only in effect
 * (copy-on-write), its socket as descriptor 3, /dev/null as 0 to 2.
 * Contained, it has namespaces of its own and sees no other process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/monotime.h"
#include "engine/scratch.h"

struct canary;
struct config;
struct library;
struct sandbox;

struct worker_plan {
	const struct config *config;
	struct library *library;
	const struct canary *canary;
	const struct sandbox *sandbox;
	const struct scratch_base *base;
	struct scratch scratch; /* its kind says whether it is contained */
	unsigned number;        /* among those that live, for ps(1) */
	bool blind;             /* self-test: break the scratch first */
};

/* Forks a worker.  *sock_r is the other end of its socket, the caller's to
 * close.  Returns in the parent only. */
CHECK_RESULT enum error_code worker_fork(const struct worker_plan *plan,
    pid_t *pid_r, int *sock_r, struct error *err);

#endif
