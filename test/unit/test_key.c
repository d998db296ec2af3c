/* test_key - equal keys mean equal work for the engine
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

#include "config/config.h"
#include "wire/key.h"
#include "support.h"

static bool
equal(struct key a, struct key b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

/* The key of text under these settings. */
static struct key
key_with(const char *settings, const char *text)
{
	struct config *config = support_config(settings);
	struct key_digest digest;

	key_digest_init(&digest, config);
	key_digest_update(&digest, text, strlen(text));
	config_destroy(&config);
	return key_digest_final(&digest, true);
}

static void
test_key_is_the_same_however_the_bytes_arrive(void **state)
{
	struct config *config = support_config("");
	char bytes[5000];
	struct key_digest digest;
	struct key whole, parts;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)support_pattern(i);
	key_digest_init(&digest, config);
	key_digest_update(&digest, bytes, sizeof bytes);
	whole = key_digest_final(&digest, true);
	for (size_t step = 1; step < sizeof bytes; step = step * 3 + 1) {
		key_digest_init(&digest, config);
		for (size_t at = 0; at < sizeof bytes; at += step) {
			size_t left = sizeof bytes - at;

			key_digest_update(&digest, bytes + at,
			    left < step ? left : step);
			key_digest_update(&digest, bytes, 0);
		}
		parts = key_digest_final(&digest, true);
		assert_true(equal(whole, parts));
	}
	config_destroy(&config);
}

static void
test_key_differs_where_the_bytes_do(void **state)
{
	(void)state;
	assert_true(equal(key_with("", "abc"), key_with("", "abc")));
	assert_false(equal(key_with("", "abc"), key_with("", "abd")));
	assert_false(equal(key_with("", "abc"), key_with("", "abc\n")));
	assert_false(equal(key_with("", "abc"), key_with("", "")));
}

static void
test_key_of_a_beginning_is_not_that_of_the_whole(void **state)
{
	struct config *config = support_config("");
	struct key_digest whole, beginning;

	(void)state;
	key_digest_init(&whole, config);
	key_digest_update(&whole, "abc", 3);
	beginning = whole;
	assert_false(equal(key_digest_final(&whole, true),
	    key_digest_final(&beginning, false)));
	config_destroy(&config);
}

static void
test_key_has_every_scan_option_in_it(void **state)
{
	static const char *const settings[] = {
		"",
		"engine { max_scan_size = 399M }",
		"engine { max_file_size = 99M }",
		"engine { max_files = 9999 }",
		"engine { max_recursion = 16 }",
		"action { macro = reject }",
		"action { phishing = reject }",
		"action { macro = accept }",
		"action { pua = reject }",
		"action { encrypted = reject }",
		"action { incomplete = reject }",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(settings); i++)
		for (size_t j = 0; j < i; j++)
			assert_false(equal(key_with(settings[i], "abc"),
			    key_with(settings[j], "abc")));
}

static void
test_key_is_the_same_where_the_engine_does_the_same(void **state)
{
	static const char *const same[][2] = {
		{ "", "action { infected = discard }" },
		{ "", "deadline { reply = 10 }" },
		{ "", "engine { workers = 7 }" },
		{ "action { error = tempfail }", "" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(same); i++)
		assert_true(equal(key_with(same[i][0], "abc"),
		    key_with(same[i][1], "abc")));
}

static void
test_key_short_is_the_beginning_in_hexadecimal(void **state)
{
	struct key key = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	    0x77 } };
	char out[KEY_SHORT_SIZE];

	(void)state;
	assert_ptr_equal(key_short(&key, out), out);
	assert_string_equal(out, "0123456789abcdef");
}

static struct key
envelope(const char *sender, const char *a, const char *b, const char *c)
{
	char texts[3][64], *recipients[3];
	const char *given[3] = { a, b, c };
	size_t count = 0;

	while (count < 3 && given[count] != NULL) {
		snprintf(texts[count], sizeof texts[count], "%s", given[count]);
		recipients[count] = texts[count];
		count++;
	}
	return key_of_envelope(sender, recipients, count);
}

static void
test_key_of_envelope_knows_no_order_of_recipients(void **state)
{
	struct key key = envelope("<s>", "<a>", "<b>", "<c>");

	(void)state;
	assert_true(equal(key, envelope("<s>", "<c>", "<b>", "<a>")));
	assert_true(equal(key, envelope("<s>", "<b>", "<a>", "<c>")));
	assert_true(equal(envelope("<s>", NULL, NULL, NULL),
	    envelope("<s>", NULL, NULL, NULL)));
}

static void
test_key_of_envelope_tells_all_else_apart(void **state)
{
	const struct key keys[] = {
		envelope("<s>", "ab", "c", NULL),
		envelope("<s>", "a", "bc", NULL),
		envelope("<s>", "abc", NULL, NULL),
		envelope("<s>", "a", "b", "c"),
		envelope("<s>", "ab", "c", "c"),
		envelope("<s>", "ab", "ab", "c"),
		envelope("<s>", "ab", "C", NULL),
		envelope("<s>", NULL, NULL, NULL),
		envelope("<>", "ab", "c", NULL),
		envelope("ab", "<s>", "c", NULL),
		envelope("<s>", "ab,c", NULL, NULL),
		envelope("<s>", "ab", "", NULL),
		envelope("<s>", "ab", NULL, NULL),
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(keys); i++)
		for (size_t j = 0; j < i; j++)
			assert_false(equal(keys[i], keys[j]));
}

static void
test_key_of_envelope_leaves_the_recipients_as_they_are(void **state)
{
	char z[] = "<z>", a[] = "<a>", *recipients[] = { z, a };

	(void)state;
	key_of_envelope("<s>", recipients, 2);
	assert_ptr_equal(recipients[0], z);
	assert_ptr_equal(recipients[1], a);
	assert_string_equal(z, "<z>");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_is_the_same_however_the_bytes_arrive),
		cmocka_unit_test(test_key_differs_where_the_bytes_do),
		cmocka_unit_test(
		    test_key_of_a_beginning_is_not_that_of_the_whole),
		cmocka_unit_test(test_key_has_every_scan_option_in_it),
		cmocka_unit_test(
		    test_key_is_the_same_where_the_engine_does_the_same),
		cmocka_unit_test(
		    test_key_short_is_the_beginning_in_hexadecimal),
		cmocka_unit_test(
		    test_key_of_envelope_knows_no_order_of_recipients),
		cmocka_unit_test(test_key_of_envelope_tells_all_else_apart),
		cmocka_unit_test(
		    test_key_of_envelope_leaves_the_recipients_as_they_are),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
