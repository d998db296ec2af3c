/* test_ledger_load - what the ledger knows after a restart, and its alarms
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "ledger/row.h"
#include "ledger_helper.h"
#include "support.h"

#define HOUR (3600 * MONOTIME_S)

/* A new ledger, with this row. */
static void
load_alone(const struct row *row)
{
	ledger_destroy(&ledger);
	book_open();
	ledger_load(ledger, row);
}

/* Moves the times of a row: it is older by that. */
static void
age(struct row *row, int64_t by)
{
	row->first_at -= by;
	row->last_at -= by;
	row->verdict_at -= by;
}

/* What was handed over last, at this time, as if it had been now. */
static struct row
last_row(int64_t at)
{
	struct row row = recorder.last;

	age(&row, at - monotime_now());
	return row;
}

/* A row as the ledger hands it over. */
static struct row
saved_row(unsigned n, enum verdict_kind kind)
{
	book_defer(n, 50, NOW);
	book_defer(n, 51, NOW + 10 * MONOTIME_S);
	book_fail(n, OLD);
	book_verdict(n, kind, OLD, NOW + 20 * MONOTIME_S);
	book_defer(n, 52, NOW + 30 * MONOTIME_S);
	return last_row(NOW + 30 * MONOTIME_S);
}

static void
test_ledger_row_that_was_loaded_is_the_same(void **state)
{
	struct row row = saved_row(1, VERDICT_INFECTED);
	struct ledger_answer answer;

	(void)state;
	load_alone(&row);
	book_expect_counts(1, 1);
	assert_true(book_was_deferred(1));
	assert_int_equal(book_failures(1, OLD), 1);
	assert_true(ledger_awaits_sender(ledger, "<a@example.org>"));
	for (unsigned envelope = 50; envelope < 53; envelope++)
		assert_true(book_known(1, envelope, NEW, monotime_now()));
	assert_false(book_known(1, 53, NEW, monotime_now()));
	assert_true(book_lookup(1, 50, NEW, monotime_now(), &answer));
	assert_string_equal(answer.verdict.name, "Name");
	assert_string_equal(answer.generation, OLD);
	assert_int_equal(answer.scan_time, 7 * MONOTIME_S);
	book_expect_counts(1, 0);
}

/* Loading takes the time that this test takes to get to it, no more. */
static void
expect_time(int64_t at, int64_t expected)
{
	assert_in_range(at + 30 * MONOTIME_S, expected,
	    expected + 60 * MONOTIME_S);
}

static void
test_ledger_row_that_was_loaded_keeps_its_ages(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN);
	int64_t now;

	(void)state;
	load_alone(&row);
	now = monotime_now();
	recorder.puts = 0;
	book_fail(1, OLD);
	assert_int_equal(recorder.puts, 1);
	book_defer(1, 53, now + 5 * MONOTIME_S);
	assert_int_equal(recorder.last.tries, 4);
	assert_int_equal(recorder.last.failures, 2);
	assert_int_equal(recorder.last.last_at, now + 5 * MONOTIME_S);
	assert_int_equal(recorder.last.first_at, row.first_at);
	assert_int_equal(recorder.last.verdict_at, row.verdict_at);
	expect_time(row.first_at, now - 30 * MONOTIME_S);
	expect_time(row.verdict_at, now - 10 * MONOTIME_S);
	assert_int_equal(recorder.last.envelope_count, 4);
	assert_true(book_known(1, 50, NEW, now + 55 * MONOTIME_S));
	assert_false(book_known(1, 50, NEW, now + 90 * MONOTIME_S));
}

/* It was written before this machine was started: its times are before the
 * monotonic clock's beginning. */
static void
test_ledger_row_may_be_older_than_the_clock(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN);
	int64_t by = monotime_now() + HOUR;

	(void)state;
	config->cache_late_ttl = by + HOUR;
	config->alarm_after = INT64_MAX;
	age(&row, by);
	load_alone(&row);
	book_expect_counts(1, 1);
	book_defer(1, 50, monotime_now());
	assert_int_equal(recorder.last.first_at, row.first_at);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_false(book_known(1, 50, NEW, monotime_now() + HOUR));
}

