/* test_row - of two rows nothing is lost that would still hold
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
#include "ledger/row.h"
#include "store_helper.h"
#include "support.h"

#define G1 "0123456789abcdef"
#define G2 "fedcba9876543210"

/* Ages are told from it. */
#define NOW (1000 * MONOTIME_S)

/* A row as it is made: nothing is known yet. */
static struct row
bare(void)
{
	struct row row = { .tries = 0, .first_at = NOW, .last_at = NOW };

	row.key.bytes[0] = 1;
	return row;
}

static struct row
with_verdict(enum verdict_kind kind, const char *generation)
{
	struct row row = bare();

	row.known = true;
	row.verdict = verdict_make(kind, "Name");
	snprintf(row.generation, sizeof row.generation, "%s", generation);
	row.scan_time = 7 * MONOTIME_S;
	row.verdict_at = NOW - 30 * MONOTIME_S;
	return row;
}

static struct row
with_failures(unsigned failures, const char *generation)
{
	struct row row = bare();

	row.failures = failures;
	snprintf(row.failed_in, sizeof row.failed_in, "%s", generation);
	return row;
}

/* From and for whom is who, with this many tries. */
static struct row
with_tries(unsigned tries, int64_t first_age, int64_t last_age, const char *who)
{
	struct row row = bare();

	row.tries = tries;
	row.first_at = NOW - first_age;
	row.last_at = NOW - last_age;
	for (int i = 0; i < ROW_TEXTS; i++)
		row_set_text(&row, (enum row_text)i, who);
	return row;
}

/* Envelopes are told apart by a number. */
static struct row
with_envelopes(unsigned from, unsigned count)
{
	struct row row = bare();

	for (unsigned i = 0; i < count; i++) {
		struct key envelope = { { (unsigned char)(from + i) } };

		row_add_envelope(&row, &envelope, G1);
	}
	return row;
}

static void
test_row_merge_with_nothing_changes_nothing(void **state)
{
	struct row row = kept_row(1), before = kept_row(1);
	struct row none = bare();

	(void)state;
	row_merge(&row, &none);
	kept_expect_same(&row, &before);
}

static void
test_row_merge_of_nothing_takes_all(void **state)
{
	struct row row = bare(), older = kept_row(1);

	(void)state;
	row_merge(&row, &older);
	kept_expect_same(&row, &older);
	row_fini(&row);
}

static void
test_row_merge_takes_an_older_verdict_for_none(void **state)
{
	struct row row = with_tries(1, MONOTIME_S, MONOTIME_S, "new");
	struct row older = with_verdict(VERDICT_INFECTED, G1);

	(void)state;
	row_merge(&row, &older);
	assert_true(row.known);
	assert_int_equal(row.verdict.kind, VERDICT_INFECTED);
	assert_string_equal(row.verdict.name, "Name");
	assert_string_equal(row.generation, G1);
	assert_int_equal(row.scan_time, 7 * MONOTIME_S);
	assert_int_equal(row.verdict_at, NOW - 30 * MONOTIME_S);
	assert_int_equal(row.tries, 1);
	row_fini(&row);
	row_fini(&older);
}

static void
test_row_merge_keeps_the_newer_of_two_verdicts(void **state)
{
	struct row row = with_verdict(VERDICT_CLEAN, G2);
	struct row older = with_verdict(VERDICT_INFECTED, G1);

	(void)state;
	row.verdict_at = NOW - MONOTIME_S;
	row_merge(&row, &older);
	assert_int_equal(row.verdict.kind, VERDICT_CLEAN);
	assert_string_equal(row.generation, G2);
	assert_int_equal(row.verdict_at, NOW - MONOTIME_S);
	row_fini(&row);
	row_fini(&older);
}

static void
test_row_merge_adds_failures_of_one_generation(void **state)
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
		struct row row = with_failures(cases[i].newer,
		    cases[i].newer_in);
		struct row older = with_failures(cases[i].older,
		    cases[i].older_in);

		row_merge(&row, &older);
		if (row.failures != cases[i].both ||
		    strcmp(row.failed_in, cases[i].both_in) != 0)
			fail_msg("case %zu: %u in %s", i, row.failures,
			    row.failed_in);
		row_fini(&row);
		row_fini(&older);
	}
}

static void
expect_who(const struct row *row, const char *who)
{
	for (int i = 0; i < ROW_TEXTS; i++)
		assert_string_equal(row_text(row, (enum row_text)i), who);
}

