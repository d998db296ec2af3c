/* test_ledger - what is known of mail that was deferred, or that failed
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
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "ledger_helper.h"
#include "support.h"

static void
test_ledger_that_is_empty_knows_nothing(void **state)
{
	(void)state;
	assert_false(book_known(1, 50, OLD, NOW));
	assert_false(book_was_deferred(1));
	assert_int_equal(book_failures(1, OLD), 0);
	assert_false(ledger_awaits_sender(ledger, "<a@example.org>"));
	assert_false(ledger_awaits_sender(ledger, ""));
	book_expect_counts(0, 0);
}

static void
test_ledger_gives_back_the_late_verdict(void **state)
{
	struct ledger_answer answer;

	(void)state;
	book_defer(1, 50, NOW);
	assert_true(book_was_deferred(1));
	assert_false(book_known(1, 50, OLD, NOW));
	book_verdict(1, VERDICT_INFECTED, OLD, NOW + 1);
	assert_true(book_lookup(1, 50, NEW, NOW + 2, &answer));
	assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(answer.verdict.name, "Name");
	assert_true(answer.late);
	assert_string_equal(answer.generation, OLD);
	assert_int_equal(answer.scan_time, 7 * MONOTIME_S);
}

/* Of a verdict that came at NOW in OLD, envelope 50 having been deferred or
 * not. */
static const struct {
	enum verdict_kind kind;
	bool deferred;
	unsigned envelope;
	const char *generation;
	int64_t age;
	bool holds;
} validity[] = {
	/* for its envelope, across generations, for late_ttl */
	{ VERDICT_CLEAN, true, 50, OLD, 0, true },
	{ VERDICT_CLEAN, true, 50, NEW, 0, true },
	{ VERDICT_CLEAN, true, 50, OLD, LATE_TTL - 1, true },
	{ VERDICT_CLEAN, true, 50, NEW, LATE_TTL - 1, true },
	{ VERDICT_CLEAN, true, 50, OLD, LATE_TTL, false },
	{ VERDICT_CLEAN, true, 50, NEW, LATE_TTL, false },
	{ VERDICT_INFECTED, true, 50, NEW, LATE_TTL - 1, true },
	{ VERDICT_ENCRYPTED, true, 50, NEW, 0, true },
	{ VERDICT_INCOMPLETE, true, 50, NEW, 0, true },
	/* for others, and where nobody waits, in its generation for ttl */
	{ VERDICT_CLEAN, true, 51, OLD, 0, true },
	{ VERDICT_CLEAN, true, 51, OLD, TTL - 1, true },
	{ VERDICT_CLEAN, true, 51, OLD, TTL, false },
	{ VERDICT_CLEAN, true, 51, NEW, 0, false },
	{ VERDICT_INFECTED, true, 51, OLD, TTL, false },
	{ VERDICT_CLEAN, false, 50, OLD, 0, true },
	{ VERDICT_CLEAN, false, 50, NEW, 0, false },
	{ VERDICT_INFECTED, false, 50, OLD, TTL, false },
	/* unscannable: for its generation only, for everybody */
	{ VERDICT_UNSCANNABLE, true, 50, OLD, 0, true },
	{ VERDICT_UNSCANNABLE, true, 51, OLD, 0, true },
	{ VERDICT_UNSCANNABLE, true, 51, OLD, LATE_TTL - 1, true },
	{ VERDICT_UNSCANNABLE, true, 50, OLD, LATE_TTL, true },
	{ VERDICT_UNSCANNABLE, true, 50, NEW, 0, false },
	{ VERDICT_UNSCANNABLE, false, 50, OLD, 0, true },
	{ VERDICT_UNSCANNABLE, false, 50, NEW, 0, false },
};

static void
test_ledger_verdict_holds_for_whom_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(validity); i++) {
		if (validity[i].deferred)
			book_defer(1, 50, NOW - 1);
		book_verdict(1, validity[i].kind, OLD, NOW);
		if (book_known(1, validity[i].envelope, validity[i].generation,
			NOW + validity[i].age) != validity[i].holds)
			fail_msg("case %zu", i);
		ledger_destroy(&ledger);
		book_open();
	}
}

static void
test_ledger_verdict_that_nobody_waits_for_is_not_stored(void **state)
{
	(void)state;
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_verdict(2, VERDICT_INFECTED, OLD, NOW);
	book_expect_counts(0, 0);
	assert_int_equal(recorder.puts, 0);
}

