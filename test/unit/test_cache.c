/* test_cache - which verdict holds for whom, and for how long
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "config/config.h"
#include "scan/cache.h"
#include "support.h"

#define TTL (10 * MONOTIME_S)
#define LATE_TTL (100 * MONOTIME_S)
#define NOW (1000 * MONOTIME_S)

#define OLD "0123456789abcdef"
#define NEW "fedcba9876543210"

static struct config *config;
static struct cache *cache;

static int
open_cache(void **state)
{
	(void)state;
	config = support_config("cache { entries = 4 ttl = 10s "
	    "late_ttl = 100s }");
	cache = cache_create(config);
	return 0;
}

static int
close_cache(void **state)
{
	(void)state;
	cache_destroy(&cache);
	assert_null(cache);
	config_destroy(&config);
	return 0;
}

/* Keys and envelopes are told apart by a number. */
static struct key
number(unsigned n)
{
	struct key key = { { 0 } };

	memcpy(key.bytes, &n, sizeof n);
	return key;
}

static void
store(unsigned n, enum verdict_kind kind, const char *name,
    const char *generation)
{
	struct key key = number(n);
	struct verdict verdict = verdict_make(kind, name);

	cache_store(cache, &key, &verdict, generation, 7 * MONOTIME_S, NOW);
}

static void
defer(unsigned n, unsigned envelope)
{
	struct key key = number(n), of = number(envelope);

	cache_defer(cache, &key, &of);
}

static bool
lookup(unsigned n, unsigned envelope, const char *generation, int64_t now,
    struct cache_answer *answer_r)
{
	struct key key = number(n), of = number(envelope);

	return cache_lookup(cache, &key, &of, generation, now, answer_r);
}

static bool
known(unsigned n, unsigned envelope, const char *generation, int64_t now)
{
	struct cache_answer answer;

	return lookup(n, envelope, generation, now, &answer);
}

static void
test_cache_gives_back_what_was_stored(void **state)
{
	struct cache_answer answer;

	(void)state;
	assert_false(known(1, 50, OLD, NOW));
	store(1, VERDICT_INFECTED, "Eicar", OLD);
	assert_true(lookup(1, 50, OLD, NOW, &answer));
	assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(answer.verdict.name, "Eicar");
	assert_int_equal(answer.scan_time, 7 * MONOTIME_S);
	assert_string_equal(answer.generation, OLD);
	assert_false(answer.late);
	assert_false(known(2, 50, OLD, NOW));
}

/* Of a verdict stored at NOW in OLD; envelope 50 was deferred. */
static const struct {
	enum verdict_kind kind;
	bool deferred;
	unsigned envelope;
	const char *generation;
	int64_t age;
	bool holds, late;
} validity[] = {
	/* normal: generation and ttl */
	{ VERDICT_CLEAN, false, 50, OLD, 0, true, false },
	{ VERDICT_CLEAN, false, 51, OLD, TTL - 1, true, false },
	{ VERDICT_CLEAN, false, 50, OLD, TTL, false, false },
	{ VERDICT_CLEAN, false, 50, NEW, 0, false, false },
	{ VERDICT_INFECTED, false, 50, NEW, 0, false, false },
	{ VERDICT_INFECTED, false, 50, OLD, TTL, false, false },
	/* late: for its envelope, across generations, for late_ttl */
	{ VERDICT_CLEAN, true, 50, OLD, 0, true, false },
	{ VERDICT_CLEAN, true, 50, OLD, TTL, true, true },
	{ VERDICT_CLEAN, true, 50, NEW, 0, true, true },
	{ VERDICT_CLEAN, true, 50, NEW, LATE_TTL - 1, true, true },
	{ VERDICT_CLEAN, true, 50, NEW, LATE_TTL, false, false },
	{ VERDICT_CLEAN, true, 50, OLD, LATE_TTL, false, false },
	{ VERDICT_INFECTED, true, 50, NEW, TTL, true, true },
	{ VERDICT_INCOMPLETE, true, 50, NEW, TTL, true, true },
	/* for others it is a normal one */
	{ VERDICT_CLEAN, true, 51, OLD, TTL - 1, true, false },
	{ VERDICT_CLEAN, true, 51, OLD, TTL, false, false },
	{ VERDICT_CLEAN, true, 51, NEW, 0, false, false },
	/* unscannable: for its generation only, but for late_ttl */
	{ VERDICT_UNSCANNABLE, false, 50, OLD, LATE_TTL - 1, true, false },
	{ VERDICT_UNSCANNABLE, false, 50, OLD, LATE_TTL, false, false },
	{ VERDICT_UNSCANNABLE, false, 50, NEW, 0, false, false },
	{ VERDICT_UNSCANNABLE, true, 50, NEW, 0, false, false },
	{ VERDICT_UNSCANNABLE, true, 51, OLD, TTL, true, false },
};

