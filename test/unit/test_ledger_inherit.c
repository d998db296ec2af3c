/* test_ledger_inherit - what a ledger takes over from the one before it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "ledger/row.h"
#include "ledger_helper.h"

/* What the other ledger goes on to have after both had begun with the same. */
struct other {
	struct row shared; /* what both have */
	struct row later;  /* what the other has now */
};

/* A row that the other has made of the shared one; the ledger that is there
 * afterwards has the shared one only. */
static struct other
begin(void (*go_on)(void))
{
	struct other other;
	int64_t now = monotime_now();

	book_defer(1, 50, now);
	ledger_fail(ledger, &recorder.last.key, OLD, now);
	other.shared = recorder.last;
	go_on();
	other.later = recorder.last;
	ledger_destroy(&ledger);
	book_open();
	ledger_load(ledger, &other.shared);
	return other;
}

static void
do_nothing(void)
{
}

static void
fail_again(void)
{
	ledger_fail(ledger, &recorder.last.key, OLD, monotime_now());
}

static void
find_a_virus(void)
{
	book_verdict(1, VERDICT_INFECTED, OLD, monotime_now());
}

static void
test_ledger_row_that_is_new_is_taken_and_stored(void **state)
{
	struct other other = begin(find_a_virus);

	(void)state;
	ledger_destroy(&ledger);
	book_open();
	recorder.puts = 0;
	ledger_inherit(ledger, &other.later);
	assert_int_equal(recorder.puts, 1);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_false(book_known(1, 51, NEW, monotime_now()));
}

/* It is not for the store, and takes no more room than any other verdict. */
static void
test_ledger_verdict_that_nobody_waited_for_is_taken(void **state)
{
	struct row row = { .known = true, .generation = NEW };

	(void)state;
	config->cache_entries = 10;
	row.verdict = verdict_make(VERDICT_CLEAN, "");
	row.verdict_at = row.last_at = monotime_now();
	recorder.puts = 0;
	for (unsigned n = 0; n < 11; n++) {
		row.key = book_number(n);
		ledger_inherit(ledger, &row);
	}
	assert_int_equal(recorder.puts, 0);
	assert_int_equal(ledger_counts(ledger).verdicts, 10);
	assert_true(book_known(10, 50, NEW, monotime_now()));
	assert_false(book_known(10, 50, OLD, monotime_now()));
}

/* Two of them would be final, and refuse good mail. */
static void
test_ledger_failure_that_both_have_counts_once(void **state)
{
	struct other other = begin(do_nothing);

	(void)state;
	ledger_inherit(ledger, &other.later);
	ledger_inherit(ledger, &other.later);
	assert_int_equal(book_failures(1, OLD), 1);
	assert_int_equal(recorder.last.tries, 1);
}

static void
test_ledger_failure_that_the_other_has_more_counts(void **state)
{
	struct other other = begin(fail_again);

	(void)state;
	ledger_inherit(ledger, &other.later);
	assert_int_equal(book_failures(1, OLD), 2);
}

static void
test_ledger_late_verdict_answers_tries_of_both(void **state)
{
	struct other other = begin(find_a_virus);

	(void)state;
	book_defer(1, 51, monotime_now());
	ledger_inherit(ledger, &other.later);
	book_expect_counts(1, 1);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_true(book_known(1, 51, NEW, monotime_now()));
	assert_int_equal(recorder.last.tries, 2);
}

static void
test_ledger_older_verdict_does_not_replace_a_newer_one(void **state)
{
	struct other other = begin(find_a_virus);
	struct ledger_answer answer;

	(void)state;
	book_verdict(1, VERDICT_CLEAN, NEW, monotime_now());
	other.later.verdict_at -= MONOTIME_S;
	ledger_inherit(ledger, &other.later);
	assert_true(book_lookup(1, 50, NEW, monotime_now(), &answer));
	assert_int_equal(answer.verdict.kind, VERDICT_CLEAN);
}

