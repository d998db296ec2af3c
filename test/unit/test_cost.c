/* test_cost - how long a scan is expected to take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "scan/cost.h"
#include "support.h"

#define MB UINT64_C(1000000)

static void
test_cost_of_what_was_never_seen_follows_its_size(void **state)
{
	static const uint64_t sizes[] = {
		0,
		1,
		1000,
		100000,
		MB,
		10 * MB,
		200 * MB,
		4000 * MB,
	};
	struct cost cost = { 0 };

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		int64_t pure = (int64_t)(sizes[i] * 1000 / COST_BYTES_PER_S) *
		    MONOTIME_MS;
		int64_t guess = cost_expect(&cost, COST_TEXT, sizes[i]);

		assert_true(guess >= pure);
		assert_true(guess <= pure + 2 * MONOTIME_MS);
		assert_int_equal(cost_expect(&cost, COST_MIXED, sizes[i]),
		    guess);
	}
}

static void
test_cost_is_never_less_than_one(void **state)
{
	static const uint64_t sizes[] = {
		0,
		1,
		2,
		UINT32_MAX,
		UINT64_C(1) << 39,
		UINT64_C(1) << 40,
		UINT64_C(1) << 50,
	};
	struct cost cost = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < LENGTH(sizes); i++) {
			assert_true(
			    cost_expect(&cost, COST_OTHER, sizes[i]) >= 1);
			cost_learn(&cost, COST_OTHER, sizes[i], round - 1);
			assert_int_equal(cost_expect(&cost, COST_OTHER,
					     sizes[i]),
			    1);
		}
}

/* No message is that large; its cost is positive nevertheless. */
static void
test_cost_of_any_size_is_positive(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++)
		if (cost_expect(&cost, COST_TEXT, UINT64_C(1) << bit) < 1)
			fail_msg("2^%u bytes", bit);
	assert_true(cost_expect(&cost, COST_TEXT, UINT64_MAX) >= 1);
}

static void
test_cost_of_the_first_scan_replaces_the_guess(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	cost_learn(&cost, COST_MIXED, MB, 30 * MONOTIME_S);
	assert_int_equal(cost_expect(&cost, COST_MIXED, MB), 30 * MONOTIME_S);
}

static void
test_cost_mean_moves_towards_what_is_learnt(void **state)
{
	struct cost cost = { 0 };
	int64_t before = 1 * MONOTIME_S, mean;

	(void)state;
	cost_learn(&cost, COST_MIXED, MB, before);
	for (int i = 0; i < 100; i++) {
		cost_learn(&cost, COST_MIXED, MB, 9 * MONOTIME_S);
		mean = cost_expect(&cost, COST_MIXED, MB);
		assert_true(mean > before);
		assert_true(mean <= 9 * MONOTIME_S);
		before = mean;
	}
	assert_true(before > 8900 * MONOTIME_MS);
	for (int i = 0; i < 100; i++)
		cost_learn(&cost, COST_MIXED, MB, MONOTIME_MS);
	assert_true(cost_expect(&cost, COST_MIXED, MB) < 100 * MONOTIME_MS);
}

static void
test_cost_of_one_outlier_is_not_believed(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++)
		cost_learn(&cost, COST_TEXT, 5000, 10 * MONOTIME_MS);
	cost_learn(&cost, COST_TEXT, 5000, 1000 * MONOTIME_MS);
	assert_in_range(cost_expect(&cost, COST_TEXT, 5000), 11 * MONOTIME_MS,
	    500 * MONOTIME_MS);
}

static void
test_cost_mean_stays_within_what_was_seen(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < 10000; i++) {
		cost_learn(&cost, COST_TEXT, 5000, 100 + rand() % 900);
		assert_in_range(cost_expect(&cost, COST_TEXT, 5000), 100, 999);
	}
}

static void
test_cost_classes_of_structure_are_apart(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	for (int i = 0; i < COST_STRUCTURES; i++)
		cost_learn(&cost, (enum cost_structure)i, MB,
		    (i + 1) * MONOTIME_S);
	for (int i = 0; i < COST_STRUCTURES; i++)
		assert_int_equal(cost_expect(&cost, (enum cost_structure)i, MB),
		    (i + 1) * MONOTIME_S);
}

static void
test_cost_classes_of_size_are_apart(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	for (unsigned bit = 1; bit < COST_SIZES; bit++)
		cost_learn(&cost, COST_TEXT, UINT64_C(1) << bit,
		    bit * MONOTIME_S);
	for (unsigned bit = 1; bit < COST_SIZES; bit++) {
		assert_int_equal(cost_expect(&cost, COST_TEXT,
				     UINT64_C(1) << bit),
		    bit * MONOTIME_S);
		assert_int_equal(cost_expect(&cost, COST_TEXT,
				     (UINT64_C(2) << bit) - 1),
		    bit * MONOTIME_S);
	}
}

static void
test_cost_sizes_beyond_the_table_share_its_last_class(void **state)
{
	struct cost cost = { 0 };

	(void)state;
	cost_learn(&cost, COST_TEXT, UINT64_MAX, 5 * MONOTIME_S);
	assert_int_equal(cost_expect(&cost, COST_TEXT, UINT64_MAX),
	    5 * MONOTIME_S);
	assert_int_equal(cost_expect(&cost, COST_TEXT,
			     UINT64_C(1) << COST_SIZES),
	    5 * MONOTIME_S);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_cost_of_what_was_never_seen_follows_its_size),
		cmocka_unit_test(test_cost_is_never_less_than_one),
		cmocka_unit_test(test_cost_of_any_size_is_positive),
		cmocka_unit_test(
		    test_cost_of_the_first_scan_replaces_the_guess),
		cmocka_unit_test(test_cost_mean_moves_towards_what_is_learnt),
		cmocka_unit_test(test_cost_of_one_outlier_is_not_believed),
		cmocka_unit_test(test_cost_mean_stays_within_what_was_seen),
		cmocka_unit_test(test_cost_classes_of_structure_are_apart),
		cmocka_unit_test(test_cost_classes_of_size_are_apart),
		cmocka_unit_test(
		    test_cost_sizes_beyond_the_table_share_its_last_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
