/* test_text - what a sender controls, made safe for logs and headers
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
		{ "\x1b[1m\x7f\tx", "?[1m??x" },
		{ "!~", "!~" },
		/* Without the white space around it: a folded header, too. */
		{ "\r\n <1@example.org>\t", "<1@example.org>" },
		{ " \t\r\n", "" },
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
		{ " a ", " a " },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ptr_equal(text_line(out, sizeof out, cases[i].given),
		    out);
		assert_string_equal(out, cases[i].safe);
	}
}

/* As SMTPUTF8 has them in addresses, and terminals show them. */
static void
test_text_utf8_that_can_be_seen_is_shown(void **state)
{
	static const char *const shown[] = {
		"caf\u00e9",
		"<\u7528\u6237@\u4f8b\u3048.\u30c6\u30b9\u30c8>",
		"<\u03b4\u03bf\u03ba\u03b9\u03bc\u03ae@\u0442.example>",
		"\u05d0\u0628",
		"\U0001f600",
		"\u00a1\u07ff\u0800\xed\x9f\xbf\xee\x80\x80"
		"\U00010000\U0010fffd",
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(shown); i++) {
		assert_string_equal(text_field(out, sizeof out, shown[i]),
		    shown[i]);
		assert_string_equal(text_line(out, sizeof out, shown[i]),
		    shown[i]);
	}
}

static void
test_text_that_is_no_utf8_or_hides_something_is_not_shown(void **state)
{
	static const char *const hidden[] = {
		"\x80",
		"\xbf",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xe0\x80\xaf",
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xc2\x80",
		"\xc2\x85",
		"\xc2\x9b",
		"\xc2\x9f", /* C1 */
		"\xc2\xa0",
		"\xc2\xad",
		"\xd8\x9c", /* blanks, ALM */
		"\xe2\x80\x8b",
		"\xe2\x80\x8e",
		"\xe2\x80\x8f",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9", /* line, paragraph */
		"\xe2\x80\xaa",
		"\xe2\x80\xae",
		"\xe2\x80\xaf",
		"\xe2\x81\xa6",
		"\xe2\x81\xa9",
		"\xe3\x80\x80",
		"\xef\xbb\xbf",
		"\xef\xbf\xbe",
		"\xef\xbf\xbf",
		"\xf3\xa0\x80\xa1",
		"\xf0\x9f\xbf\xbf",
	};
	char given[16], expected[16], out[16];

	(void)state;
	for (size_t i = 0; i < LENGTH(hidden); i++) {
		snprintf(given, sizeof given, "a%sb", hidden[i]);
		snprintf(expected, sizeof expected, "a%.*sb",
		    (int)strlen(hidden[i]), "????");
		assert_string_equal(text_field(out, sizeof out, given),
		    expected);
		assert_string_equal(text_line(out, sizeof out, given),
		    expected);
	}
}

static void
test_text_line_can_be_made_safe_in_its_place(void **state)
{
	char text[] = "\x1b a\u00e9\x80\u202e b";

	(void)state;
	assert_string_equal(text_line(text, sizeof text, text),
	    "? a\u00e9???? b");
}

static void
test_text_ascii_is_for_headers_and_replies(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(text_ascii(out, sizeof out, "a, \"b\""),
	    "a, \"b\"");
	assert_string_equal(text_ascii(out, sizeof out, "caf\u00e9\r\n"),
	    "caf????");
	assert_string_equal(text_ascii(out, 4, "abcdef"), "abc");
	assert_string_equal(text_ascii(out, sizeof out, NULL), "");
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
	/* Between two characters, not within one. */
	assert_string_equal(text_line(out, 4, "ab\u00e9"), "ab");
	assert_string_equal(text_field(out, 4, "a\u00e9x"), "a\u00e9");
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
		cmocka_unit_test(test_text_utf8_that_can_be_seen_is_shown),
		cmocka_unit_test(
		    test_text_that_is_no_utf8_or_hides_something_is_not_shown),
		cmocka_unit_test(test_text_line_can_be_made_safe_in_its_place),
		cmocka_unit_test(test_text_ascii_is_for_headers_and_replies),
		cmocka_unit_test(test_text_is_cut_where_the_room_ends),
		cmocka_unit_test(
		    test_text_signature_name_has_only_listed_bytes),
		cmocka_unit_test(test_text_signature_name_has_1_to_128_bytes),
		cmocka_unit_test(test_text_hex_is_lower_case_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
