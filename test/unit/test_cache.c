/* test_cache - which verdict holds, and for how long
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
#include "ledger/cache.h"
#include "support.h"

#define TTL (10 * MONOTIME_S)
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

/* Keys are told apart by a number. */
static struct key
number(unsigned n)
{
	struct key key = { { 0 } };

	memcpy(key.bytes, &n, sizeof n);
	return key;
}

static void
store_at(unsigned n, enum verdict_kind kind, const char *name,
    const char *generation, int64_t now)
{
	struct key key = number(n);
	struct verdict verdict = verdict_make(kind, name);

	cache_store(cache, &key, &verdict, generation, 7 * MONOTIME_S, now);
}

static void
store(unsigned n, enum verdict_kind kind, const char *name,
    const char *generation)
{
	store_at(n, kind, name, generation, NOW);
}

static bool
lookup(unsigned n, const char *generation, int64_t now,
    struct cache_answer *answer_r)
{
	struct key key = number(n);

	return cache_lookup(cache, &key, generation, now, answer_r);
}

static bool
known(unsigned n, const char *generation, int64_t now)
{
	struct cache_answer answer;

	return lookup(n, generation, now, &answer);
}

static void
test_cache_gives_back_what_was_stored(void **state)
{
	struct cache_answer answer;

	(void)state;
	assert_false(known(1, OLD, NOW));
	store(1, VERDICT_INFECTED, "Eicar", OLD);
	assert_true(lookup(1, OLD, NOW, &answer));
	assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(answer.verdict.name, "Eicar");
	assert_int_equal(answer.scan_time, 7 * MONOTIME_S);
	assert_false(known(2, OLD, NOW));
}

static void
test_cache_verdict_holds_for_its_generation_and_ttl(void **state)
{
	static const struct {
		enum verdict_kind kind;
		const char *generation;
		int64_t age;
		bool holds;
	} cases[] = {
		{ VERDICT_CLEAN, OLD, 0, true },
		{ VERDICT_CLEAN, OLD, TTL - 1, true },
		{ VERDICT_CLEAN, OLD, TTL, false },
		{ VERDICT_CLEAN, NEW, 0, false },
		{ VERDICT_INFECTED, OLD, TTL - 1, true },
		{ VERDICT_INFECTED, OLD, TTL, false },
		{ VERDICT_INFECTED, NEW, 0, false },
		{ VERDICT_INCOMPLETE, OLD, TTL - 1, true },
		{ VERDICT_INCOMPLETE, NEW, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		store(1, cases[i].kind, "", OLD);
		if (known(1, cases[i].generation, NOW + cases[i].age) !=
		    cases[i].holds)
			fail_msg("case %zu", i);
	}
	assert_int_equal(cache_size(cache), 1);
}

static void
test_cache_looking_up_makes_no_verdict_younger(void **state)
{
	(void)state;
	store(1, VERDICT_CLEAN, "", OLD);
	assert_true(known(1, OLD, NOW + TTL - 1));
	assert_false(known(1, OLD, NOW + TTL));
	store_at(1, VERDICT_CLEAN, "", OLD, NOW + TTL);
	assert_true(known(1, OLD, NOW + 2 * TTL - 1));
	assert_false(known(1, OLD, NOW + 2 * TTL));
}

static void
test_cache_newer_verdict_takes_the_older_ones_place(void **state)
{
	struct cache_answer answer;

	(void)state;
	store(1, VERDICT_CLEAN, "", OLD);
	store(1, VERDICT_INFECTED, "Found.Later", NEW);
	assert_int_equal(cache_size(cache), 1);
	assert_false(known(1, OLD, NOW));
	assert_true(lookup(1, NEW, NOW, &answer));
	assert_string_equal(answer.verdict.name, "Found.Later");
}

static void
test_cache_is_bounded_and_drops_what_was_used_longest_ago(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		store(n, VERDICT_CLEAN, "", OLD);
	assert_int_equal(cache_size(cache), 4);
	assert_true(known(1, OLD, NOW));
	store(5, VERDICT_CLEAN, "", OLD);
	assert_int_equal(cache_size(cache), 4);
	assert_false(known(2, OLD, NOW));
	assert_true(known(1, OLD, NOW));
	store(3, VERDICT_CLEAN, "", OLD);
	store(6, VERDICT_CLEAN, "", OLD);
	assert_false(known(4, OLD, NOW));
	assert_true(known(3, OLD, NOW));
	for (unsigned n = 10; n < 1000; n++) {
		store(n, VERDICT_CLEAN, "", OLD);
		assert_int_equal(cache_size(cache), 4);
	}
}

static void
test_cache_of_one_entry_works(void **state)
{
	struct config *small = support_config("cache { entries = 1 }");
	struct cache *one = cache_create(small);
	struct verdict verdict = verdict_make(VERDICT_CLEAN, "");
	struct cache_answer answer;
	struct key key;

	(void)state;
	for (unsigned n = 0; n < 5; n++) {
		key = number(n);
		cache_store(one, &key, &verdict, OLD, 0, NOW);
		assert_int_equal(cache_size(one), 1);
		assert_true(cache_lookup(one, &key, OLD, NOW, &answer));
	}
	cache_destroy(&one);
	config_destroy(&small);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_cache_gives_back_what_was_stored, open_cache,
		    close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_verdict_holds_for_its_generation_and_ttl,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_looking_up_makes_no_verdict_younger, open_cache,
		    close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_newer_verdict_takes_the_older_ones_place,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(
		    test_cache_is_bounded_and_drops_what_was_used_longest_ago,
		    open_cache, close_cache),
		cmocka_unit_test_setup_teardown(test_cache_of_one_entry_works,
		    open_cache, close_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