static void
test_row_merge_adds_tries_and_keeps_first_and_last(void **state)
{
	struct row row = with_tries(2, 9 * MONOTIME_S, MONOTIME_S, "new");
	struct row older = with_tries(3, 600 * MONOTIME_S, 60 * MONOTIME_S,
	    "old");

	(void)state;
	row_merge(&row, &older);
	assert_int_equal(row.tries, 5);
	assert_int_equal(row.first_at, NOW - 600 * MONOTIME_S);
	assert_int_equal(row.last_at, NOW - MONOTIME_S);
	expect_who(&row, "new");
	row_fini(&row);
	row_fini(&older);
}

static void
test_row_merge_takes_the_older_try_for_none(void **state)
{
	struct row row = with_failures(1, G1);
	struct row older = with_tries(3, 600 * MONOTIME_S, 60 * MONOTIME_S,
	    "old");

	(void)state;
	row_merge(&row, &older);
	assert_int_equal(row.tries, 3);
	assert_int_equal(row.first_at, NOW - 600 * MONOTIME_S);
	assert_int_equal(row.last_at, NOW - 60 * MONOTIME_S);
	assert_int_equal(row.failures, 1);
	expect_who(&row, "old");
	row_fini(&row);
	row_fini(&older);
}

/* The older row's verdict had been fetched, or had not; then there was a try,
 * or only a failure. */
static void
test_row_merge_knows_what_was_fetched(void **state)
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
		struct row older = kept_row(1);
		struct row row = with_tries(cases[i].tries, 9 * MONOTIME_S,
		    MONOTIME_S, "new");

		older.fetched = cases[i].older_fetched;
		older.first_at = NOW - 600 * MONOTIME_S;
		row_merge(&row, &older);
		assert_true(row.known);
		if (row.fetched != cases[i].fetched ||
		    row.first_at != NOW - cases[i].first_age)
			fail_msg("case %zu", i);
		row_fini(&row);
	}
}

/* The older row seems to be the younger: the clock was set back. */
static void
test_row_merge_takes_the_longer_of_two_first_ages(void **state)
{
	struct row row = with_tries(1, 9 * MONOTIME_S, MONOTIME_S, "new");
	struct row older = with_tries(1, 0, 0, "old");

	(void)state;
	row_merge(&row, &older);
	assert_int_equal(row.first_at, NOW - 9 * MONOTIME_S);
	row_fini(&row);
	row_fini(&older);
}

static void
test_row_merge_keeps_the_latest_envelopes(void **state)
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
		struct row row = with_envelopes(cases[i].newer,
		    cases[i].newer_count);
		struct row older = with_envelopes(cases[i].older,
		    cases[i].older_count);

		row_merge(&row, &older);
		if (row.envelope_count != cases[i].count)
			fail_msg("case %zu: %zu", i, row.envelope_count);
		for (unsigned j = 0; j < cases[i].count; j++)
			if (row.envelopes[j].digest.bytes[0] !=
			    cases[i].first + j)
				fail_msg("case %zu: %u. is %d", i, j,
				    row.envelopes[j].digest.bytes[0]);
		row_fini(&row);
		row_fini(&older);
	}
}

/* A mail that was taken into hold since then is waited for by nobody, and is
 * still known by the tries before. */
static void
test_row_merge_knows_what_is_held(void **state)
{
	struct row_try try = { .sender = "new", .held = true };
	struct row older = with_tries(3, 600 * MONOTIME_S, 60 * MONOTIME_S,
	    "old");
	struct row row = bare();

	(void)state;
	row_try(&row, &try, G1, NOW);
	row_merge(&row, &older);
	assert_int_equal(row.tries, 3);
	assert_true(row.fetched);
	assert_int_equal(row.last_at, NOW);
	assert_string_equal(row.text[ROW_SENDER], "new");
	row_fini(&row);
	row_fini(&older);
}

static void
test_row_copy_has_all_and_shares_nothing(void **state)
{
	struct row row = with_tries(1, 2, 1, "who"), copy;
	struct key envelope = { { 1 } };

	(void)state;
	row_add_envelope(&row, &envelope, G1);
	copy = row_copy(&row);
	kept_expect_same(&copy, &row);
	row_fini(&row);
	assert_true(row_has_envelope(&copy, &envelope));
	assert_string_equal(copy.text[ROW_SENDER], "who");
	row_fini(&copy);
}

