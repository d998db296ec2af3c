/* monotime - the monotonic clock, in nanoseconds
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/monotime.h"

#include <assert.h>
#include <limits.h>

static int64_t
ask(clockid_t clock)
{
	struct timespec now;
	int failed;

	failed = clock_gettime(clock, &now);
	assert(!failed);
	(void)failed;
	return (int64_t)now.tv_sec * MONOTIME_S + now.tv_nsec;
}

int64_t
monotime_now(void)
{
	return ask(CLOCK_MONOTONIC);
}

int64_t
monotime_wall(void)
{
	return ask(CLOCK_REALTIME);
}

int64_t
monotime_after(int64_t duration)
{
	int64_t now = monotime_now();

	return duration > MONOTIME_NEVER - now ? MONOTIME_NEVER
					       : now + duration;
}

int
monotime_poll_ms(int64_t until)
{
	int64_t left;

	if (until == MONOTIME_NEVER)
		return -1;
	left = until - monotime_now();
	if (left <= 0)
		return 0;
	left = (left + MONOTIME_MS - 1) / MONOTIME_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

struct timespec
monotime_timespec(int64_t t)
{
	struct timespec ts = {
		.tv_sec = (time_t)(t / MONOTIME_S),
		.tv_nsec = (long)(t % MONOTIME_S),
	};

	return ts;
}
