/* test_deferred - a deferred mail as people and programs are shown it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "ledger/row.h"
#include "ctl/deferred.h"
#include "support.h"

/* 2026-02-01 12:00:00 UTC */
#define NOW (1769947200 * MONOTIME_S)
#define HOUR (3600 * MONOTIME_S)

static char reason[] = "scan-running", sender[] = "<a@example.org>";
static char recipients[] = "<b@example.org> <c@example.org>";
static char message_id[] = "<1@example.org>", queue_id[] = "4F2C1A0B";

static const struct row mail = {
	.key = { { 0xdd, 0x60, 0x9e, 0x76, 0xe4, 0xcb, 0x98, 0xd9, 0x11 } },
	.tries = 4,
	.first_at = NOW - 3 * HOUR,
	.last_at = NOW - 90 * MONOTIME_S,
	.text = { reason, sender, recipients, message_id, queue_id },
};

/* The same with a verdict. */
static struct row
with_verdict(enum verdict_kind kind, const char *name)
{
	struct row row = mail;

	row.known = true;
	row.verdict = verdict_make(kind, name);
	row.verdict_at = NOW - HOUR;
	return row;
}

/* Points to a static buffer. */
static const char *
printed(bool json, const struct row *row)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof text, "w");

	assert_non_null(out);
	if (json)
		deferred_print_json(row, out);
	else
		deferred_print(row, NOW, out);
	fclose(out);
	return text;
}

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC-1", 1);
	tzset();
	return 0;
}

static void
test_deferred_age_has_its_two_largest_units(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 59, "59s" },
		{ 60, "1m 0s" },
		{ 3599, "59m 59s" },
		{ 3600, "1h 0m" },
		{ 11999, "3h 19m" },
		{ 86399, "23h 59m" },
		{ 86400, "1d 0h" },
		{ 432000 + 7200, "5d 2h" },
		{ 864000000, "10000d 0h" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(deferred_age(text, sizeof text,
					cases[i].seconds * MONOTIME_S +
					    999 * MONOTIME_MS),
		    cases[i].text);
}

static void
test_deferred_mail_is_shown_with_all_that_is_known(void **state)
{
	(void)state;
	assert_string_equal(printed(false, &mail),
	    "dd609e76e4cb98d9\n"
	    "  first seen: 2026-02-01 10:00:00 (3h 0m ago)\n"
	    "  tries:      4, the last one 2026-02-01 12:58:30 (1m 30s ago)\n"
	    "  reason:     scan-running\n"
	    "  from:       <a@example.org>\n"
	    "  to:         <b@example.org> <c@example.org>\n"
	    "  message-id: <1@example.org>\n"
	    "  queue ID:   4F2C1A0B\n"
	    "  verdict:    none yet\n");
}

static void
test_deferred_verdict_is_shown(void **state)
{
	struct row clean = with_verdict(VERDICT_CLEAN, "");
	struct row infected = with_verdict(VERDICT_INFECTED, "Eicar-Test");

	(void)state;
	assert_non_null(strstr(printed(false, &clean),
	    "  verdict:    clean, ready since 2026-02-01 "
	    "12:00:00 (1h 0m ago)\n"));
	assert_non_null(strstr(printed(false, &infected),
	    "  verdict:    infected (Eicar-Test), ready since 2026-02-01 "
	    "12:00:00 (1h 0m ago)\n"));
}

static void
test_deferred_mail_is_one_object_of_json(void **state)
{
	struct row clean = with_verdict(VERDICT_CLEAN, "");

	(void)state;
	assert_string_equal(printed(true, &mail),
	    "{\"key\":\"dd609e76e4cb98d9\","
	    "\"first_seen\":\"2026-02-01T09:00:00Z\","
	    "\"last_try\":\"2026-02-01T11:58:30Z\",\"tries\":4,"
	    "\"reason\":\"scan-running\",\"sender\":\"<a@example.org>\","
	    "\"recipients\":[\"<b@example.org>\",\"<c@example.org>\"],"
	    "\"recipients_more\":0,"
	    "\"message_id\":\"<1@example.org>\",\"queue_id\":\"4F2C1A0B\","
	    "\"verdict\":null,\"virus\":null,\"verdict_at\":null}\n");
	assert_non_null(strstr(printed(true, &clean),
	    "\"verdict\":\"clean\",\"virus\":\"\","
	    "\"verdict_at\":\"2026-02-01T11:00:00Z\"}\n"));
}

