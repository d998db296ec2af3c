/* test_sendqueue - nothing that is sent waits, and what it leaves behind comes
 *
 * Sockets and threads are real.  A kernel that has no memory can't be made, so
 * sendmsg() and poll() are this file's, which come before those of the C
 * library; they do what those do unless a test refuses sends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/sendqueue.h"
#include "base/seqpacket.h"
#include "support.h"

#define PATIENCE (30 * MONOTIME_S)
#define LIMIT 1000
#define SENDERS 4
#define EACH 2000

struct item {
	unsigned sender;
	unsigned number;
	char filling[200];
};

/* Each lasts as long as the process, as its thread does. */
static struct sendqueue queues[8], *queue = queues;
static int pair[2];

static struct {
	atomic_int refusal; /* errno of sendmsg(), or 0 */
	atomic_uint tries;
	_Atomic(int64_t) tried[20]; /* the times of the first */
	atomic_uint row;            /* sends since the last poll() */
	atomic_uint longest_row;
} seen;

ssize_t
sendmsg(int sock, const struct msghdr *msg, int flags)
{
	struct mmsghdr one = { .msg_hdr = *msg };
	unsigned try = atomic_fetch_add(&seen.tries, 1);

	if (try < LENGTH(seen.tried))
		seen.tried[try] = monotime_now();
	if (seen.refusal != 0) {
		errno = seen.refusal;
		return -1;
	}
	if (++seen.row > seen.longest_row)
		seen.longest_row = seen.row;
	return sendmmsg(sock, &one, 1, flags) == 1 ? (ssize_t)one.msg_len : -1;
}

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec time = { .tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L };

	seen.row = 0;
	return ppoll(fds, count, timeout < 0 ? NULL : &time, NULL);
}

/* The next queue, and the least buffer that there is. */
static int
set_up(void **state)
{
	struct timeval patience = { .tv_sec = PATIENCE / MONOTIME_S };
	int least = 0;

	(void)state;
	queue++;
	assert_int_equal(seqpacket_pair(pair, NULL), ERROR_NONE);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least,
			     sizeof least),
	    0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience,
			     sizeof patience),
	    0);
	seen.refusal = 0;
	seen.tries = 0;
	seen.row = 0;
	seen.longest_row = 0;
	return 0;
}

static void
start(size_t limit)
{
	struct error err;

	assert_int_equal(sendqueue_start(queue, pair[0], limit, &err),
	    ERROR_NONE);
}

static enum error_code
add(unsigned sender, unsigned number)
{
	struct item item = { .sender = sender, .number = number };
	struct error err;
	enum error_code code = sendqueue_add(queue, &item, sizeof item, &err);

	if (code != ERROR_NONE)
		assert_int_equal(err.code, code);
	return code;
}

static void
add_up_to(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(add(0, i), ERROR_NONE);
}

static struct item
receive(void)
{
	struct item item;

	assert_int_equal(recv(pair[1], &item, sizeof item, 0), sizeof item);
	return item;
}

static void
receive_up_to(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(receive().number, i);
}