/* Of 300 recipients with 40 bytes each; then of one that alone is too long. */
static void
test_row_has_whole_recipients_and_counts_the_rest(void **state)
{
	char names[300][41], *recipients[300], longest[4000],
	    text[ROW_TEXT_MAX];
	struct row_try try = { .recipients = recipients };
	struct row row = bare();
	const char *all, *rest;
	size_t shown;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(names[i], sizeof names[i], "<%025u@example.org>", i);
		recipients[i] = names[i];
	}
	try.recipient_count = 3;
	row_try(&row, &try, G1, NOW);
	snprintf(text, sizeof text, "%s %s %s", names[0], names[1], names[2]);
	assert_string_equal(row_text(&row, ROW_RECIPIENTS), text);
	try.recipient_count = 300;
	row_try(&row, &try, G1, NOW);
	all = row_text(&row, ROW_RECIPIENTS);
	rest = strstr(all, " and ");
	assert_non_null(rest);
	shown = (size_t)(rest - all + 1) / (strlen(names[0]) + 1);
	snprintf(text, sizeof text, " and %zu more", 300 - shown);
	assert_string_equal(rest, text);
	assert_true(strlen(all) > ROW_TEXT_MAX - 100);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	recipients[0] = longest;
	try.recipient_count = 1;
	row_try(&row, &try, G1, NOW);
	assert_string_equal(row_text(&row, ROW_RECIPIENTS), "and 1 more");
	row_fini(&row);
}

/* kept_row() with nothing in it that isn't printable. */
static struct row
plain_row(void)
{
	struct row row = kept_row(7);

	row.text[ROW_SENDER] = row.text[ROW_QUEUE_ID];
	return row;
}

static void
test_row_unpacked_is_as_it_was_packed(void **state)
{
	struct row rows[] = { bare(), plain_row(),
		with_tries(UINT_MAX, 9 * MONOTIME_S, -MONOTIME_S, "who") };
	unsigned char data[ROW_PACKED_MAX];
	struct row back;
	size_t len;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		len = row_pack(&rows[i], data);
		assert_true(row_unpack(data, len, &back));
		kept_expect_same(&back, &rows[i]);
		assert_int_equal(back.first_at, rows[i].first_at);
		row_fini(&back);
	}
	row_fini(&rows[2]);
}

/* As much of each as there can be. */
static void
test_row_at_its_largest_is_packed(void **state)
{
	unsigned char data[ROW_PACKED_MAX];
	struct row row = with_envelopes(1, ROW_ENVELOPES), back;
	char text[ROW_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < ROW_TEXTS; i++)
		row_set_text(&row, (enum row_text)i, text);
	row.known = true;
	row.verdict = verdict_make(VERDICT_UNSCANNABLE, text);
	assert_true(row_unpack(data, row_pack(&row, data), &back));
	kept_expect_same(&back, &row);
	row_fini(&back);
	row_fini(&row);
}

/* Another version knows other fields, and verdicts. */
static void
test_row_unpacks_what_it_knows(void **state)
{
	static const unsigned char more[] = { 99, 1, 3, 0, 'a', 'b', 'c', 15, 0,
		0, 0, 40, 0, 1, 0, 'x' };
	unsigned char data[ROW_PACKED_MAX], *verdict;
	struct row row = plain_row(), back;
	size_t len = row_pack(&row, data);

	(void)state;
	memcpy(data + len, more, sizeof more);
	assert_true(row_unpack(data, len + sizeof more, &back));
	kept_expect_same(&back, &row);
	row_fini(&back);
	verdict = memmem(data, len, "infected", 8);
	assert_non_null(verdict);
	memcpy(verdict, "splendid", 8);
	assert_true(row_unpack(data, len, &back));
	assert_false(back.known);
	assert_int_equal(back.tries, row.tries);
	row_fini(&back);
}

/* An earlier version says nothing of generations: its row's verdict, if there
 * is one, answers all of its envelopes. */