/* The successor has newer signatures, and has said "later" to another mail. */
static void
test_ledger_old_verdict_of_the_other_answers_whom_it_did(void **state)
{
	struct other other = begin(find_a_virus);

	(void)state;
	book_defer_in(1, 50, NEW, monotime_now());
	book_defer_in(1, 51, NEW, monotime_now());
	ledger_inherit(ledger, &other.later);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_false(book_known(1, 51, NEW, monotime_now()));
	ledger_inherit(ledger, &other.later);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_false(book_known(1, 51, NEW, monotime_now()));
}

/* So does the ledger whose row was the first to be deferred again. */
static void
test_ledger_old_verdict_that_both_have_answers_whom_it_did(void **state)
{
	struct other other = begin(find_a_virus);

	(void)state;
	ledger_destroy(&ledger);
	book_open();
	ledger_load(ledger, &other.later);
	book_defer_in(1, 51, NEW, monotime_now());
	ledger_inherit(ledger, &other.later);
	assert_true(book_known(1, 50, NEW, monotime_now()));
	assert_false(book_known(1, 51, NEW, monotime_now()));
}

/* What the newer signatures found must not become clean again. */
static void
test_ledger_own_verdict_is_not_replaced_by_the_others(void **state)
{
	struct other other = begin(find_a_virus);
	struct ledger_answer answer;

	(void)state;
	other.later.verdict = verdict_make(VERDICT_CLEAN, "");
	other.later.envelopes[0].digest = book_number(52);
	book_defer_in(1, 51, NEW, monotime_now());
	book_verdict(1, VERDICT_INFECTED, NEW, monotime_now());
	other.later.verdict_at = monotime_now() + MONOTIME_S;
	ledger_inherit(ledger, &other.later);
	for (unsigned envelope = 50; envelope < 53; envelope++) {
		assert_true(book_lookup(1, envelope, NEW,
		    monotime_now() + 2 * TTL, &answer));
		assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	}
}

/* The store hangs, so that what it has comes after what the other has made of
 * it. */
static void
test_ledger_row_loaded_after_it_was_inherited_counts_once(void **state)
{
	struct other other = begin(do_nothing);

	(void)state;
	ledger_destroy(&ledger);
	book_open();
	ledger_inherit(ledger, &other.later);
	ledger_load(ledger, &other.shared);
	assert_int_equal(book_failures(1, OLD), 1);
	assert_int_equal(recorder.last.tries, 1);
}

static void
count_row(void *context, const struct row *row)
{
	unsigned *rows = context;

	assert_true(row->tries > 0 || row->known);
	++*rows;
}

static void
test_ledger_heir_is_handed_what_changes(void **state)
{
	unsigned rows = 0;

	(void)state;
	book_defer(1, 50, NOW);
	ledger_set_heir(ledger, count_row, &rows);
	ledger_attach(ledger, NULL);
	recorder.puts = 0;
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_defer(2, 50, NOW);
	book_verdict(3, VERDICT_CLEAN, OLD, NOW);
	assert_int_equal(rows, 3);
	assert_int_equal(recorder.puts, 0);
}

#define INHERIT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		INHERIT_TEST(test_ledger_row_that_is_new_is_taken_and_stored),
		INHERIT_TEST(
		    test_ledger_verdict_that_nobody_waited_for_is_taken),
		INHERIT_TEST(test_ledger_failure_that_both_have_counts_once),
		INHERIT_TEST(
		    test_ledger_failure_that_the_other_has_more_counts),
		INHERIT_TEST(test_ledger_late_verdict_answers_tries_of_both),
		INHERIT_TEST(
		    test_ledger_older_verdict_does_not_replace_a_newer_one),
		INHERIT_TEST(
		    test_ledger_old_verdict_of_the_other_answers_whom_it_did),
		INHERIT_TEST(
		    test_ledger_old_verdict_that_both_have_answers_whom_it_did),
		INHERIT_TEST(
		    test_ledger_own_verdict_is_not_replaced_by_the_others),
		INHERIT_TEST(
		    test_ledger_row_loaded_after_it_was_inherited_counts_once),
		INHERIT_TEST(test_ledger_heir_is_handed_what_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