static void
check_validity(bool defer_first)
{
	struct cache_answer answer;

	for (size_t i = 0; i < LENGTH(validity); i++) {
		if (validity[i].deferred && defer_first)
			defer(1, 50);
		store(1, validity[i].kind, "", OLD);
		if (validity[i].deferred && !defer_first)
			defer(1, 50);
		if (lookup(1, validity[i].envelope, validity[i].generation,
		    NOW + validity[i].age, &answer) != validity[i].holds)
			fail_msg("row %zu", i);
		if (validity[i].holds && answer.late != validity[i].late)
			fail_msg("row %zu is late or not", i);
		cache_destroy(&cache);
		cache = cache_create(config);
	}
}

static void
test_cache_verdict_holds_for_whom_it_should(void **state)
{
	(void)state;
	check_validity(false);
}

static void
test_cache_deferred_before_or_after_its_verdict_is_the_same(void **state)
{
	(void)state;
	check_validity(true);
}

static void
test_cache_deferred_alone_is_no_verdict(void **state)
{
	struct key key = number(1);

	(void)state;
	defer(1, 50);
	assert_false(known(1, 50, OLD, NOW));
	cache_count_failure(cache, &key, OLD);
	assert_false(known(1, 50, OLD, NOW));
	assert_int_equal(cache_size(cache), 1);
}

static void
test_cache_newer_verdict_takes_the_older_ones_place(void **state)
{
	struct cache_answer answer;

	(void)state;
	defer(1, 50);
	store(1, VERDICT_CLEAN, "", OLD);
	store(1, VERDICT_INFECTED, "Found.Later", NEW);
	assert_int_equal(cache_size(cache), 1);
	assert_false(known(1, 51, OLD, NOW));
	assert_true(lookup(1, 51, NEW, NOW, &answer));
	assert_string_equal(answer.verdict.name, "Found.Later");
	assert_true(lookup(1, 50, OLD, NOW, &answer));
	assert_string_equal(answer.verdict.name, "Found.Later");
	assert_string_equal(answer.generation, NEW);
	assert_true(answer.late);
}

static void
test_cache_counts_failures_anew_in_a_new_generation(void **state)
{
	struct key key = number(1), other = number(2);

	(void)state;
	assert_int_equal(cache_count_failure(cache, &key, OLD), 1);
	assert_int_equal(cache_count_failure(cache, &key, OLD), 2);
	assert_int_equal(cache_count_failure(cache, &other, OLD), 1);
	assert_int_equal(cache_count_failure(cache, &key, OLD), 3);
	assert_int_equal(cache_count_failure(cache, &key, NEW), 1);
	assert_int_equal(cache_count_failure(cache, &key, NEW), 2);
	assert_int_equal(cache_count_failure(cache, &key, OLD), 1);
}