static void
test_row_unpacks_what_an_earlier_version_packed(void **state)
{
	unsigned char data[ROW_PACKED_MAX], *field;
	struct row row = plain_row(), back;
	size_t len = row_pack(&row, data);
	bool known = true;

	(void)state;
	/* The tag 14, which it doesn't know, becomes one that we don't know. */
	for (field = data; field < data + len;
	     field += 4 + (field[2] | field[3] << 8))
		if (field[0] == 14)
			field[1] = 1;
	assert_true(row_unpack(data, len, &back));
	assert_int_equal(back.envelope_count, ROW_ENVELOPES);
	for (size_t i = 0; i < back.envelope_count; i++)
		known &= row_answers(&back, &back.envelopes[i].digest);
	assert_true(known);
	row_fini(&back);
}

/* Nothing that comes may do harm: cut anywhere, or a byte changed. */
static void
test_row_does_not_unpack_nonsense(void **state)
{
	unsigned char data[ROW_PACKED_MAX];
	struct row row = plain_row(), back;
	size_t len = row_pack(&row, data);

	(void)state;
	assert_false(row_unpack(data, 0, &back));
	assert_false(row_unpack(data, len - 1, &back));
	for (size_t n = 0; n < len; n++)
		if (row_unpack(data, n, &back))
			row_fini(&back);
	for (size_t n = 0; n < len; n++) {
		data[n] ^= 0xff;
		if (row_unpack(data, len, &back))
			row_fini(&back);
		data[n] ^= 0xff;
	}
}

static void
test_row_scans_unpacked_are_as_they_were_packed(void **state)
{
	static struct row_scans scans = { .ended = true,
		.count = ROW_SCANS_MAX };
	static struct row_scans back;
	unsigned char data[ROW_PACKED_MAX];
	struct row row;
	size_t len;

	(void)state;
	memset(scans.keys, 'k', sizeof scans.keys);
	len = row_pack_scans(&scans, data);
	assert_true(row_unpack_scans(data, len, &back));
	assert_memory_equal(&back, &scans, sizeof back);
	assert_false(row_unpack(data, len, &row));
	for (size_t n = 0; n < len; n++)
		assert_false(row_unpack_scans(data, n, &back));
	assert_false(row_unpack_scans(data, len + 1, &back));
	row = plain_row();
	assert_false(row_unpack_scans(data, row_pack(&row, data), &back));
}

/* Keys of another size, or too many. */
static void
test_row_scans_are_not_unpacked_from_nonsense(void **state)
{
	static struct row_scans scans = { .count = ROW_SCANS_MAX };
	unsigned char data[ROW_PACKED_MAX] = { 0 };
	size_t len = row_pack_scans(&scans, data);

	(void)state;
	for (int change = -1; change <= (int)sizeof scans.keys[0]; change++) {
		size_t value = len - 4 + (size_t)change;

		data[2] = (unsigned char)value;
		data[3] = (unsigned char)(value >> 8);
		assert_int_equal(row_unpack_scans(data, value + 4, &scans),
		    change == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row_merge_with_nothing_changes_nothing),
		cmocka_unit_test(test_row_merge_of_nothing_takes_all),
		cmocka_unit_test(
		    test_row_merge_takes_an_older_verdict_for_none),
		cmocka_unit_test(
		    test_row_merge_keeps_the_newer_of_two_verdicts),
		cmocka_unit_test(
		    test_row_merge_adds_failures_of_one_generation),
		cmocka_unit_test(
		    test_row_merge_adds_tries_and_keeps_first_and_last),
		cmocka_unit_test(test_row_merge_takes_the_older_try_for_none),
		cmocka_unit_test(test_row_merge_knows_what_was_fetched),
		cmocka_unit_test(
		    test_row_merge_takes_the_longer_of_two_first_ages),
		cmocka_unit_test(test_row_merge_keeps_the_latest_envelopes),
		cmocka_unit_test(test_row_merge_knows_what_is_held),
		cmocka_unit_test(test_row_unpacked_is_as_it_was_packed),
		cmocka_unit_test(test_row_at_its_largest_is_packed),
		cmocka_unit_test(test_row_unpacks_what_it_knows),
		cmocka_unit_test(
		    test_row_unpacks_what_an_earlier_version_packed),
		cmocka_unit_test(test_row_does_not_unpack_nonsense),
		cmocka_unit_test(
		    test_row_scans_unpacked_are_as_they_were_packed),
		cmocka_unit_test(test_row_scans_are_not_unpacked_from_nonsense),
		cmocka_unit_test(test_row_copy_has_all_and_shares_nothing),
		cmocka_unit_test(
		    test_row_has_whole_recipients_and_counts_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