static void
test_ledger_unscannable_and_failures_are_loaded(void **state)
{
	struct row row;

	(void)state;
	book_fail(1, OLD);
	book_fail(1, OLD);
	book_verdict(1, VERDICT_UNSCANNABLE, OLD, NOW);
	row = last_row(NOW);
	load_alone(&row);
	assert_int_equal(book_failures(1, OLD), 2);
	assert_true(book_known(1, 77, OLD, monotime_now()));
	assert_false(book_known(1, 77, NEW, monotime_now()));
	assert_false(book_was_deferred(1));
	assert_false(ledger_awaits_sender(ledger, ""));
	book_expect_counts(1, 0);
}

static void
test_ledger_verdict_that_was_fetched_is_not_ready_again(void **state)
{
	struct row row;

	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(1, 50, NEW, NOW));
	row = last_row(NOW);
	load_alone(&row);
	book_expect_counts(1, 0);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	book_defer(1, 51, monotime_now());
	book_expect_counts(1, 1);
}

static void
test_ledger_does_not_load_what_has_expired(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN);

	(void)state;
	age(&row, LATE_TTL + 1);
	load_alone(&row);
	book_expect_counts(0, 0);
	assert_false(ledger_awaits_sender(ledger, "<a@example.org>"));
}

static void
test_ledger_loads_no_more_than_its_bound_nor_a_key_twice(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN);

	(void)state;
	load_alone(&row);
	ledger_load(ledger, &row);
	book_expect_counts(1, 1);
	for (unsigned n = 2; n < 2 * ROWS; n++) {
		row.key = book_number(n);
		ledger_load(ledger, &row);
	}
	book_expect_counts(ROWS, ROWS);
	assert_int_equal(recorder.deletes, ROWS - 1);
}

/* The store hands rows over in no order; here the youngest comes first. */
static void
test_ledger_of_loaded_rows_drops_the_oldest(void **state)
{
	int64_t now = monotime_now();
	struct row row;

	(void)state;
	book_defer(1, 50, now);
	row = recorder.last;
	load_alone(&row);
	for (unsigned n = 2; n <= ROWS; n++) {
		row.key = book_number(n);
		row.first_at = row.last_at = now - n * (MONOTIME_S / 10);
		ledger_load(ledger, &row);
	}
	book_expect_counts(ROWS, 0);
	book_defer(ROWS + 1, 50, monotime_now());
	assert_true(book_was_deferred(1));
	assert_false(book_was_deferred(ROWS));
	assert_true(book_was_deleted(ROWS));
}

/* As above, of what expires. */
static void
test_ledger_of_loaded_rows_drops_all_that_expire(void **state)
{
	struct row row;

	(void)state;
	book_defer(1, 50, monotime_now());
	row = recorder.last;
	load_alone(&row);
	row.key = book_number(2);
	row.first_at = row.last_at = monotime_now() - 50 * MONOTIME_S;
	ledger_load(ledger, &row);
	book_defer(3, 50, monotime_now() + 60 * MONOTIME_S);
	assert_true(book_was_deferred(1));
	assert_false(book_was_deferred(2));
}

static void
test_ledger_row_made_before_the_old_one_came_is_merged(void **state)
{
	struct row old = saved_row(1, VERDICT_INFECTED);

	(void)state;
	ledger_destroy(&ledger);
	book_open();
	book_defer_from(1, 60, "<new@example.org>", monotime_now());
	book_expect_counts(1, 0);
	recorder.puts = 0;
	ledger_load(ledger, &old);
	assert_int_equal(recorder.puts, 1);
	assert_true(recorder.last.merged);
	assert_int_equal(recorder.last.tries, 4);
	book_expect_counts(1, 1);
	assert_true(ledger_awaits_sender(ledger, "<new@example.org>"));
	assert_false(ledger_awaits_sender(ledger, "<a@example.org>"));
	assert_int_equal(book_failures(1, OLD), 1);
	ledger_load(ledger, &old);
	assert_int_equal(recorder.puts, 1);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_true(book_known(1, 60, NEW, monotime_now()));
	book_expect_counts(1, 0);
	assert_int_equal(recorder.deletes, 0);
}

/* The store is read after the first mail, and its verdict is of signatures that
 * were replaced before that mail came.  Where the clock was set back meanwhile
 * it seems to be newer than that mail. */
