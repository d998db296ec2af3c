/* test_store_merge - of two rows nothing is lost that would still hold
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "ledger/store.h"
#include "store_helper.h"
#include "support.h"

#define G1 "0123456789abcdef"
#define G2 "fedcba9876543210"

/* A row as it is made: nothing is known yet. */
static struct store_row
bare(void)
{
	struct store_row row = { .tries = 0 };

	row.key = kept_row(1).key;
	return row;
}

static struct store_row
with_verdict(enum verdict_kind kind, const char *generation)
{
	struct store_row row = bare();

	row.known = true;
	row.verdict = verdict_make(kind, "Name");
	snprintf(row.generation, sizeof row.generation, "%s", generation);
	row.scan_time = 7 * MONOTIME_S;
	row.verdict_age = 30 * MONOTIME_S;
	return row;
}

static struct store_row
with_failures(unsigned failures, const char *generation)
{
	struct store_row row = bare();

	row.failures = failures;
	snprintf(row.failed_in, sizeof row.failed_in, "%s", generation);
	return row;
}

/* From and for whom is who, with this many tries. */
static struct store_row
with_tries(unsigned tries, int64_t first_age, int64_t last_age, const char *who)
{
	struct store_row row = bare();

	row.tries = tries;
	row.first_age = first_age;
	row.last_age = last_age;
	snprintf(row.reason, sizeof row.reason, "%s", who);
	snprintf(row.sender, sizeof row.sender, "%s", who);
	snprintf(row.recipients, sizeof row.recipients, "%s", who);
	snprintf(row.message_id, sizeof row.message_id, "%s", who);
	snprintf(row.queue_id, sizeof row.queue_id, "%s", who);
	return row;
}

/* Envelopes are told apart by a number. */
static struct store_row
with_envelopes(unsigned from, unsigned count)
{
	struct store_row row = bare();

	for (unsigned i = 0; i < count; i++)
		row.envelopes[i].bytes[0] = (unsigned char)(from + i);
	row.envelope_count = count;
	return row;
}

static void
test_store_merge_with_nothing_changes_nothing(void **state)
{
	struct store_row row = kept_row(1), before = kept_row(1);
	struct store_row none = bare();

	(void)state;
	store_merge(&row, &none);
	kept_expect_same(&row, &before);
}

static void
test_store_merge_of_nothing_takes_all(void **state)
{
	struct store_row row = bare(), older = kept_row(1);

	(void)state;
	store_merge(&row, &older);
	kept_expect_same(&row, &older);
}

