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
#include "ledger/store.h"
#include "ctl/deferred.h"
#include "support.h"

/* 2026-02-01 12:00:00 UTC */
#define NOW (1769947200 * MONOTIME_S)
#define HOUR (3600 * MONOTIME_S)

static const struct store_row mail = {
	.key = { { 0xdd, 0x60, 0x9e, 0x76, 0xe4, 0xcb, 0x98, 0xd9, 0x11 } },
	.tries = 4,
	.first_age = 3 * HOUR,
	.last_age = 90 * MONOTIME_S,
	.reason = "scan-running",
	.sender = "<a@example.org>",
	.recipients = "<b@example.org> <c@example.org>",
	.message_id = "<1@example.org>",
	.queue_id = "4F2C1A0B",
};

/* The same with a verdict. */
static struct store_row
with_verdict(enum verdict_kind kind, const char *name, bool fetched)
{
	struct store_row row = mail;

	row.known = true;
	row.verdict = verdict_make(kind, name);
	row.verdict_age = HOUR;
	row.fetched = fetched;
	return row;
}

typedef void print_function(const struct store_row *row, int64_t now,
    FILE *out);

/* Points to a static buffer. */
static const char *
printed(print_function *print, const struct store_row *row)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof text, "w");

	assert_non_null(out);
	print(row, NOW, out);
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
	assert_string_equal(printed(deferred_print, &mail),
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
test_deferred_verdict_is_shown_with_what_became_of_it(void **state)
{
	struct store_row clean = with_verdict(VERDICT_CLEAN, "", false);
	struct store_row infected = with_verdict(VERDICT_INFECTED, "Eicar-Test",
	    true);

	(void)state;
	assert_non_null(strstr(printed(deferred_print, &clean),
	    "  verdict:    clean, ready since 2026-02-01 12:00:00 (1h 0m ago),"
	    " not fetched\n"));
	assert_non_null(strstr(printed(deferred_print, &infected),
	    "  verdict:    infected (Eicar-Test), ready since 2026-02-01 "
	    "12:00:00 (1h 0m ago), fetched\n"));
}

static void
test_deferred_mail_is_one_object_of_json(void **state)
{
	struct store_row clean = with_verdict(VERDICT_CLEAN, "", true);

	(void)state;
	assert_string_equal(printed(deferred_print_json, &mail),
	    "{\"key\":\"dd609e76e4cb98d9\","
	    "\"first_seen\":\"2026-02-01T09:00:00Z\","
	    "\"last_try\":\"2026-02-01T11:58:30Z\",\"tries\":4,"
	    "\"reason\":\"scan-running\",\"sender\":\"<a@example.org>\","
	    "\"recipients\":\"<b@example.org> <c@example.org>\","
	    "\"message_id\":\"<1@example.org>\",\"queue_id\":\"4F2C1A0B\","
	    "\"verdict\":null,\"virus\":null,\"verdict_at\":null,"
	    "\"fetched\":false}\n");
	assert_non_null(strstr(printed(deferred_print_json, &clean),
	    "\"verdict\":\"clean\",\"virus\":\"\","
	    "\"verdict_at\":\"2026-02-01T11:00:00Z\",\"fetched\":true}\n"));
}

/* A file may have been damaged, or written by others. */
static void
test_deferred_text_is_made_printable(void **state)
{
	struct store_row odd = mail;

	(void)state;
	strcpy(odd.sender, "<a\"\\b\n\033[31m\xff@example.org>");
	assert_non_null(strstr(printed(deferred_print, &odd),
	    "  from:       <a\"\\b??[31m?@example.org>\n"));
	assert_non_null(strstr(printed(deferred_print_json, &odd),
	    "\"sender\":\"<a\\\"\\\\b??[31m?@example.org>\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deferred_age_has_its_two_largest_units),
		cmocka_unit_test(
		    test_deferred_mail_is_shown_with_all_that_is_known),
		cmocka_unit_test(
		    test_deferred_verdict_is_shown_with_what_became_of_it),
		cmocka_unit_test(test_deferred_mail_is_one_object_of_json),
		cmocka_unit_test(test_deferred_text_is_made_printable),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
