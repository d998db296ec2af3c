/* steady_time - the time as libmilter sees it
 *
 * libmilter's pool closes sessions that have waited for a command for longer
 * than smfi_settimeout() says, and asks time(2), the wall clock.  A step of
 * that by more than this (a machine that wakes up, NTP) would close every
 * session between two commands at once, messages in their middle included.
 * So this program has a time(2) of its own, which its libraries find before
 * libc's: it begins with the wall clock, and goes on with the monotonic one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <time.h>

#include "base/monotime.h"

/* Seconds from the start of the monotonic clock back to 1970. */
static time_t offset;

static time_t
monotonic_seconds(void)
{
	return (time_t)(monotime_now() / MONOTIME_S);
}

/* Before main(), and thus before any thread. */
__attribute__((constructor)) static void
set_offset(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	offset = now.tv_sec - monotonic_seconds();
}

time_t
time(time_t *now_r)
{
	time_t now = monotonic_seconds() + offset;

	if (now_r != NULL)
		*now_r = now;
	return now;
}