/* The try of another envelope is answered "later" in spite of a verdict, as
 * when its action is to defer. */
static void
test_ledger_defer_after_the_verdict_has_it_too(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_false(book_known(1, 51, NEW, NOW));
	book_defer(1, 51, NOW + 1);
	assert_true(book_known(1, 51, NEW, NOW + 1));
	assert_true(book_known(1, 50, NEW, NOW + 1));
	assert_false(book_known(1, 52, NEW, NOW + 1));
	assert_false(book_known(1, 51, NEW, NOW + LATE_TTL));
}

static void
test_ledger_old_verdict_answers_nobody_who_was_deferred_after_it(void **state)
{
	struct ledger_answer answer;

	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_false(book_known(1, 51, NEW, NOW + 1));
	book_defer_in(1, 51, NEW, NOW + 2);
	assert_false(book_known(1, 51, NEW, NOW + 3));
	book_defer_in(1, 51, NEW, NOW + 4);
	assert_false(book_known(1, 51, NEW, NOW + 5));
	/* The one that has waited for it has it nevertheless. */
	assert_true(book_known(1, 50, NEW, NOW + 5));
	book_verdict(1, VERDICT_INFECTED, NEW, NOW + 6);
	for (unsigned envelope = 50; envelope < 52; envelope++) {
		assert_true(
		    book_lookup(1, envelope, NEW, NOW + 2 * TTL, &answer));
		assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	}
}

/* The scan had begun before the signatures changed. */
static void
test_ledger_old_verdict_answers_all_who_were_deferred_before_it(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_defer_in(1, 51, NEW, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(1, 50, NEW, NOW + 1));
	assert_true(book_known(1, 51, NEW, NOW + 1));
	assert_false(book_known(1, 52, NEW, NOW + 1));
}

static void
test_ledger_newer_verdict_takes_the_older_ones_place(void **state)
{
	struct ledger_answer answer;

	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_verdict(1, VERDICT_INFECTED, NEW, NOW + LATE_TTL - 1);
	assert_true(book_lookup(1, 50, OLD, NOW + LATE_TTL, &answer));
	assert_int_equal(answer.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(answer.generation, NEW);
	book_expect_counts(1, 0);
}

static void
test_ledger_rescan_ends_unscannable(void **state)
{
	(void)state;
	book_verdict(1, VERDICT_UNSCANNABLE, OLD, NOW);
	assert_true(book_known(1, 50, OLD, NOW));
	book_defer(1, 50, NOW + 1);
	book_verdict(1, VERDICT_CLEAN, NEW, NOW + 2);
	assert_true(book_known(1, 50, OLD, NOW + 2));
	assert_false(book_known(1, 51, OLD, NOW + 2));
	assert_true(book_known(1, 51, NEW, NOW + 2));
	assert_false(book_known(1, 51, NEW, NOW + 2 + TTL));
}

static void
test_ledger_counts_failures_anew_in_a_new_generation(void **state)
{
	(void)state;
	assert_int_equal(book_fail(1, OLD), 1);
	assert_int_equal(book_fail(1, OLD), 2);
	assert_int_equal(book_fail(2, OLD), 1);
	assert_int_equal(book_failures(1, OLD), 2);
	assert_int_equal(book_failures(1, NEW), 0);
	assert_int_equal(book_fail(1, NEW), 1);
	assert_int_equal(book_failures(1, OLD), 0);
	assert_int_equal(book_failures(1, NEW), 1);
	assert_int_equal(book_fail(1, OLD), 1);
	assert_false(book_was_deferred(1));
	assert_false(book_known(1, 50, OLD, NOW));
	book_expect_counts(2, 0);
}

static void
test_ledger_failure_leaves_a_late_verdict_alone(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_fail(1, NEW);
	assert_true(book_known(1, 50, NEW, NOW));
}

static void
test_ledger_keeps_the_last_32_envelopes(void **state)
{
	(void)state;
	for (unsigned envelope = 100; envelope < 132; envelope++)
		book_defer(1, envelope, NOW);
	book_defer(1, 100, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(1, 100, NEW, NOW));
	assert_true(book_known(1, 131, NEW, NOW));
	book_defer(1, 132, NOW);
	assert_int_equal(recorder.last.envelope_count, ROW_ENVELOPES);
	assert_false(book_known(1, 100, NEW, NOW));
	for (unsigned envelope = 101; envelope <= 132; envelope++)
		assert_true(book_known(1, envelope, NEW, NOW));
	for (unsigned envelope = 200; envelope < 400; envelope++)
		book_defer(1, envelope, NOW);
	assert_true(book_known(1, 368, NEW, NOW));
	assert_false(book_known(1, 367, NEW, NOW));
}

static void
test_ledger_is_bounded_and_drops_the_oldest(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ROWS; n++)
		book_defer(n, 50, NOW + n);
	book_expect_counts(ROWS, 0);
	assert_int_equal(recorder.deletes, 0);
	for (unsigned n = ROWS; n < 3 * ROWS; n++) {
		book_defer(n, 50, NOW + n);
		book_expect_counts(ROWS, 0);
		assert_true(book_was_deferred(n));
		assert_true(book_was_deferred(n - ROWS + 1));
		assert_false(book_was_deferred(n - ROWS));
		assert_true(book_was_deleted(n - ROWS));
		assert_int_equal(recorder.deletes, n - ROWS + 1);
	}
}

