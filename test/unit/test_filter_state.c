/* test_filter_state - what all sessions share: limits, and the drain
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "config/config.h"
#include "filter/filter_state.h"
#include "scan/engines.h"
#include "scan/scanner.h"
#include "support.h"

static struct config *config;
static struct engines *engines;
static struct filter_state filter;
static char directory[32];

static int
open_filter(void **state)
{
	char text[256];

	(void)state;
	support_make_directory(directory);
	snprintf(text, sizeof text,
	    "state_directory = '%s' "
	    "limits { sessions = 2 waiting = 3 } "
	    "engine { workers = 1 background = 1 }",
	    directory);
	config = support_config(text);
	engines = engines_create(NULL);
	filter_state_init(&filter, config);
	return scanner_create(config, engines, &filter.scanner, NULL) ==
		ERROR_NONE
	    ? 0
	    : -1;
}

static int
close_filter(void **state)
{
	char path[128];

	(void)state;
	scanner_destroy(&filter.scanner);
	filter_state_fini(&filter);
	engines_destroy(&engines);
	config_destroy(&config);
	snprintf(path, sizeof path, "%s/ledger.sqlite", directory);
	unlink(path);
	snprintf(path, sizeof path, "%s/ledger.sqlite-journal", directory);
	unlink(path);
	support_remove_directory(directory);
	return 0;
}

static void
test_filter_state_knows_the_name_of_its_host(void **state)
{
	(void)state;
	assert_true(strlen(filter.host) > 0);
}

static void
test_filter_state_says_which_sessions_are_too_many(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(filter_state_session_begin(&filter),
		    FILTER_STATE_ROOM);
	assert_int_equal(filter_state_session_begin(&filter),
	    FILTER_STATE_OVER);
	filter_state_session_end(&filter);
	filter_state_session_end(&filter);
	assert_int_equal(filter_state_session_begin(&filter),
	    FILTER_STATE_ROOM);
	assert_int_equal(filter_state_session_begin(&filter),
	    FILTER_STATE_OVER);
	assert_int_equal(filter.sessions, 3);
	while (filter.sessions > 0)
		filter_state_session_end(&filter);
}

static void
test_filter_state_takes_no_session_far_over_the_limit(void **state)
{
	unsigned taken = 0;

	(void)state;
	while (filter_state_session_begin(&filter) != FILTER_STATE_FULL)
		taken++;
	assert_int_equal(filter.sessions, taken);
	assert_in_range(taken, 3, 100);
	filter_state_session_end(&filter);
	assert_int_equal(filter_state_session_begin(&filter),
	    FILTER_STATE_OVER);
	while (filter.sessions > 0)
		filter_state_session_end(&filter);
}

static void
test_filter_state_shortens_deadlines_while_many_wait(void **state)
{
	const int64_t full = 60 * MONOTIME_S;

	(void)state;
	assert_int_equal(filter_state_shorten(&filter, full, false), full);
	filter.waiting = filter.config->limits_waiting / 2 + 1;
	assert_int_equal(filter_state_shorten(&filter, full, false), full / 2);
	filter.waiting = filter.config->limits_waiting;
	assert_int_equal(filter_state_shorten(&filter, full, false), full / 4);
	assert_int_equal(filter_state_shorten(&filter, MONOTIME_S, false),
	    500 * MONOTIME_MS);
	filter.waiting = 0;
	assert_int_equal(filter_state_shorten(&filter, full, false), full);
}

/* Three slow local mails and a quick one behind them: 5 + 2.5 + 1.25 s. */
static void
test_filter_state_shortens_local_deadlines_after_late_ones(void **state)
{
	const int64_t full = 5 * MONOTIME_S;

	(void)state;
	filter_state_local_reply(&filter, true);
	assert_int_equal(filter_state_shorten(&filter, full, true), full / 2);
	assert_int_equal(filter_state_shorten(&filter, full, false), full);
	filter_state_local_reply(&filter, true);
	assert_int_equal(filter_state_shorten(&filter, full, true), full / 4);
	for (int i = 0; i < 50; i++)
		filter_state_local_reply(&filter, true);
	assert_int_equal(filter_state_shorten(&filter, full, true),
	    500 * MONOTIME_MS);
	filter_state_local_reply(&filter, false);
	assert_int_equal(filter_state_shorten(&filter, full, true), full);
	filter_state_local_reply(&filter, true);
	filter.local_late_at -= 61 * MONOTIME_S;
	assert_int_equal(filter_state_shorten(&filter, full, true), full);
}

static void
test_filter_state_lets_only_so_many_wait(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			assert_true(filter_state_wait_begin(&filter));
		assert_false(filter_state_wait_begin(&filter));
		assert_false(filter_state_wait_begin(&filter));
		assert_int_equal(filter.waiting, 3);
		filter_state_wait_end(&filter);
		assert_true(filter_state_wait_begin(&filter));
		for (int i = 0; i < 3; i++)
			filter_state_wait_end(&filter);
		assert_int_equal(filter.waiting, 0);
	}
}

static void
test_filter_state_drain_of_a_quiet_one_is_over_at_once(void **state)
{
	int64_t began = monotime_now();

	(void)state;
	assert_false(filter_state_is_draining(&filter));
	filter_state_drain(&filter, monotime_after(50 * MONOTIME_S));
	assert_true(filter_state_is_draining(&filter));
	assert_true(monotime_now() - began < 10 * MONOTIME_S);
}

static void
test_filter_state_drain_gives_up_when_its_time_is_over(void **state)
{
	int64_t until = monotime_after(30 * MONOTIME_MS);

	(void)state;
	filter_state_message_begin(&filter);
	filter_state_drain(&filter, until);
	assert_true(monotime_now() >= until);
	assert_true(filter_state_is_draining(&filter));
	filter_state_message_end(&filter);
}

/* Two messages that end once the drain has begun. */
static void *
end_messages(void *unused)
{
	while (!filter_state_is_draining(&filter))
		poll(NULL, 0, 1);
	filter_state_message_end(&filter);
	poll(NULL, 0, 20);
	filter_state_message_end(&filter);
	return unused;
}

static void
test_filter_state_drain_waits_for_the_last_message(void **state)
{
	int64_t until = monotime_after(50 * MONOTIME_S);
	pthread_t thread;

	(void)state;
	filter_state_message_begin(&filter);
	filter_state_message_begin(&filter);
	assert_int_equal(pthread_create(&thread, NULL, end_messages, NULL), 0);
	filter_state_drain(&filter, until);
	assert_true(monotime_now() < until);
	pthread_join(thread, NULL);
	assert_int_equal(filter.messages, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_filter_state_knows_the_name_of_its_host, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_says_which_sessions_are_too_many,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_takes_no_session_far_over_the_limit,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_shortens_deadlines_while_many_wait,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_shortens_local_deadlines_after_late_ones,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_lets_only_so_many_wait, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_drain_of_a_quiet_one_is_over_at_once,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_drain_gives_up_when_its_time_is_over,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_filter_state_drain_waits_for_the_last_message,
		    open_filter, close_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
