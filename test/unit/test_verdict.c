/* test_verdict - verdicts and their names
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/verdict.h"
#include "support.h"

static void
test_verdict_kinds_are_spelled_as_in_the_settings(void **state)
{
	static const char *const names[VERDICT_KINDS] = {
		[VERDICT_ERROR] = "error",
		[VERDICT_CLEAN] = "clean",
		[VERDICT_INFECTED] = "infected",
		[VERDICT_ENCRYPTED] = "encrypted",
		[VERDICT_MACRO] = "macro",
		[VERDICT_PHISHING] = "phishing",
		[VERDICT_PUA] = "pua",
		[VERDICT_INCOMPLETE] = "incomplete",
		[VERDICT_LATE] = "late",
		[VERDICT_UNSCANNABLE] = "unscannable",
	};

	(void)state;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		assert_string_equal(verdict_kind_name((enum verdict_kind)kind),
		    names[kind]);
}

static void
test_verdict_nothing_set_is_an_error(void **state)
{
	const struct verdict empty = { 0 };

	(void)state;
	assert_int_equal(empty.kind, VERDICT_ERROR);
}

static void
test_verdict_name_is_made_a_signature_name(void **state)
{
	static const struct {
		const char *given, *name;
	} cases[] = {
		{ "", "" },
		{ "Win.Test.EICAR_HDB-1", "Win.Test.EICAR_HDB-1" },
		{ "a b", "a-b" },
		{ "a, action=accept\r\n", "a--action-accept--" },
		{ "{HEX}php.shell", "-HEX-php.shell" },
		{ "caf\xc3\xa9%v\x1b", "caf---v-" },
		{ "A/(b):c_d-e", "A/(b):c_d-e" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct verdict verdict = verdict_make(VERDICT_INFECTED,
		    cases[i].given);

		assert_int_equal(verdict.kind, VERDICT_INFECTED);
		assert_string_equal(verdict.name, cases[i].name);
		assert_true(verdict.name[0] == '\0' ||
		    text_is_signature_name(verdict.name));
	}
}

static void
test_verdict_name_that_is_too_long_is_cut(void **state)
{
	struct verdict verdict;
	char name[400];

	(void)state;
	for (size_t len = 126; len < sizeof name; len++) {
		memset(name, 'a', len);
		name[len] = '\0';
		verdict = verdict_make(VERDICT_PUA, name);
		assert_int_equal(strlen(verdict.name), len < 128 ? len : 128);
		assert_true(text_is_signature_name(verdict.name));
	}
}

static void
test_verdict_is_final_where_a_scan_found_it_out(void **state)
{
	(void)state;
	for (int kind = 0; kind < VERDICT_KINDS; kind++) {
		struct verdict verdict = verdict_make((enum verdict_kind)kind,
		    "");

		assert_int_equal(verdict_is_final(&verdict),
		    kind != VERDICT_ERROR && kind != VERDICT_LATE);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_verdict_kinds_are_spelled_as_in_the_settings),
		cmocka_unit_test(test_verdict_nothing_set_is_an_error),
		cmocka_unit_test(test_verdict_name_is_made_a_signature_name),
		cmocka_unit_test(test_verdict_name_that_is_too_long_is_cut),
		cmocka_unit_test(
		    test_verdict_is_final_where_a_scan_found_it_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