/* n < 10 were tried twice; 10 and 11 have a failure or are unscannable. */
static void
test_ledger_drops_lone_rows_before_returned_ones(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 10; n++) {
		book_defer(n, 50, NOW);
		book_defer(n, 50, NOW + 1);
	}
	book_fail(10, OLD);
	book_verdict(11, VERDICT_UNSCANNABLE, OLD, NOW);
	for (unsigned n = 12; n < ROWS; n++)
		book_defer(n, 50, NOW + 2);
	book_expect_counts(ROWS, 0);
	for (unsigned n = ROWS; n < 3 * ROWS; n++)
		book_defer(n, 50, NOW + 3);
	book_expect_counts(ROWS, 0);
	for (unsigned n = 0; n < 10; n++)
		assert_true(book_was_deferred(n));
	assert_int_equal(book_failures(10, OLD), 0);
	assert_false(book_known(11, 50, OLD, NOW + 3));
	assert_true(book_was_deleted(10));
	assert_true(book_was_deleted(11));
	assert_true(book_was_deferred(3 * ROWS - 90));
	assert_false(book_was_deferred(3 * ROWS - 91));
}

static void
test_ledger_of_returned_rows_alone_drops_the_oldest(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ROWS; n++) {
		book_defer(n, 50, NOW + n);
		book_defer(n, 50, NOW + n);
	}
	book_defer(0, 50, NOW + ROWS);
	book_fail(ROWS, OLD);
	book_expect_counts(ROWS, 0);
	assert_true(book_was_deferred(0));
	assert_false(book_was_deferred(1));
	assert_true(book_was_deferred(2));
	assert_true(book_was_deleted(1));
	assert_int_equal(recorder.deletes, 1);
}

static void
test_ledger_change_makes_a_row_younger(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ROWS; n++)
		book_defer(n, 50, NOW);
	book_verdict(0, VERDICT_CLEAN, OLD, NOW);
	book_fail(1, OLD);
	for (unsigned n = 0; n < ROWS - 2; n++)
		book_defer(ROWS + n, 50, NOW);
	assert_true(book_was_deferred(0));
	assert_true(book_was_deferred(1));
	assert_false(book_was_deferred(2));
	assert_false(book_was_deferred(ROWS - 1));
}

static void
test_ledger_row_expires_after_late_ttl(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_defer(2, 50, NOW);
	book_defer(2, 50, NOW + 1);
	book_defer(3, 50, NOW);
	book_verdict(3, VERDICT_CLEAN, OLD, NOW + MONOTIME_S);
	book_defer(4, 50, NOW + LATE_TTL);
	book_expect_counts(4, 1);
	book_defer(5, 50, NOW + LATE_TTL + 2);
	assert_false(book_was_deferred(1));
	assert_false(book_was_deferred(2));
	assert_true(book_was_deferred(3));
	assert_true(book_was_deleted(1));
	assert_true(book_was_deleted(2));
	book_expect_counts(3, 1);
	book_defer(6, 50, NOW + LATE_TTL + 2 * MONOTIME_S);
	assert_false(book_was_deferred(3));
	assert_int_equal(recorder.deletes, 3);
	book_expect_counts(3, 0);
}

