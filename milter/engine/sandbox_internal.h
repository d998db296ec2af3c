/* sandbox_internal - the mechanisms behind sandbox.h, a file each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include "base/callfilter.h"

/* seccomp: what a worker may call. */
extern const struct callfilter_profile sandbox_calls;

#endif
