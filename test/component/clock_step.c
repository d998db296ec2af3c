/* clock_step - a wall clock that a test can step, for LD_PRELOAD
 *
 * Stands before the calls that ask for the wall clock and adds the seconds
 * that the file VSCAN_CLOCK_STEP holds at the moment (an int64_t, shared with
 * the test).  Timers and the monotonic clock are left as they are, as they are
 * by a step of the real one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none;
static const volatile int64_t *step = &none;

__attribute__((constructor)) static void
map_step(void)
{
	const char *path = getenv("VSCAN_CLOCK_STEP");
	void *shared = MAP_FAILED;
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		shared = mmap(NULL, sizeof *step, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (shared != MAP_FAILED)
		step = shared;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ts);

	if (result == 0 &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *step;
	return result;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *now_r)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (now_r != NULL)
		*now_r = ts.tv_sec;
	return ts.tv_sec;
}
