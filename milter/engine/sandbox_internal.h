/* sandbox_internal - the mechanisms behind sandbox.h, a file each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include "base/callfilter.h"
#include "base/error.h"

struct scratch;

/* Makes a scratch that is a file system of its own the root directory, and
 * scratch->path what it is called then. */
CHECK_RESULT enum error_code sandbox_root_enter(struct scratch *scratch,
    struct error *err);

/* Landlock: leaves the scratch alone.  ERROR_UNSUPPORTED where the kernel has
 * none. */
CHECK_RESULT enum error_code sandbox_landlock_enter(
    const struct scratch *scratch, struct error *err);

/* seccomp: what a worker may call. */
extern const struct callfilter_profile sandbox_calls;

#endif