static void
test_cache_is_bounded_and_drops_what_was_used_longest_ago(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		store(n, VERDICT_CLEAN, "", OLD);
	assert_int_equal(cache_size(cache), 4);
	assert_true(known(1, 50, OLD, NOW));
	store(5, VERDICT_CLEAN, "", OLD);
	assert_int_equal(cache_size(cache), 4);
	assert_false(known(2, 50, OLD, NOW));
	assert_true(known(1, 50, OLD, NOW));
	store(3, VERDICT_CLEAN, "", OLD);
	store(6, VERDICT_CLEAN, "", OLD);
	assert_false(known(4, 50, OLD, NOW));
	assert_true(known(3, 50, OLD, NOW));
	for (unsigned n = 10; n < 1000; n++) {
		struct key key = number(n);

		if (n % 3 == 0)
			store(n, VERDICT_CLEAN, "", OLD);
		else if (n % 3 == 1)
			defer(n, n);
		else
			cache_count_failure(cache, &key, OLD);
		assert_int_equal(cache_size(cache), 4);
	}
}

static void
test_cache_drops_late_verdicts_after_all_others(void **state)
{
	(void)state;
	defer(1, 50);
	store(1, VERDICT_CLEAN, "", OLD);
	store(2, VERDICT_CLEAN, "", OLD);
	defer(2, 50);
	store(3, VERDICT_CLEAN, "", OLD);
	store(4, VERDICT_CLEAN, "", OLD);
	for (unsigned n = 10; n < 20; n++)
		store(n, VERDICT_CLEAN, "", OLD);
	assert_true(known(1, 50, NEW, NOW));
	assert_true(known(2, 50, NEW, NOW));
	assert_true(known(19, 50, OLD, NOW));
	assert_true(known(18, 50, OLD, NOW));
	assert_false(known(17, 50, OLD, NOW));
}

static void
test_cache_of_late_verdicts_alone_drops_the_oldest(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 6; n++) {
		defer(n, 50);
		store(n, VERDICT_CLEAN, "", OLD);
	}
	assert_int_equal(cache_size(cache), 4);
	for (unsigned n = 1; n <= 6; n++)
		assert_int_equal(known(n, 50, NEW, NOW), n > 2);
}

static void
test_cache_of_one_entry_works(void **state)
{
	struct config *small = support_config("cache { entries = 1 }");
	struct cache *one = cache_create(small);
	struct verdict verdict = verdict_make(VERDICT_CLEAN, "");
	struct key key;

	(void)state;
	for (unsigned n = 0; n < 5; n++) {
		key = number(n);
		cache_defer(one, &key, &key);
		assert_int_equal(cache_size(one), 1);
		cache_store(one, &key, &verdict, OLD, 0, NOW);
		assert_int_equal(cache_size(one), 1);
	}
	cache_destroy(&one);
	config_destroy(&small);
}

static void
test_cache_keeps_the_last_32_envelopes(void **state)
{
	(void)state;
	store(1, VERDICT_CLEAN, "", OLD);
	for (unsigned envelope = 100; envelope < 132; envelope++)
		defer(1, envelope);
	defer(1, 100);
	assert_true(known(1, 100, NEW, NOW));
	assert_true(known(1, 131, NEW, NOW));
	defer(1, 132);
	assert_false(known(1, 100, NEW, NOW));
	for (unsigned envelope = 101; envelope <= 132; envelope++)
		assert_true(known(1, envelope, NEW, NOW));
	for (unsigned envelope = 200; envelope < 400; envelope++)
		defer(1, envelope);
	assert_true(known(1, 368, NEW, NOW));
	assert_false(known(1, 367, NEW, NOW));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_cache_gives_back_what_was_stored,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_verdict_holds_for_whom_it_should,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_deferred_before_or_after_its_verdict_is_the_same,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_deferred_alone_is_no_verdict,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_newer_verdict_takes_the_older_ones_place,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_counts_failures_anew_in_a_new_generation,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_is_bounded_and_drops_what_was_used_longest_ago,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_drops_late_verdicts_after_all_others,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_of_late_verdicts_alone_drops_the_oldest,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_of_one_entry_works,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_keeps_the_last_32_envelopes,
		    open_cache, close_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
