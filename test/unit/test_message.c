/* test_message - one message between MAIL and the reply to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "content_helper.h"
#include "filter/message.h"
#include "support.h"
#include "filter/msgpool.h"

#define RECEIVED \
	"Received: from localhost by localhost with vscan-milter; " \
	"Thu, 01 Jan 1970 00:00:00 +0000\r\n"

static struct config *config;
static struct msgpool *pool;

static int
open_pool(void **state)
{
	(void)state;
	/* Without a disk the pool has no descriptors of its own. */
	config = support_config("buffer { disk = 0 message_max = 8M }");
	return msgpool_create(config, &pool, NULL) == ERROR_NONE ? 0 : -1;
}

/* Nothing may be left of any message. */
static int
close_pool(void **state)
{
	(void)state;
	content_expect_usage(pool, 0, 0);
	msgpool_destroy(&pool);
	config_destroy(&config);
	return 0;
}

static void
expect_content(struct message *message, const char *expected)
{
	char *text;

	message_complete(message);
	text = content_text(message->buf);
	assert_string_equal(text, expected);
	free(text);
}

static void
test_message_is_headers_empty_line_and_body(void **state)
{
	struct message *message = message_create(pool, "<a@example.org>", NULL);

	(void)state;
	message_add_header(message, "Subject", "hello", false);
	message_add_header(message, "To", " b", true);
	message_add_body(message, "one\r\n", 5);
	message_add_body(message, "two\r\n", 5);
	expect_content(message,
	    RECEIVED "Subject: hello\r\nTo: b\r\n\r\none\r\ntwo\r\n");
	message_end(&message);
}

static void
test_message_that_is_empty_has_an_end_of_headers(void **state)
{
	struct message *message = message_create(pool, "<>", NULL);

	(void)state;
	expect_content(message, RECEIVED "\r\n");
	message_end(&message);
}

static void
test_message_without_a_body_has_an_end_of_headers(void **state)
{
	struct message *message = message_create(pool, "<>", NULL);

	(void)state;
	message_add_header(message, "Subject", "hello", false);
	expect_content(message, RECEIVED "Subject: hello\r\n\r\n");
	message_complete(message);
	message_end(&message);
}

static void
test_message_without_headers_keeps_its_body(void **state)
{
	struct message *message = message_create(pool, "<>", NULL);

	(void)state;
	message_add_body(message, "body", 4);
	expect_content(message, RECEIVED "\r\nbody");
	message_end(&message);
}

static void
test_message_end_is_harmless_at_any_time_and_twice(void **state)
{
	unsigned before = support_open_fds();

	(void)state;
	for (int steps = 0; steps <= 4; steps++) {
		struct message *message = message_create(pool, "<a>", NULL);

		if (steps > 0)
			message_add_recipient(message, "<b>");
		if (steps > 1)
			message_add_header(message, "Subject", "x", false);
		if (steps > 2)
			message_add_body(message, "x", 1);
		if (steps > 3)
			expect_content(message, RECEIVED "Subject: x\r\n\r\nx");
		message_end(&message);
		assert_null(message);
		message_end(&message);
		assert_null(message);
	}
	assert_int_equal(support_open_fds(), before);
}

static void
test_message_keeps_copies_of_its_envelope(void **state)
{
	struct message *message;
	char address[32] = "<sender@example.org>", expected[32];

	(void)state;
	message = message_create(pool, address, NULL);
	for (unsigned n = 0; n < 1000; n++) {
		snprintf(address, sizeof address, "<%u@example.org>", n);
		message_add_recipient(message, address);
	}
	assert_string_equal(message->sender, "<sender@example.org>");
	assert_int_equal(message->recipient_count, 1000);
	for (unsigned n = 0; n < 1000; n++) {
		snprintf(expected, sizeof expected, "<%u@example.org>", n);
		assert_string_equal(message->recipients[n], expected);
	}
	message_end(&message);
}

static void
test_message_counts_the_headers_that_claim_to_be_ours(void **state)
{
	struct message *message = message_create(pool, "<a>", NULL);

	(void)state;
	message_add_header(message, "X-Virus-Status", "Clean", false);
	message_add_header(message, "x-virus-status", "Clean", false);
	message_add_header(message, "X-VIRUS-SCANNED", "by me", false);
	message_add_header(message, "X-Virus-Other", "x", false);
	message_add_header(message, "X-Virus-Status", "Clean", false);
	assert_int_equal(message->own_headers[HEADER_STATUS], 3);
	assert_int_equal(message->own_headers[HEADER_SCANNED], 1);
	message_end(&message);
}

