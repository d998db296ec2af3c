/* test_ledger_verdicts - verdicts of mail that was answered in time
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
#include "support.h"

#define TTL (10 * MONOTIME_S)
#define NOW (1000 * MONOTIME_S)

#define OLD "0123456789abcdef"
#define NEW "fedcba9876543210"

static struct config *config;
static struct ledger *ledger;

static int
open_ledger(void **state)
{
	(void)state;
	config = support_config("cache { entries = 4 ttl = 10s "
				"late_ttl = 100s }");
	ledger = ledger_create(config);
	return 0;
}

static int
close_ledger(void **state)
{
	(void)state;
	ledger_destroy(&ledger);
	assert_null(ledger);
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

	ledger_verdict(ledger, &key, &verdict, generation, 7 * MONOTIME_S, now);
}

static void
store(unsigned n, enum verdict_kind kind, const char *name,
    const char *generation)
{
	store_at(n, kind, name, generation, NOW);
}

static bool
lookup(unsigned n, const char *generation, int64_t now,
    struct ledger_answer *answer_r)
{
	struct key key = number(n), nobody = number(0);

	return ledger_lookup(ledger, &key, &nobody, generation, now, answer_r);
}

static bool
known(unsigned n, const char *generation, int64_t now)
{
	struct ledger_answer answer;

	return lookup(n, generation, now, &answer);
}

static void
test_ledger_verdicts_gives_back_what_was_stored(void **state)
{
	struct ledger_answer answer;

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
test_ledger_verdicts_hold_for_their_generation_and_ttl(void **state)
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
	assert_int_equal(ledger_counts(ledger).verdicts, 1);
}

static void
test_ledger_verdicts_looking_up_makes_no_verdict_younger(void **state)
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
test_ledger_verdicts_newer_takes_the_older_ones_place(void **state)
{
	struct ledger_answer answer;

	(void)state;
	store(1, VERDICT_CLEAN, "", OLD);
	store(1, VERDICT_INFECTED, "Found.Later", NEW);
	assert_int_equal(ledger_counts(ledger).verdicts, 1);
	assert_false(known(1, OLD, NOW));
	assert_true(lookup(1, NEW, NOW, &answer));
	assert_string_equal(answer.verdict.name, "Found.Later");
}

static void
test_ledger_verdicts_drop_what_was_used_longest_ago(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		store(n, VERDICT_CLEAN, "", OLD);
	assert_int_equal(ledger_counts(ledger).verdicts, 4);
	assert_true(known(1, OLD, NOW));
	store(5, VERDICT_CLEAN, "", OLD);
	assert_int_equal(ledger_counts(ledger).verdicts, 4);
	assert_false(known(2, OLD, NOW));
	assert_true(known(1, OLD, NOW));
	store(3, VERDICT_CLEAN, "", OLD);
	store(6, VERDICT_CLEAN, "", OLD);
	assert_false(known(4, OLD, NOW));
	assert_true(known(3, OLD, NOW));
	for (unsigned n = 10; n < 1000; n++) {
		store(n, VERDICT_CLEAN, "", OLD);
		assert_int_equal(ledger_counts(ledger).verdicts, 4);
	}
}

static void
test_ledger_verdicts_may_be_one(void **state)
{
	struct config *small = support_config("cache { entries = 1 }");
	struct ledger *one = ledger_create(small);
	struct verdict verdict = verdict_make(VERDICT_CLEAN, "");
	struct ledger_answer answer;
	struct key key;

	(void)state;
	for (unsigned n = 0; n < 5; n++) {
		key = number(n);
		ledger_verdict(one, &key, &verdict, OLD, 0, NOW);
		assert_int_equal(ledger_counts(one).verdicts, 1);
		assert_true(ledger_lookup(one, &key, &key, OLD, NOW, &answer));
	}
	ledger_destroy(&one);
	config_destroy(&small);
}

/* A mail that was deferred counts elsewhere, and outlasts a thousand others;
 * what it had for a verdict is still everybody's. */
static void
test_ledger_verdicts_that_are_awaited_stay(void **state)
{
	struct key key = number(1);
	struct row_try try = { .envelope = number(50) };

	(void)state;
	store(1, VERDICT_CLEAN, "", OLD);
	ledger_defer(ledger, &key, &try, OLD, NOW);
	assert_int_equal(ledger_counts(ledger).verdicts, 0);
	assert_int_equal(ledger_counts(ledger).rows, 1);
	for (unsigned n = 10; n < 1000; n++)
		store(n, VERDICT_CLEAN, "", OLD);
	assert_int_equal(ledger_counts(ledger).verdicts, 4);
	assert_true(known(1, OLD, NOW + TTL - 1));
	assert_false(known(1, OLD, NOW + TTL));
	assert_true(ledger_lookup(ledger, &key, &try.envelope, NEW, NOW + TTL,
	    &(struct ledger_answer){ 0 }));
}

/* Its verdict was nobody's to wait for, and is of no use any more: the mail
 * that is deferred now is to be scanned afresh. */
static void
test_ledger_verdicts_that_are_stale_answer_no_retry(void **state)
{
	static const struct {
		const char *generation;
		int64_t age;
		bool holds;
	} cases[] = {
		{ OLD, TTL - 1, true },
		{ OLD, TTL, false },
		{ NEW, 0, false },
	};
	struct row_try try = { .envelope = number(50) };
	struct ledger_answer answer;

	(void)state;
	for (unsigned i = 0; i < LENGTH(cases); i++) {
		struct key key = number(i);
		int64_t now = NOW + cases[i].age;

		store(i, VERDICT_CLEAN, "", OLD);
		ledger_defer(ledger, &key, &try, cases[i].generation, now);
		if (ledger_lookup(ledger, &key, &try.envelope,
			cases[i].generation, now, &answer) != cases[i].holds)
			fail_msg("case %u", i);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_gives_back_what_was_stored,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_hold_for_their_generation_and_ttl,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_looking_up_makes_no_verdict_younger,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_newer_takes_the_older_ones_place,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_drop_what_was_used_longest_ago,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_that_are_awaited_stay, open_ledger,
		    close_ledger),
		cmocka_unit_test_setup_teardown(
		    test_ledger_verdicts_that_are_stale_answer_no_retry,
		    open_ledger, close_ledger),
		cmocka_unit_test_setup_teardown(test_ledger_verdicts_may_be_one,
		    open_ledger, close_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