/* A file may have been damaged, or written by others. */
static void
test_deferred_text_is_made_printable(void **state)
{
	char text[] = "<a\"\\b\n\033[31m\xff@example.org>";
	struct row odd = mail;

	(void)state;
	odd.text[ROW_SENDER] = text;
	assert_non_null(strstr(printed(false, &odd),
	    "  from:       <a\"\\b??[31m?@example.org>\n"));
	assert_non_null(strstr(printed(true, &odd),
	    "\"sender\":\"<a\\\"\\\\b??[31m?@example.org>\""));
}

static void
test_deferred_recipients_are_an_array(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "\"recipients\":[],\"recipients_more\":0" },
		{ "a@x", "\"recipients\":[\"a@x\"],\"recipients_more\":0" },
		{ "<a@x> <b@x> and 17 more",
		    "\"recipients\":[\"<a@x>\",\"<b@x>\"],"
		    "\"recipients_more\":17" },
		{ "and 1 more", "\"recipients\":[],\"recipients_more\":1" },
		{ "<\"a b\"@x> <c@x>",
		    "\"recipients\":[\"<\\\"a b\\\"@x>\",\"<c@x>\"]" },
		{ "<\"a\\\" b\"@x> <c@x>",
		    "\"recipients\":[\"<\\\"a\\\\\\\" b\\\"@x>\",\"<c@x>\"]" },
		{ "<\"a b@x>", "\"recipients\":[\"<\\\"a b@x>\"]" },
		{ "\\", "\"recipients\":[\"\\\\\"]" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct row row = mail;

		row.text[ROW_RECIPIENTS] = strcpy(text, cases[i].text);
		if (strstr(printed(true, &row), cases[i].json) == NULL)
			fail_msg("case %zu: %s", i, printed(true, &row));
	}
}

static void
test_deferred_mail_is_found_by_what_it_is_asked_for(void **state)
{
	static const struct {
		struct deferred_query query;
		bool matches;
	} cases[] = {
		{ { 0 }, true },
		{ { .json = true }, true },
		{ { .key = "dd609e76e4cb98d9" }, true },
		{ { .key = "DD609e" }, true },
		{ { .key = "dd609e76e4cb98d9110" }, true },
		{ { .key = "" }, true },
		{ { .key = "d609e" }, false },
		{ { .queue_id = "4F2C1A0B" }, true },
		{ { .queue_id = "4F2C1A0" }, false },
		{ { .sender = "a@example.org" }, true },
		{ { .sender = "<A@Example.org>" }, true },
		{ { .sender = "b@example.org" }, false },
		{ { .sender = "a@example.orgx" }, false },
		{ { .sender = "" }, false },
		{ { .recipient = "b@example.org" }, true },
		{ { .recipient = "<c@example.org>" }, true },
		{ { .recipient = "a@example.org" }, false },
		{ { .recipient = "example.org" }, false },
		{ { .sender = "a@example.org", .recipient = "d@x" }, false },
		{ { .key = "dd",
		      .queue_id = "4F2C1A0B",
		      .sender = "a@example.org",
		      .recipient = "c@example.org" },
		    true },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (deferred_matches(&mail, &cases[i].query) !=
		    cases[i].matches)
			fail_msg("case %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deferred_age_has_its_two_largest_units),
		cmocka_unit_test(
		    test_deferred_mail_is_shown_with_all_that_is_known),
		cmocka_unit_test(test_deferred_verdict_is_shown),
		cmocka_unit_test(test_deferred_mail_is_one_object_of_json),
		cmocka_unit_test(test_deferred_text_is_made_printable),
		cmocka_unit_test(test_deferred_recipients_are_an_array),
		cmocka_unit_test(
		    test_deferred_mail_is_found_by_what_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
