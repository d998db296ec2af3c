/* cond - a condition variable that waits on the monotonic clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/cond.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/monotime.h"

void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) != 0 ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(cond, &attr) != 0)
		abort();
	pthread_condattr_destroy(&attr);
}

bool
cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until)
{
	struct timespec ts;

	if (until == MONOTIME_NEVER) {
		pthread_cond_wait(cond, mutex);
		return true;
	}
	ts = monotime_timespec(until);
	return pthread_cond_timedwait(cond, mutex, &ts) != ETIMEDOUT;
}
