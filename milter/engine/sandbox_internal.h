/* sandbox_internal - the mechanisms behind sandbox.h
 *
 * sandbox.c calls sandbox_probe.c and both call sandbox_steps.c; nothing calls
 * back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include "base/callfilter.h"
#include "base/error.h"

struct sandbox;
struct scratch;

/* One step of a worker into its sandbox. */
struct sandbox_step {
	unsigned part; /* enum sandbox_part; 0: must not fail */
	const char *name;
	enum error_code (*enter)(const struct sandbox *sandbox,
	    struct scratch *scratch, struct error *err);
};

#define SANDBOX_STEPS 4

extern const struct sandbox_step sandbox_steps[SANDBOX_STEPS];

/* Takes part away from sandbox->parts, and appends "NAME (REASON)" to
 * why->text. */
void sandbox_refused(struct sandbox *sandbox, unsigned part,
    const struct error *err, struct error *why);

/* Takes each step in a child that is like a worker.  What of sandbox->parts
 * the kernel refused is told to sandbox_refused(). */
CHECK_RESULT enum error_code sandbox_probe(struct sandbox *sandbox,
    const struct scratch *scratch, struct error *why, struct error *err);

/* seccomp: what a worker may call. */
extern const struct callfilter_profile sandbox_calls;

#endif
