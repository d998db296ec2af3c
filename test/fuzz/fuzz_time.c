/* fuzz_time - time that passes only while the code under test waits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "fuzz_time.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>

#include "base/monotime.h"

#define BEGINNING (1000 * MONOTIME_S)

/* Who asks more often in one run, spins. */
#define POLLS_MAX 20000

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

static struct {
	int64_t now;
	unsigned polls;
	fuzz_peer_function *peer;
	void *context;
} state = { .now = BEGINNING };

void
fuzz_time_begin(fuzz_peer_function *peer, void *context)
{
	state.now = BEGINNING;
	state.polls = 0;
	state.peer = peer;
	state.context = context;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int ready;

	assert(state.polls++ < POLLS_MAX);
	do
		ready = __real_poll(fds, count, 0);
	while (ready == 0 && timeout != 0 && state.peer != NULL &&
	    state.peer(state.context));
	if (ready != 0)
		return ready;
	/* Nobody would ever wake it. */
	assert(timeout >= 0);
	state.now += timeout * MONOTIME_MS;
	return 0;
}

int64_t
monotime_now(void)
{
	return state.now;
}

int64_t
monotime_wall(void)
{
	return state.now;
}

int64_t
monotime_after(int64_t duration)
{
	return duration > MONOTIME_NEVER - state.now ? MONOTIME_NEVER
						     : state.now + duration;
}

int
monotime_poll_ms(int64_t until)
{
	int64_t left = until - state.now;

	if (until == MONOTIME_NEVER)
		return -1;
	if (left <= 0)
		return 0;
	left = (left + MONOTIME_MS - 1) / MONOTIME_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

struct timespec
monotime_timespec(int64_t t)
{
	return (struct timespec){ .tv_sec = (time_t)(t / MONOTIME_S),
		.tv_nsec = (long)(t % MONOTIME_S) };
}
