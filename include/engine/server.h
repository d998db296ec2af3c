/* server - the engine in service: forks, kills, reaps
 *
 * One poll loop over the supervisor's socket, the filter's link, the slots
 * and SIGCHLD.  Nothing in it blocks: if a message to a slot can't be sent at
 * once, the slot is closed.  No libclamav here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SERVER_H
#define ENGINE_SERVER_H

#include "base/error.h"

struct age;
struct worker_plan;

/* Serves until the supervisor has gone, or has told it to retire and the
 * link is closed (ERROR_NONE); anything else is a failure.  Afterwards no
 * worker is left.  supervisor stays the caller's.  SIGCHLD must be blocked.
 * Workers are forked after plan.  Until the engine has to retire, age is logged
 * when it is due. */
CHECK_RESULT enum error_code server_run(int supervisor,
    const struct worker_plan *plan, struct age *age, struct error *err);

#endif