static void
assert_nothing_comes(void)
{
	struct item item;

	assert_int_equal(recv(pair[1], &item, sizeof item, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static enum error_code
flush(int64_t until)
{
	struct error err;

	return sendqueue_flush(queue, until, &err);
}

static void
test_sendqueue_keeps_its_limit_until_it_is_read(void **state)
{
	unsigned taken = 0;

	(void)state;
	start(LIMIT);
	while (add(0, taken) == ERROR_NONE)
		taken++;
	assert_int_equal(add(0, taken), ERROR_LIMIT);
	/* Those that the socket has taken are few: it has the least buffer. */
	assert_in_range(taken, LIMIT + 1, 2 * LIMIT);
	assert_int_equal(queue->count, LIMIT);
	assert_int_equal(flush(monotime_now()), ERROR_TIMEOUT);
	receive_up_to(taken);
	assert_int_equal(flush(monotime_after(PATIENCE)), ERROR_NONE);
	assert_nothing_comes();
	/* What found no room has not harmed what comes later. */
	add_up_to(1);
	receive_up_to(1);
}

static void *
add_each(void *number)
{
	for (unsigned i = 0; i < EACH; i++)
		if (add((unsigned)(uintptr_t)number, i) != ERROR_NONE)
			return NULL;
	return queue;
}

static void
test_sendqueue_keeps_the_order_of_each_thread(void **state)
{
	unsigned next[SENDERS] = { 0 };
	pthread_t threads[SENDERS];
	struct item item;
	void *all_taken;

	(void)state;
	start(SENDERS * EACH);
	for (uintptr_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_each,
				     (void *)i),
		    0);
	for (unsigned i = 0; i < SENDERS * EACH; i++) {
		item = receive();
		assert_in_range(item.sender, 0, SENDERS - 1);
		assert_int_equal(item.number, next[item.sender]++);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(threads[i], &all_taken), 0);
		assert_non_null(all_taken);
	}
	assert_nothing_comes();
}

static void
test_sendqueue_drops_what_waits_for_an_end_that_has_gone(void **state)
{
	(void)state;
	start(LIMIT);
	add_up_to(LIMIT);
	fd_close(&pair[1]);
	assert_int_equal(flush(monotime_after(PATIENCE)), ERROR_GONE);
	assert_int_equal(queue->count, 0);
	assert_int_equal(add(0, 0), ERROR_GONE);
	assert_int_equal(queue->count, 0);
}

/* It is larger than the least buffer, and never fits. */
static void
test_sendqueue_drops_what_is_refused_and_sends_the_rest(void **state)
{
	static const char large[8192];
	struct error err;

	(void)state;
	start(LIMIT);
	seen.refusal = EAGAIN;
	add_up_to(1);
	assert_int_equal(sendqueue_add(queue, large, sizeof large, &err),
	    ERROR_NONE);
	assert_int_equal(add(0, 1), ERROR_NONE);
	seen.refusal = 0;
	receive_up_to(2);
	assert_int_equal(flush(monotime_after(PATIENCE)), ERROR_SYSTEM);
	assert_int_equal(sendqueue_add(queue, large, sizeof large, &err),
	    ERROR_SYSTEM);
	assert_int_equal(err.sys_errno, EMSGSIZE);
}

static void
wait_tries(unsigned count)
{
	int64_t until = monotime_after(PATIENCE);

	while (seen.tries < count && monotime_now() < until)
		poll(NULL, 0, 1);
	assert_true(seen.tries >= count);
}

/* A busy machine makes pauses longer, never shorter. */
static void
test_sendqueue_pauses_where_the_kernel_has_no_memory(void **state)
{
	static const int refusals[] = { ENOBUFS, ENOMEM };

	(void)state;
	start(LIMIT);
	for (size_t i = 0; i < LENGTH(refusals); i++) {
		seen.refusal = refusals[i];
		seen.tries = 0;
		add_up_to(1);
		assert_int_equal(flush(monotime_now()), ERROR_TIMEOUT);
		wait_tries(LENGTH(seen.tried));
		assert_true(seen.tried[LENGTH(seen.tried) - 1] - seen.tried[1] >
		    50 * MONOTIME_MS);
		seen.refusal = 0;
		receive_up_to(1);
		assert_int_equal(flush(monotime_after(PATIENCE)), ERROR_NONE);
	}
}

/* Who adds something meanwhile has to wait for the lock, which is free while
 * the thread is in poll(2): else the first test would wait for ever. */
static void
test_sendqueue_sends_a_few_at_a_time(void **state)
{
	int plenty = 1 << 20;

	(void)state;
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &plenty,
			     sizeof plenty),
	    0);
	start(LIMIT);
	seen.refusal = EAGAIN;
	add_up_to(LIMIT);
	seen.refusal = 0;
	receive_up_to(LIMIT);
	assert_in_range(seen.longest_row, 1, 64);
}

/* A stack for which there is no address. */
static void
test_sendqueue_without_a_thread_sends_with_the_next(void **state)
{
	pthread_attr_t before, vast;
	struct error err;

	(void)state;
	assert_int_equal(pthread_getattr_default_np(&before), 0);
	assert_int_equal(pthread_getattr_default_np(&vast), 0);
	assert_int_equal(pthread_attr_setstacksize(&vast, SIZE_MAX / 4), 0);
	assert_int_equal(pthread_setattr_default_np(&vast), 0);
	assert_int_equal(sendqueue_start(queue, pair[0], LIMIT, &err),
	    ERROR_SYSTEM);
	assert_int_equal(pthread_setattr_default_np(&before), 0);
	seen.refusal = EAGAIN;
	add_up_to(2);
	assert_nothing_comes();
	seen.refusal = 0;
	assert_int_equal(add(0, 2), ERROR_NONE);
	receive_up_to(3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_sendqueue_keeps_its_limit_until_it_is_read, set_up),
		cmocka_unit_test_setup(
		    test_sendqueue_keeps_the_order_of_each_thread, set_up),
		cmocka_unit_test_setup(
		    test_sendqueue_drops_what_waits_for_an_end_that_has_gone,
		    set_up),
		cmocka_unit_test_setup(
		    test_sendqueue_drops_what_is_refused_and_sends_the_rest,
		    set_up),
		cmocka_unit_test_setup(
		    test_sendqueue_pauses_where_the_kernel_has_no_memory,
		    set_up),
		cmocka_unit_test_setup(test_sendqueue_sends_a_few_at_a_time,
		    set_up),
		cmocka_unit_test_setup(
		    test_sendqueue_without_a_thread_sends_with_the_next,
		    set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
