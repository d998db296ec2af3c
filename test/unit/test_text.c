/* test_text - what a sender controls, made safe for logs and headers
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

#include "base/text.h"
#include "support.h"

static void
test_text_field_lets_nothing_end_a_field_or_line(void **state)
{
	static const struct {
		const char *given, *safe;
	} cases[] = {
		{ "", "" },
		{ NULL, "" },
		{ "plain", "plain" },
		{ "<a.b+c=d@example.org>", "<a.b+c=d@example.org>" },
		{ "a b", "a?b" },
		{ "a, action=accept", "a??action=accept" },
		{ "a\r\nb", "a??b" },
		{ "\"quoted\"", "?quoted?" },
		{ "\x1b[1m\x7f\t", "?[1m??" },
		{ "caf\xc3\xa9", "caf??" },
		{ "!~", "!~" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ptr_equal(text_field(out, sizeof out, cases[i].given),
		    out);
		assert_string_equal(out, cases[i].safe);
	}
}

static void
test_text_line_keeps_spaces_and_quotes_but_no_control(void **state)
{
	static const struct {
		const char *given, *safe;
	} cases[] = {
		{ "", "" },
		{ NULL, "" },
		{ "a b, \"c\"", "a b, \"c\"" },
		{ "a\r\nb\tc", "a??b?c" },
		{ "\x7f\x80\xff\x01", "????" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ptr_equal(text_line(out, sizeof out, cases[i].given),
		    out);
		assert_string_equal(out, cases[i].safe);
	}
}

static void
test_text_is_cut_where_the_room_ends(void **state)
{
	char out[8] = "\1\1\1\1\1\1\1";

	(void)state;
	assert_string_equal(text_field(out, 4, "abcdef"), "abc");
	assert_int_equal(out[4], 1);
	assert_string_equal(text_line(out, 4, "xyz"), "xyz");
	assert_string_equal(text_line(out, 1, "xyz"), "");
	assert_int_equal(out[4], 1);
}

static void
test_text_signature_name_has_only_listed_bytes(void **state)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._:/()-";
	char one[2] = "";

	(void)state;
	for (int c = 1; c < 256; c++) {
		one[0] = (char)c;
		assert_int_equal(text_is_signature_name(one),
		    strchr(allowed, c) != NULL);
	}
	assert_true(text_is_signature_name("Win.Test.EICAR_HDB-1"));
	assert_false(text_is_signature_name("Win.Test EICAR"));
	assert_false(text_is_signature_name("Win.Test\n"));
}

static void
test_text_signature_name_has_1_to_128_bytes(void **state)
{
	char name[300];

	(void)state;
	assert_false(text_is_signature_name(""));
	for (size_t len = 1; len < sizeof name; len++) {
		memset(name, 'a', len);
		name[len] = '\0';
		assert_int_equal(text_is_signature_name(name), len <= 128);
		if (len + 1 == sizeof name)
			break;
	}
}

static void
test_text_hex_is_lower_case_and_ends(void **state)
{
	static const unsigned char bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char out[2 * sizeof bytes + 1];

	(void)state;
	assert_string_equal(text_hex(out, bytes, sizeof bytes), "000fa5ff");
	assert_string_equal(text_hex(out, bytes, 0), "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_text_field_lets_nothing_end_a_field_or_line),
		cmocka_unit_test(
		    test_text_line_keeps_spaces_and_quotes_but_no_control),
		cmocka_unit_test(test_text_is_cut_where_the_room_ends),
		cmocka_unit_test(
		    test_text_signature_name_has_only_listed_bytes),
		cmocka_unit_test(test_text_signature_name_has_1_to_128_bytes),
		cmocka_unit_test(test_text_hex_is_lower_case_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