static void
test_ledger_old_verdict_that_is_loaded_answers_whom_it_did(void **state)
{
	static const int64_t steps[] = { 0, 5 * MONOTIME_S };
	struct row old = saved_row(1, VERDICT_CLEAN);

	(void)state;
	for (size_t i = 0; i < LENGTH(steps); i++) {
		ledger_destroy(&ledger);
		book_open();
		book_defer_in(1, 52, NEW, monotime_now());
		book_defer_in(1, 60, NEW, monotime_now());
		age(&old, -steps[i]);
		ledger_load(ledger, &old);
		for (unsigned envelope = 50; envelope < 53; envelope++)
			assert_true(
			    book_known(1, envelope, NEW, monotime_now()));
		assert_false(book_known(1, 60, NEW, monotime_now()));
		/* So it is after one more restart. */
		load_alone(&recorder.last);
		assert_true(book_known(1, 52, NEW, monotime_now()));
		assert_false(book_known(1, 60, NEW, monotime_now()));
		book_verdict(1, VERDICT_CLEAN, NEW, monotime_now());
		assert_true(book_known(1, 60, OLD, monotime_now()));
	}
}

static void
test_ledger_verdict_answers_who_is_loaded_after_it(void **state)
{
	struct row old;

	(void)state;
	book_defer(1, 50, monotime_now());
	old = recorder.last;
	ledger_destroy(&ledger);
	book_open();
	book_verdict(1, VERDICT_CLEAN, NEW, monotime_now());
	ledger_load(ledger, &old);
	assert_true(book_known(1, 50, OLD, monotime_now()));
	assert_false(book_known(1, 51, OLD, monotime_now()));
}

/* A row that was loaded is older than those that were made since. */
static void
test_ledger_that_is_full_has_no_room_for_what_is_loaded(void **state)
{
	struct row row;

	(void)state;
	book_defer(1, 50, NOW);
	row = recorder.last;
	row.first_at = row.last_at = monotime_now() - 10 * MONOTIME_S;
	ledger_destroy(&ledger);
	book_open();
	for (unsigned n = 0; n < ROWS; n++)
		book_defer(n, 50, monotime_now());
	for (unsigned n = ROWS; n < 2 * ROWS; n++) {
		row.key = book_number(n);
		ledger_load(ledger, &row);
		book_expect_counts(ROWS, 0);
		assert_true(book_was_deleted(n));
	}
	for (unsigned n = 0; n < ROWS; n++)
		assert_true(book_was_deferred(n));
}

/* The process before answers on: what it does to a row that both began with
 * counts once. */
static void
test_ledger_inherits_what_the_process_before_still_learns(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN), other = row;

	(void)state;
	load_alone(&row);
	book_expect_counts(1, 1);
	/* There was a failure and a try more, and then it was answered. */
	other.failures++;
	other.tries++;
	other.last_at += MONOTIME_S;
	other.fetched = true;
	other.verdict = verdict_make(VERDICT_INFECTED, "Found.Later");
	other.verdict_at += MONOTIME_S;
	ledger_inherit(ledger, &other);
	ledger_inherit(ledger, &other);
	book_expect_counts(1, 0);
	assert_int_equal(recorder.last.tries, row.tries + 1);
	assert_int_equal(recorder.last.failures, row.failures + 1);
	assert_string_equal(recorder.last.verdict.name, "Found.Later");
	/* What is older changes nothing. */
	ledger_inherit(ledger, &row);
	assert_int_equal(recorder.last.tries, row.tries + 1);
	assert_string_equal(recorder.last.verdict.name, "Found.Later");
	assert_true(recorder.last.fetched);
	/* One that isn't known here. */
	row.key = book_number(2);
	ledger_inherit(ledger, &row);
	book_expect_counts(2, 1);
}

/* The log's only line has this in it; "" for no line. */
static void
expect_log(const char *log, const char *expected)
{
	const char *end = strchr(log, '\n');

	if (expected[0] == '\0') {
		assert_string_equal(log, "");
		return;
	}
	assert_non_null(strstr(log, expected));
	assert_non_null(end);
	assert_string_equal(end + 1, "");
}