static void
test_ledger_counts_verdicts_that_nobody_has_fetched(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_expect_counts(1, 0);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_expect_counts(1, 1);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_expect_counts(1, 1);
	/* Others may have it, but are not waited for. */
	assert_true(book_known(1, 51, OLD, NOW));
	book_expect_counts(1, 1);
	assert_true(book_known(1, 50, OLD, NOW));
	book_expect_counts(1, 0);
	assert_true(book_known(1, 50, OLD, NOW));
	book_expect_counts(1, 0);
	book_defer(1, 51, NOW);
	book_expect_counts(1, 1);
	book_defer(1, 52, NOW);
	book_expect_counts(1, 1);
	assert_true(book_known(1, 51, OLD, NOW));
	book_expect_counts(1, 0);
}

/* Delivered to one, and scanned again for another, who had his answer. */
static void
test_ledger_later_verdict_is_not_waited_for(void **state)
{
	struct key key = book_number(1), envelope = book_number(50);
	struct key other = book_number(51);

	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(1, 50, NEW, NOW));
	book_verdict(1, VERDICT_INFECTED, NEW, NOW);
	book_expect_counts(1, 0);
	assert_true(recorder.last.fetched);
	/* Deferred again, and answered in time by a scan. */
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, NEW, NOW);
	ledger_fetched(ledger, &key, &other);
	book_expect_counts(1, 1);
	ledger_fetched(ledger, &key, &envelope);
	book_expect_counts(1, 0);
	assert_true(recorder.last.fetched);
	ledger_fetched(ledger, &other, &envelope);
}

/* A mail that is held was accepted: nobody sends it again.  Its verdict is kept
 * all the same, for whoever releases it. */
static void
test_ledger_held_mail_is_not_deferred(void **state)
{
	(void)state;
	book_hold(1, 50, NOW);
	assert_false(book_was_deferred(1));
	assert_false(ledger_awaits_sender(ledger, "<a@example.org>"));
	assert_int_equal(recorder.last.tries, 0);
	assert_true(recorder.last.fetched);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	book_expect_counts(1, 0);
	assert_true(book_known(1, 50, NEW, NOW + LATE_TTL - 1));
	/* Deferred first, then held. */
	book_defer(2, 50, NOW);
	book_hold(2, 50, NOW + 2 * ALARM);
	assert_int_equal(recorder.last.tries, 1);
	assert_true(recorder.last.fetched);
	book_verdict(2, VERDICT_CLEAN, OLD, NOW);
	book_expect_counts(2, 0);
}

static void
test_ledger_unscannable_that_nobody_waits_for_is_not_ready(void **state)
{
	(void)state;
	book_verdict(1, VERDICT_UNSCANNABLE, OLD, NOW);
	book_expect_counts(1, 0);
	assert_true(book_known(1, 50, OLD, NOW));
	book_expect_counts(1, 0);
	book_defer(1, 50, NOW);
	book_expect_counts(1, 1);
}

static void
test_ledger_ready_goes_with_its_row(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ROWS; n++) {
		book_defer(n, 50, NOW);
		book_verdict(n, VERDICT_CLEAN, OLD, NOW);
	}
	book_expect_counts(ROWS, ROWS);
	assert_true(book_known(0, 50, OLD, NOW));
	book_expect_counts(ROWS, ROWS - 1);
	book_defer(ROWS, 50, NOW);
	book_expect_counts(ROWS, ROWS - 1);
	book_defer(ROWS + 1, 50, NOW);
	book_expect_counts(ROWS, ROWS - 2);
}

static void
test_ledger_awaits_the_senders_of_its_rows(void **state)
{
	(void)state;
	book_defer_from(1, 50, "<a@x>", NOW);
	book_defer_from(2, 50, "<a@x>", NOW);
	book_defer_from(3, 50, "<>", NOW + 1);
	assert_true(ledger_awaits_sender(ledger, "<a@x>"));
	assert_true(ledger_awaits_sender(ledger, "<>"));
	assert_false(ledger_awaits_sender(ledger, "<b@x>"));
	assert_false(ledger_awaits_sender(ledger, ""));
	/* a row is of its last sender */
	book_defer_from(1, 51, "<b@x>", NOW + 1);
	assert_true(ledger_awaits_sender(ledger, "<a@x>"));
	assert_true(ledger_awaits_sender(ledger, "<b@x>"));
	book_defer_from(2, 51, "<b@x>", NOW + 1);
	assert_false(ledger_awaits_sender(ledger, "<a@x>"));
	book_defer_from(4, 50, "<c@x>", NOW + LATE_TTL + 2);
	assert_false(ledger_awaits_sender(ledger, "<b@x>"));
	assert_false(ledger_awaits_sender(ledger, "<>"));
	assert_true(ledger_awaits_sender(ledger, "<c@x>"));
}

