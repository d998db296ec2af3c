/* monotime - the monotonic clock, in nanoseconds
 *
 * Every deadline is an absolute point on CLOCK_MONOTONIC, so that neither a
 * clock step nor a slow step on the way moves it.  Times and durations are
 * int64_t nanoseconds.  Any thread; cannot fail.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_MONOTIME_H
#define BASE_MONOTIME_H

#include <stdint.h>
#include <time.h>

#define MONOTIME_MS ((int64_t)1000000)
#define MONOTIME_S ((int64_t)1000000000)
#define MONOTIME_NEVER INT64_MAX

int64_t monotime_now(void);

/* The wall clock, in nanoseconds since 1970: for what outlasts the process, or
 * is told to people.  It may be stepped. */
int64_t monotime_wall(void);

/* now + duration, saturating at MONOTIME_NEVER. */
int64_t monotime_after(int64_t duration);

/* The timeout for poll(2) that ends no earlier than until: rounded up, 0 if
 * it has passed, -1 for MONOTIME_NEVER. */
int monotime_poll_ms(int64_t until);

/* For pthread_cond_timedwait() on a condition made by cond_init() (cond.h). */
struct timespec monotime_timespec(int64_t t);

#endif