static void
test_ledger_raises_one_alarm_for_a_mail(void **state)
{
	char before[4096], at[4096], after[4096];
	struct support_capture capture;

	(void)state;
	config->alarm_after = 30 * 60 * MONOTIME_S;
	config->cache_late_ttl = 24 * HOUR;
	support_capture_begin(&capture);
	book_defer(1, 50, NOW);
	book_defer(1, 50, NOW + config->alarm_after - 1);
	support_capture_end(&capture, before, sizeof before);
	support_capture_begin(&capture);
	book_defer(1, 50, NOW + config->alarm_after + MONOTIME_S);
	support_capture_end(&capture, at, sizeof at);
	support_capture_begin(&capture);
	book_defer(1, 50, NOW + config->alarm_after + HOUR);
	book_defer(1, 51, NOW + config->alarm_after + 2 * HOUR);
	book_defer(2, 50, NOW + config->alarm_after + 2 * HOUR);
	support_capture_end(&capture, after, sizeof after);
	expect_log(before, "");
	expect_log(at,
	    "error: mail deferred for 30 minutes: "
	    "key=0100000000000000, tries=3, reason=scan-running\n");
	expect_log(after, "");
}

static void
test_ledger_alarm_counts_the_time_before_a_restart(void **state)
{
	struct row row = saved_row(1, VERDICT_CLEAN);
	char log[4096];
	struct support_capture capture;

	(void)state;
	row.first_at = monotime_now() - ALARM + 5 * MONOTIME_S;
	load_alone(&row);
	support_capture_begin(&capture);
	book_defer(1, 50, monotime_now() + 10 * MONOTIME_S);
	support_capture_end(&capture, log, sizeof log);
	expect_log(log, "mail deferred for 0 minutes: ");
}

/* The same content comes again after its first mail was answered: that one
 * is no longer deferred. */
static void
test_ledger_raises_no_alarm_for_a_mail_that_had_its_answer(void **state)
{
	char log[4096];
	struct support_capture capture;

	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW + MONOTIME_S);
	assert_true(book_known(1, 50, OLD, NOW + 2 * MONOTIME_S));
	support_capture_begin(&capture);
	book_defer(1, 51, NOW + 2 * ALARM);
	support_capture_end(&capture, log, sizeof log);
	expect_log(log, "");
}

static void
test_ledger_reports_once_an_hour_what_none_has_fetched(void **state)
{
	static const struct {
		int64_t after; /* since NOW */
		bool fetched;
		const char *log;
	} steps[] = {
		{ 0, false, "" },
		{ HOUR - 1, false, "" },
		{ HOUR, false,
		    "verdicts that are ready, but whose senders "
		    "have not come back: 2 (vscanctl deferred lists "
		    "them)\n" },
		{ HOUR + 1, false, "" },
		{ 2 * HOUR, false, "not come back: 2 (" },
		{ 3 * HOUR, true, "" },
	};
	struct support_capture capture;
	char log[4096];

	(void)state;
	config->cache_late_ttl = 24 * HOUR;
	for (unsigned n = 0; n < 3; n++)
		book_defer(n, 50, NOW);
	book_verdict(0, VERDICT_CLEAN, OLD, NOW);
	book_verdict(1, VERDICT_INFECTED, OLD, NOW);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int64_t now = NOW + steps[i].after;

		if (steps[i].fetched)
			assert_true(book_known(0, 50, OLD, now) &&
			    book_known(1, 50, OLD, now));
		support_capture_begin(&capture);
		assert_true(ledger_report(ledger, now) > now);
		support_capture_end(&capture, log, sizeof log);
		expect_log(log, steps[i].log);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_ledger_row_that_was_loaded_is_the_same, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_row_that_was_loaded_keeps_its_ages, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_row_may_be_older_than_the_clock, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_unscannable_and_failures_are_loaded, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdict_that_was_fetched_is_not_ready_again,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_does_not_load_what_has_expired, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_loads_no_more_than_its_bound_nor_a_key_twice,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_of_loaded_rows_drops_the_oldest, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_of_loaded_rows_drops_all_that_expire,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_row_made_before_the_old_one_came_is_merged,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_old_verdict_that_is_loaded_answers_whom_it_did,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdict_answers_who_is_loaded_after_it,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_that_is_full_has_no_room_for_what_is_loaded,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_inherits_what_the_process_before_still_learns,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_raises_one_alarm_for_a_mail, book_setup,
		    book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_alarm_counts_the_time_before_a_restart,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_raises_no_alarm_for_a_mail_that_had_its_answer,
		    book_setup, book_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ledger_reports_once_an_hour_what_none_has_fetched,
		    book_setup, book_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