static void
test_ledger_awaits_nobody_for_failures_alone(void **state)
{
	(void)state;
	book_fail(1, OLD);
	book_verdict(2, VERDICT_UNSCANNABLE, OLD, NOW);
	assert_false(ledger_awaits_sender(ledger, ""));
	assert_false(ledger_awaits_sender(ledger, NULL));
}

static void
test_ledger_bears_a_try_of_which_nothing_is_known(void **state)
{
	struct key key = book_number(1);
	struct row_try try = { .envelope = book_number(50) };

	(void)state;
	ledger_defer(ledger, &key, &try, OLD, NOW);
	ledger_defer(ledger, &key, &try, OLD, NOW);
	for (int i = 0; i < ROW_TEXTS; i++)
		assert_string_equal(row_text(&recorder.last, (enum row_text)i),
		    "");
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(1, 50, NEW, NOW));
}

static void
test_ledger_hands_every_change_to_the_store(void **state)
{
	struct key key = book_number(1), envelope = book_number(50);
	const struct row *last = &recorder.last;

	(void)state;
	book_defer(1, 50, NOW);
	assert_int_equal(recorder.puts, 1);
	assert_memory_equal(&last->key, &key, sizeof key);
	assert_false(last->known);
	assert_int_equal(last->tries, 1);
	assert_string_equal(last->text[ROW_REASON], "scan-running");
	assert_string_equal(last->text[ROW_SENDER], "<a@example.org>");
	assert_string_equal(last->text[ROW_RECIPIENTS],
	    "<b@example.org> <c@example.org>");
	assert_string_equal(last->text[ROW_MESSAGE_ID], "<1@example.org>");
	assert_string_equal(last->text[ROW_QUEUE_ID], "4ABCDEF");
	assert_int_equal(last->envelope_count, 1);
	assert_memory_equal(last->envelopes, &envelope, sizeof envelope);
	book_verdict(1, VERDICT_INFECTED, OLD, NOW + 10);
	assert_int_equal(recorder.puts, 2);
	assert_true(last->known);
	assert_string_equal(last->verdict.name, "Name");
	assert_string_equal(last->generation, OLD);
	assert_int_equal(last->scan_time, 7 * MONOTIME_S);
	assert_int_equal(last->verdict_at, NOW + 10);
	assert_int_equal(last->first_at, NOW);
	book_fail(1, NEW);
	assert_int_equal(recorder.puts, 3);
	assert_int_equal(last->failures, 1);
	assert_string_equal(last->failed_in, NEW);
	book_defer(1, 51, NOW + 30);
	assert_int_equal(recorder.puts, 4);
	assert_int_equal(last->tries, 2);
	assert_int_equal(last->first_at, NOW);
	assert_int_equal(last->last_at, NOW + 30);
	assert_int_equal(last->verdict_at, NOW + 10);
	assert_int_equal(last->envelope_count, 2);
	assert_int_equal(recorder.deletes, 0);
}

static void
test_ledger_hands_over_once_that_a_verdict_was_fetched(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(1, VERDICT_CLEAN, OLD, NOW);
	assert_false(recorder.last.fetched);
	recorder.puts = 0;
	assert_false(book_known(1, 51, NEW, NOW));
	assert_int_equal(recorder.puts, 0);
	assert_true(book_known(1, 50, NEW, NOW + 10));
	assert_int_equal(recorder.puts, 1);
	assert_true(recorder.last.fetched);
	assert_int_equal(recorder.last.last_at, NOW);
	assert_true(book_known(1, 50, NEW, NOW + 20));
	assert_int_equal(recorder.puts, 1);
	book_defer(1, 51, NOW + 30);
	assert_false(recorder.last.fetched);
}

