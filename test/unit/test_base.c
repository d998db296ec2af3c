/* test_base - errors, clock and conditions
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
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/cond.h"
#include "base/error.h"
#include "base/monotime.h"
#include "support.h"

static void
test_error_set_fills_in_all_fields(void **state)
{
	struct error err = { ERROR_SYSTEM, EPERM, "before" };

	(void)state;
	assert_int_equal(error_set(&err, ERROR_INPUT, "%d is %s", 7, "odd"),
	    ERROR_INPUT);
	assert_int_equal(err.code, ERROR_INPUT);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.text, "7 is odd");
}

static void
test_error_sys_adds_what_the_kernel_said(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_sys(&err, ENOENT, "opening %s", "/x"),
	    ERROR_SYSTEM);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.text, "opening /x: No such file or directory");
}

static void
test_error_may_be_null(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERROR_PEER, "x"), ERROR_PEER);
	assert_int_equal(error_sys(NULL, EIO, "x"), ERROR_SYSTEM);
}

static void
test_error_text_that_is_too_long_is_cut(void **state)
{
	char text[2000];
	struct error err;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set(&err, ERROR_INPUT, "%s", text);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	error_sys(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void
test_monotime_after_never_overflows(void **state)
{
	int64_t now = monotime_now(), then = monotime_after(MONOTIME_S);

	(void)state;
	assert_true(then >= now + MONOTIME_S);
	assert_true(then <= monotime_now() + MONOTIME_S);
	assert_true(monotime_after(MONOTIME_NEVER) == MONOTIME_NEVER);
	assert_true(monotime_after(MONOTIME_NEVER - 1) == MONOTIME_NEVER);
	assert_true(monotime_after(-now - MONOTIME_S) < 0);
}

static void
test_monotime_poll_ms_ends_no_earlier_than_asked(void **state)
{
	int64_t until;

	(void)state;
	assert_int_equal(monotime_poll_ms(MONOTIME_NEVER), -1);
	assert_int_equal(monotime_poll_ms(0), 0);
	assert_int_equal(monotime_poll_ms(monotime_now()), 0);
	assert_int_equal(monotime_poll_ms(MONOTIME_NEVER - 1), INT32_MAX);
	for (int64_t ns = 1; ns < 5 * MONOTIME_MS; ns = ns * 3 + 1) {
		until = monotime_after(ns);
		poll(NULL, 0, monotime_poll_ms(until));
		assert_true(monotime_now() >= until);
	}
}

static void
test_monotime_timespec_splits_seconds(void **state)
{
	struct timespec ts = monotime_timespec(7 * MONOTIME_S + 5);

	(void)state;
	assert_int_equal(ts.tv_sec, 7);
	assert_int_equal(ts.tv_nsec, 5);
	ts = monotime_timespec(MONOTIME_S - 1);
	assert_int_equal(ts.tv_sec, 0);
	assert_int_equal(ts.tv_nsec, 999999999);
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool here;
};

static void *
arrive(void *context)
{
	struct meeting *meeting = context;

	pthread_mutex_lock(&meeting->lock);
	meeting->here = true;
	pthread_cond_signal(&meeting->cond);
	pthread_mutex_unlock(&meeting->lock);
	return NULL;
}

static void
test_cond_wait_ends_when_signalled(void **state)
{
	int64_t until[] = { MONOTIME_NEVER, monotime_after(50 * MONOTIME_S) };

	(void)state;
	for (size_t i = 0; i < LENGTH(until); i++) {
		struct meeting meeting = {
			.lock = PTHREAD_MUTEX_INITIALIZER,
		};
		pthread_t thread;
		bool in_time = true;

		cond_init(&meeting.cond);
		pthread_mutex_lock(&meeting.lock);
		assert_int_equal(pthread_create(&thread, NULL, arrive,
				     &meeting),
		    0);
		while (!meeting.here && in_time)
			in_time = cond_wait_until(&meeting.cond, &meeting.lock,
			    until[i]);
		pthread_mutex_unlock(&meeting.lock);
		assert_true(meeting.here && in_time);
		pthread_join(thread, NULL);
		pthread_cond_destroy(&meeting.cond);
	}
}

static void
test_cond_wait_ends_when_the_time_has_passed(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond;
	int64_t until;

	(void)state;
	cond_init(&cond);
	pthread_mutex_lock(&lock);
	assert_false(cond_wait_until(&cond, &lock, 0));
	until = monotime_after(20 * MONOTIME_MS);
	while (cond_wait_until(&cond, &lock, until))
		continue;
	assert_true(monotime_now() >= until);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&cond);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_set_fills_in_all_fields),
		cmocka_unit_test(test_error_sys_adds_what_the_kernel_said),
		cmocka_unit_test(test_error_may_be_null),
		cmocka_unit_test(test_error_text_that_is_too_long_is_cut),
		cmocka_unit_test(test_monotime_after_never_overflows),
		cmocka_unit_test(
		    test_monotime_poll_ms_ends_no_earlier_than_asked),
		cmocka_unit_test(test_monotime_timespec_splits_seconds),
		cmocka_unit_test(test_cond_wait_ends_when_signalled),
		cmocka_unit_test(test_cond_wait_ends_when_the_time_has_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