static void
test_message_id_is_kept_for_the_log_and_cut(void **state)
{
	struct message *message = message_create(pool, "<a>", NULL);
	char value[1000];

	(void)state;
	assert_string_equal(message->message_id, "");
	message_add_header(message, "Message-Id", " \t<1@x>", true);
	assert_string_equal(message->message_id, "<1@x>");
	memset(value, 'i', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	message_add_header(message, "Message-ID", value, false);
	assert_int_equal(strlen(message->message_id),
	    sizeof message->message_id - 1);
	message_end(&message);
}

static void
test_message_keeps_a_bounded_envelope(void **state)
{
	struct message *message = message_create(pool, "<a@example.org>", NULL);
	char address[2 * MESSAGE_ADDRESS];

	(void)state;
	memset(address, 'x', sizeof address - 1);
	address[sizeof address - 1] = '\0';
	for (size_t i = 0; i < MESSAGE_RECIPIENTS; i++)
		message_add_recipient(message, address);
	assert_int_equal(strlen(message->recipients[0]), MESSAGE_ADDRESS);
	assert_false(message->too_many);
	message_add_recipient(message, address);
	assert_true(message->too_many);
	assert_int_equal(message->recipient_count, MESSAGE_RECIPIENTS);
	message_end(&message);
}

static enum cost_structure
structure_of(const char *name, const char *value)
{
	struct message *message = message_create(pool, "<a>", NULL);
	enum cost_structure structure;

	message_add_header(message, "Subject", "multipart/mixed", true);
	if (name != NULL)
		message_add_header(message, name, value, true);
	message_add_body(message, "Content-Type: multipart/alternative\r\n\r\n",
	    39);
	structure = message->structure;
	message_end(&message);
	return structure;
}

static void
test_message_structure_is_what_its_content_type_says(void **state)
{
	static const struct {
		const char *name, *value;
		enum cost_structure structure;
	} cases[] = {
		{ NULL, NULL, COST_TEXT },
		{ "Content-Type", "text/plain", COST_TEXT },
		{ "Content-Type", "text/html; charset=utf-8", COST_TEXT },
		{ "content-type", "TEXT/Plain", COST_TEXT },
		{ "Content-Type", "multipart/alternative; boundary=x",
		    COST_ALTERNATIVE },
		{ "CONTENT-TYPE", "MultiPart/ALTERNATIVE", COST_ALTERNATIVE },
		{ "Content-Type", "multipart/mixed; boundary=x", COST_MIXED },
		{ "Content-Type", "Multipart/Related", COST_MIXED },
		{ "Content-Type", "multipart/signed", COST_MIXED },
		{ "Content-Type", " \t multipart/mixed", COST_MIXED },
		{ "Content-Type", "application/pdf", COST_OTHER },
		{ "Content-Type", "message/rfc822", COST_OTHER },
		{ "Content-Type", "application/multipart", COST_OTHER },
		{ "Content-Types", "application/pdf", COST_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (structure_of(cases[i].name, cases[i].value) !=
		    cases[i].structure)
			fail_msg("case %zu", i);
}

/* As libmilter hands them over: line ends are LF or CRLF. */
static void
test_message_structure_of_a_folded_header_is_found(void **state)
{
	static const struct {
		const char *value;
		enum cost_structure structure;
	} cases[] = {
		{ "multipart/mixed;\n\tboundary=x", COST_MIXED },
		{ "multipart/alternative;\r\n boundary=x", COST_ALTERNATIVE },
		{ "\n\tmultipart/mixed;\n\tboundary=x", COST_MIXED },
		{ "\r\n multipart/alternative", COST_ALTERNATIVE },
		{ "\n text/plain", COST_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (structure_of("Content-Type", cases[i].value) !=
		    cases[i].structure)
			fail_msg("case %zu", i);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_message_is_headers_empty_line_and_body, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_that_is_empty_has_an_end_of_headers, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_without_a_body_has_an_end_of_headers,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_without_headers_keeps_its_body, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_end_is_harmless_at_any_time_and_twice,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_keeps_copies_of_its_envelope, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_counts_the_headers_that_claim_to_be_ours,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_id_is_kept_for_the_log_and_cut, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_keeps_a_bounded_envelope, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_structure_is_what_its_content_type_says,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_message_structure_of_a_folded_header_is_found,
		    open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