/* What a store is given that has to be written anew: rows go and come in the
 * meantime. */
static void
test_ledger_gives_all_rows_one_by_one(void **state)
{
	struct row row;
	unsigned count = 0;
	int64_t last_at = 0;

	(void)state;
	/* What isn't kept doesn't count. */
	book_verdict(7777, VERDICT_CLEAN, OLD, NOW);
	assert_false(ledger_next(ledger, true, &row));
	for (unsigned n = 0; n < ROWS; n++)
		book_defer(n, 50, NOW + n);
	for (bool there = ledger_next(ledger, true, &row); there;
	     there = ledger_next(ledger, false, &row)) {
		struct key key = book_number(count++);

		assert_memory_equal(&row.key, &key, sizeof key);
		last_at = row.last_at;
		row_fini(&row);
		/* The next one goes. */
		if (count == 1)
			book_defer(ROWS, 50, NOW + ROWS);
		if (count == 1)
			book_defer(ROWS + 1, 50, NOW + ROWS + 1);
		if (count == 1)
			count++;
	}
	assert_int_equal(count, ROWS + 2);
	assert_int_equal(last_at, NOW + ROWS + 1);
	assert_false(ledger_next(ledger, false, &row));
	assert_true(ledger_next(ledger, true, &row));
	row_fini(&row);
}

static void
test_ledger_without_a_store_works(void **state)
{
	(void)state;
	ledger_attach(ledger, NULL);
	for (unsigned n = 0; n < 2 * ROWS; n++)
		book_defer(n, 50, NOW);
	book_verdict(ROWS, VERDICT_CLEAN, OLD, NOW);
	assert_true(book_known(ROWS, 50, NEW, NOW));
	assert_int_equal(recorder.puts + recorder.deletes, 0);
	book_expect_counts(ROWS, 0);
}

static void
test_ledger_end_takes_nothing_from_the_store(void **state)
{
	(void)state;
	book_defer(1, 50, NOW);
	book_verdict(2, VERDICT_UNSCANNABLE, OLD, NOW);
	ledger_destroy(&ledger);
	assert_int_equal(recorder.deletes, 0);
	book_open();
}

static void
test_ledger_cuts_what_the_store_has_no_room_for(void **state)
{
	struct key key = book_number(1);
	struct row_try try = { .envelope = book_number(50) };
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	try.reason = try.sender = try.message_id = try.queue_id = text;
	ledger_defer(ledger, &key, &try, OLD, NOW);
	for (int i = 0; i < ROW_TEXTS; i++)
		if (i != ROW_RECIPIENTS)
			assert_int_equal(strlen(recorder.last.text[i]),
			    row_text_size[i] - 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_ledger_that_is_empty_knows_nothing,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_gives_back_the_late_verdict,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_verdict_holds_for_whom_it_should, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_verdict_that_nobody_waits_for_is_not_stored, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_defer_after_the_verdict_has_it_too, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_old_verdict_answers_nobody_who_was_deferred_after_it,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_old_verdict_answers_all_who_were_deferred_before_it,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_newer_verdict_takes_the_older_ones_place, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_rescan_ends_unscannable,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_counts_failures_anew_in_a_new_generation, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_failure_leaves_a_late_verdict_alone, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_keeps_the_last_32_envelopes,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_is_bounded_and_drops_the_oldest, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_drops_lone_rows_before_returned_ones, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_of_returned_rows_alone_drops_the_oldest, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_change_makes_a_row_younger,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_row_expires_after_late_ttl,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_counts_verdicts_that_nobody_has_fetched, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_later_verdict_is_not_waited_for, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_held_mail_is_not_deferred,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_unscannable_that_nobody_waits_for_is_not_ready,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_ready_goes_with_its_row,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_awaits_the_senders_of_its_rows, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_awaits_nobody_for_failures_alone, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_bears_a_try_of_which_nothing_is_known, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_hands_every_change_to_the_store, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_hands_over_once_that_a_verdict_was_fetched, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_gives_all_rows_one_by_one,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(test_ledger_without_a_store_works,
	    book_setup, book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_end_takes_nothing_from_the_store, book_setup,
	    book_teardown),
	cmocka_unit_test_setup_teardown(
	    test_ledger_cuts_what_the_store_has_no_room_for, book_setup,
	    book_teardown),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
