/* selftest - a new engine proves that it can tell bad from good
 *
 * Before the engine goes into service, one worker must find the canary and
 * call a clean mail clean, and another one, whose scratch is unusable, must
 * notice that it finds nothing.  They are real workers, and are talked to as
 * the filter does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SELFTEST_H
#define ENGINE_SELFTEST_H

#include "base/error.h"

struct worker_plan;

/* Forks workers after plan and reaps them.  ERROR_ENGINE and a text if the
 * engine must not be used; at most a minute. */
CHECK_RESULT enum error_code selftest_run(const struct worker_plan *plan,
    struct error *err);

#endif