static void
test_store_merge_takes_an_older_verdict_for_none(void **state)
{
	struct store_row row = with_tries(1, MONOTIME_S, MONOTIME_S, "new");
	struct store_row older = with_verdict(VERDICT_INFECTED, G1);

	(void)state;
	store_merge(&row, &older);
	assert_true(row.known);
	assert_int_equal(row.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(row.verdict.name, "Name");
	assert_string_equal(row.generation, G1);
	assert_int_equal(row.scan_time, 7 * MONOTIME_S);
	assert_int_equal(row.verdict_age, 30 * MONOTIME_S);
	assert_int_equal(row.tries, 1);
}

static void
test_store_merge_keeps_the_newer_of_two_verdicts(void **state)
{
	struct store_row row = with_verdict(VERDICT_CLEAN, G2);
	struct store_row older = with_verdict(VERDICT_INFECTED, G1);

	(void)state;
	row.verdict_age = MONOTIME_S;
	store_merge(&row, &older);
	assert_int_equal(row.verdict.kind, VERDICT_CLEAN);
	assert_string_equal(row.generation, G2);
	assert_int_equal(row.verdict_age, MONOTIME_S);
}

static void
test_store_merge_adds_failures_of_one_generation(void **state)
{
	static const struct {
		unsigned newer;
		const char *newer_in;
		unsigned older;
		const char *older_in;
		unsigned both;
		const char *both_in;
	} cases[] = {
		{ 0, "", 0, "", 0, "" },
		{ 0, "", 2, G1, 2, G1 },
		{ 1, G1, 0, "", 1, G1 },
		{ 1, G1, 1, G1, 2, G1 },
		{ 1, G2, 5, G1, 1, G2 },
		{ UINT_MAX, G1, 2, G1, UINT_MAX, G1 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct store_row row = with_failures(cases[i].newer,
		    cases[i].newer_in);
		struct store_row older = with_failures(cases[i].older,
		    cases[i].older_in);

		store_merge(&row, &older);
		if (row.failures != cases[i].both ||
		    strcmp(row.failed_in, cases[i].both_in) != 0)
			fail_msg("case %zu: %u in %s", i, row.failures,
			    row.failed_in);
	}
}

static void
expect_who(const struct store_row *row, const char *who)
{
	assert_string_equal(row->reason, who);
	assert_string_equal(row->sender, who);
	assert_string_equal(row->recipients, who);
	assert_string_equal(row->message_id, who);
	assert_string_equal(row->queue_id, who);
}

static void
test_store_merge_adds_tries_and_keeps_first_and_last(void **state)
{
	struct store_row row = with_tries(2, 9 * MONOTIME_S, MONOTIME_S, "new");
	struct store_row older = with_tries(3, 600 * MONOTIME_S,
	    60 * MONOTIME_S, "old");

	(void)state;
	store_merge(&row, &older);
	assert_int_equal(row.tries, 5);
	assert_int_equal(row.first_age, 600 * MONOTIME_S);
	assert_int_equal(row.last_age, MONOTIME_S);
	expect_who(&row, "new");
}

static void
test_store_merge_takes_the_older_try_for_none(void **state)
{
	struct store_row row = with_failures(1, G1);
	struct store_row older = with_tries(3, 600 * MONOTIME_S,
	    60 * MONOTIME_S, "old");

	(void)state;
	row.first_age = row.last_age = 0;
	store_merge(&row, &older);
	assert_int_equal(row.tries, 3);
	assert_int_equal(row.first_age, 600 * MONOTIME_S);
	assert_int_equal(row.last_age, 60 * MONOTIME_S);
	assert_int_equal(row.failures, 1);
	expect_who(&row, "old");
}

/* The older row's verdict had been fetched, or had not; then there was a try,
 * or only a failure. */
static void
test_store_merge_knows_what_was_fetched(void **state)
{
	static const struct {
		bool older_fetched;
		unsigned tries;
		bool fetched;
		int64_t first_age;
	} cases[] = {
		{ false, 0, false, 600 * MONOTIME_S },
		{ true, 0, true, 600 * MONOTIME_S },
		{ false, 1, false, 600 * MONOTIME_S },
		{ true, 1, false, 9 * MONOTIME_S },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct store_row older = kept_row(1);
		struct store_row row = with_tries(cases[i].tries,
		    9 * MONOTIME_S, MONOTIME_S, "new");

		older.fetched = cases[i].older_fetched;
		older.first_age = 600 * MONOTIME_S;
		store_merge(&row, &older);
		assert_true(row.known);
		if (row.fetched != cases[i].fetched ||
		    row.first_age != cases[i].first_age)
			fail_msg("case %zu", i);
	}
}

/* The older row seems to be the younger: the clock was set back. */
static void
test_store_merge_takes_the_longer_of_two_first_ages(void **state)
{
	struct store_row row = with_tries(1, 9 * MONOTIME_S, MONOTIME_S, "new");
	struct store_row older = with_tries(1, 0, 0, "old");

	(void)state;
	store_merge(&row, &older);
	assert_int_equal(row.first_age, 9 * MONOTIME_S);
}

static void
test_store_merge_keeps_the_latest_envelopes(void **state)
{
	static const struct {
		unsigned older, older_count, newer, newer_count;
		unsigned first, count;
	} cases[] = {
		{ 1, 3, 10, 0, 1, 3 },
		{ 1, 0, 10, 2, 10, 2 },
		{ 1, 3, 4, 2, 1, 5 },
		{ 1, 3, 1, 3, 1, 3 },
		{ 1, 3, 3, 2, 1, 4 },
		{ 1, 32, 33, 32, 33, 32 },
		{ 1, 32, 33, 1, 2, 32 },
		{ 1, 32, 32, 2, 2, 32 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct store_row row = with_envelopes(cases[i].newer,
		    cases[i].newer_count);
		struct store_row older = with_envelopes(cases[i].older,
		    cases[i].older_count);

		store_merge(&row, &older);
		if (row.envelope_count != cases[i].count)
			fail_msg("case %zu: %zu", i, row.envelope_count);
		for (unsigned j = 0; j < cases[i].count; j++)
			if (row.envelopes[j].bytes[0] != cases[i].first + j)
				fail_msg("case %zu: %u. is %d", i, j,
				    row.envelopes[j].bytes[0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_merge_with_nothing_changes_nothing),
		cmocka_unit_test(test_store_merge_of_nothing_takes_all),
		cmocka_unit_test(
		    test_store_merge_takes_an_older_verdict_for_none),
		cmocka_unit_test(
		    test_store_merge_keeps_the_newer_of_two_verdicts),
		cmocka_unit_test(
		    test_store_merge_adds_failures_of_one_generation),
		cmocka_unit_test(
		    test_store_merge_adds_tries_and_keeps_first_and_last),
		cmocka_unit_test(test_store_merge_takes_the_older_try_for_none),
		cmocka_unit_test(test_store_merge_knows_what_was_fetched),
		cmocka_unit_test(
		    test_store_merge_takes_the_longer_of_two_first_ages),
		cmocka_unit_test(test_store_merge_keeps_the_latest_envelopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
