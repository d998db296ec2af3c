/* test_header - which headers the engine sees, to the byte
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "content_helper.h"
#include "filter/header.h"
#include "filter/msgbuf.h"
#include "filter/msgpool.h"
#include "support.h"

#define MESSAGE_ID "Message-ID: <message@vscan-milter.invalid>\r\n"
#define DATE "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"

struct line {
	const char *name, *value;
};

static struct config *config;
static struct msgpool *pool;
static struct header_left_out left_out;

static int
open_pool(void **state)
{
	(void)state;
	config = support_config(
	    "headers { ignore = { \"X-Site-*\", \"Deliver-To\" } }");
	left_out = (struct header_left_out){
		.ignore = &config->headers_ignore,
	};
	return msgpool_create(config, &pool, NULL) == ERROR_NONE ? 0 : -1;
}

static int
close_pool(void **state)
{
	(void)state;
	msgpool_destroy(&pool);
	config_destroy(&config);
	return 0;
}

/* The bytes that one header becomes. */
static char *
seen(const char *name, const char *value, bool has_space)
{
	struct msgbuf *buf = msgbuf_create(pool);
	char *text;

	msgbuf_append(buf, ">", 1);
	header_add(&left_out, buf, name, value, has_space);
	text = content_text(buf);
	msgbuf_unref(&buf);
	memmove(text, text + 1, strlen(text));
	return text;
}

static void
expect_seen(const char *name, const char *value, bool has_space,
    const char *expected)
{
	char *text = seen(name, value, has_space);

	assert_string_equal(text, expected);
	free(text);
}

static void
test_header_trace_is_left_out_in_any_case(void **state)
{
	static const char *const names[] = {
		"Received",
		"received",
		"RECEIVED",
		"rEcEiVeD",
		"Return-Path",
		"return-path",
		"Delivered-To",
		"DELIVERED-TO",
		"X-Received",
		"Received-SPF",
		"received-spf",
		"DKIM-Signature",
		"Dkim-Signature",
		"ARC-Seal",
		"ARC-Message-Signature",
		"arc-authentication-results",
		"Authentication-Results",
		"X-Google-DKIM-Signature",
		"x-google-smtp-source",
		"X-MS-Exchange-Organization-SCL",
		"x-ms-exchange-antispam-report",
		"X-Forefront-Antispam-Report",
		"X-Spam-Status",
		"x-spam-flag",
		"X-Spam-",
		"ARC-",
		/* Of milters and content filters before us. */
		"X-Spam",
		"X-Spamd-Result",
		"X-Spamd-Bar",
		"X-Rspamd-Queue-Id",
		"x-rspamd-server",
		"X-Greylist",
		"X-Greylisting-By",
		"DKIM-Filter",
		"DMARC-Filter",
		"ARC-Filter",
		"X-Comment",
		"X-Amavis-Alert",
		"X-Quarantine-ID",
		"X-DSPAM-Processed",
		"X-Bogosity",
		/* Of headers.ignore. */
		"X-Site-Try",
		"x-site-",
		"deliver-to",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++)
		expect_seen(names[i], "from a by b", false, "");
}

static void
test_header_with_a_name_that_is_only_like_it_is_kept(void **state)
{
	static const char *const names[] = {
		"Received2",
		"XReceived",
		"Receive",
		"Return-Path-X",
		"ARC",
		"X-Google",
		"X-Spam2",
		"X-Spamd",
		"X-Rspamd",
		"X-Site",
		"Deliver-To2",
		"DKIM-Filter2",
		"X-ARC-Seal",
		"DKIM-Signature2",
		"Authentication-Results-X",
		"X-Virus-Status",
		"Resent-Date",
		"Message-ID2",
		"X-Date",
		"References",
	};
	char expected[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		strcpy(expected, names[i]);
		strcat(expected, ": v\r\n");
		expect_seen(names[i], "v", false, expected);
	}
}

static void
test_header_message_id_and_date_become_stand_ins(void **state)
{
	(void)state;
	expect_seen("Message-ID", "<1@x>", false, MESSAGE_ID);
	expect_seen("message-id", " <2@y>\n z", true, MESSAGE_ID);
	expect_seen("Message-Id", "", false, MESSAGE_ID);
	expect_seen("Date", "today", false, DATE);
	expect_seen("DATE", " today", true, DATE);
}

/* Fails unless the engine is shown this header, whatever its name. */
static void
expect_shown(const char *name, const char *value)
{
	char *text = seen(name, value, false);

	assert_memory_equal(text, name, strlen(name));
	assert_non_null(strstr(text, value));
	free(text);
}

static void
test_header_that_could_hide_something_is_shown(void **state)
{
	static const char *const values[] = { "a\001b", "caf\303\251", "MZ\220",
		"\177", "a\033[1m" };
	char huge[HEADER_LEFT_OUT_VALUE + 1];

	(void)state;
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	for (size_t i = 0; i < LENGTH(values); i++) {
		expect_shown("Received", values[i]);
		expect_shown("X-Site-Try", values[i]);
		expect_shown("Message-ID", values[i]);
	}
	expect_shown("X-Spam-Report", huge);
	expect_shown("X-Site-Try", huge);
	expect_shown("Date", huge);
	expect_shown("X-Spam-\001", "plain");
	assert_int_equal(left_out.count, 0);
	huge[sizeof huge - 1 - strlen("X-Spam-Report")] = '\0';
	expect_seen("X-Spam-Report", huge, false, "");
}

static void
test_header_more_than_a_trace_is_shown(void **state)
{
	char value[HEADER_LEFT_OUT_VALUE / 2];

	(void)state;
	for (unsigned i = 0; i < HEADER_LEFT_OUT_COUNT; i++)
		expect_seen("Received", "by mx", false, "");
	expect_shown("Received", "by mx");
	expect_shown("Date", "today");
	left_out.count = 0;
	left_out.bytes = 0;
	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (size_t sum = 0; sum + strlen(value) + 8 <= HEADER_LEFT_OUT_BYTES;
	     sum += strlen(value) + 8)
		expect_seen("Received", value, false, "");
	expect_shown("Received", value);
}

static void
test_header_is_kept_to_the_byte_with_crlf(void **state)
{
	static const struct {
		const char *value;
		bool has_space;
		const char *bytes;
	} cases[] = {
		{ "hello", false, "S: hello\r\n" },
		{ " hello", true, "S: hello\r\n" },
		{ "hello", true, "S:hello\r\n" },
		{ "\thello", true, "S:\thello\r\n" },
		{ "  two ", true, "S:  two \r\n" },
		{ "", false, "S: \r\n" },
		{ "", true, "S:\r\n" },
		{ "a\n b", false, "S: a\r\n b\r\n" },
		{ "a\r\n b", false, "S: a\r\n b\r\n" },
		{ "a\n\tb\r\n c\n d", false, "S: a\r\n\tb\r\n c\r\n d\r\n" },
		{ "\n a", true, "S:\r\n a\r\n" },
		{ "a\rb", false, "S: a\rb\r\n" },
		{ "\x80\xff%s%n\x01", false, "S: \x80\xff%s%n\x01\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		expect_seen("S", cases[i].value, cases[i].has_space,
		    cases[i].bytes);
}

/* The key of a message with these headers. */
static struct key
key_of(const struct line *lines)
{
	struct header_left_out none = { .ignore = &config->headers_ignore };
	struct msgbuf *buf = msgbuf_create(pool);
	struct key key;

	header_begin(buf);
	for (; lines->name != NULL; lines++)
		header_add(&none, buf, lines->name, lines->value, false);
	header_end(buf);
	msgbuf_append(buf, "body\r\n", 6);
	content_seal(buf);
	key = msgbuf_key(buf);
	msgbuf_unref(&buf);
	return key;
}

static void
test_header_two_tries_of_one_mail_have_one_key(void **state)
{
	static const struct line
	    first[] = { { "Received", "from a by mx1; Mon" },
		    { "From", "<a@example.org>" }, { "Subject", "hello" },
		    { "Message-ID", "<20260101.1@mx1>" },
		    { "Date", "Mon, 01 Jan 2026 00:00:00 +0000" },
		    { NULL, NULL } },
	    second[] = {
		    { "Return-Path", "<a@example.org>" },
		    { "Received", "from b by mx2; Tue" },
		    { "Received", "from a by b; Mon" },
		    { "ARC-Seal", "i=1; t=2" },
		    { "X-Google-Smtp-Source", "xyz" },
		    { "DKIM-Signature", "v=1;\n t=99" },
		    { "From", "<a@example.org>" },
		    { "X-Spam-Score", "1.5" },
		    { "Subject", "hello" },
		    { "Message-Id", "<20260102.7@mx2>" },
		    { "Date", "Tue, 02 Jan 2026 00:00:00 +0000" },
		    { "Authentication-Results", "mx2; spf=pass" },
		    { "X-Rspamd-Queue-Id", "4Zabc" },
		    { "X-Site-Try", "2" },
		    { NULL, NULL },
	    };
	struct key a = key_of(first), b = key_of(second);

	(void)state;
	assert_memory_equal(&a, &b, sizeof a);
}

static void
test_header_that_says_something_else_makes_another_key(void **state)
{
	static const struct line mails[][3] = {
		{ { "Subject", "hello" }, { "To", "b" }, { NULL, NULL } },
		{ { "Subject", "hallo" }, { "To", "b" }, { NULL, NULL } },
		{ { "Subject", "hello " }, { "To", "b" }, { NULL, NULL } },
		{ { "subject", "hello" }, { "To", "b" }, { NULL, NULL } },
		{ { "To", "b" }, { "Subject", "hello" }, { NULL, NULL } },
		{ { "Subject", "hello" }, { NULL, NULL } },
		{ { "Subject", "hello" }, { "To", "b" }, { NULL, NULL } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(mails); i++)
		for (size_t j = 0; j < i; j++) {
			struct key a = key_of(mails[i]), b = key_of(mails[j]);

			assert_int_equal(memcmp(&a, &b, sizeof a) == 0,
			    i == LENGTH(mails) - 1 && j == 0);
		}
}

static void
test_header_a_message_begins_with_a_received_line(void **state)
{
	struct msgbuf *buf = msgbuf_create(pool);
	char *text, *end;

	(void)state;
	header_begin(buf);
	header_end(buf);
	text = content_text(buf);
	assert_memory_equal(text, "Received: ", 10);
	end = strstr(text, "\r\n");
	assert_non_null(end);
	assert_string_equal(end, "\r\n\r\n");
	free(text);
	msgbuf_unref(&buf);
}

static void
test_header_own_names_are_found_in_any_case(void **state)
{
	(void)state;
	assert_string_equal(header_own_name(HEADER_SCANNED), "X-Virus-Scanned");
	assert_string_equal(header_own_name(HEADER_STATUS), "X-Virus-Status");
	assert_int_equal(header_own_find("x-virus-scanned"), HEADER_SCANNED);
	assert_int_equal(header_own_find("X-VIRUS-STATUS"), HEADER_STATUS);
	assert_int_equal(header_own_find("X-Virus-Status2"), HEADER_OWN_COUNT);
	assert_int_equal(header_own_find("X-Virus"), HEADER_OWN_COUNT);
	assert_int_equal(header_own_find(""), HEADER_OWN_COUNT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_header_trace_is_left_out_in_any_case, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_with_a_name_that_is_only_like_it_is_kept,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_message_id_and_date_become_stand_ins, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_that_could_hide_something_is_shown, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_more_than_a_trace_is_shown, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_is_kept_to_the_byte_with_crlf, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_two_tries_of_one_mail_have_one_key, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_that_says_something_else_makes_another_key,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_a_message_begins_with_a_received_line,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_header_own_names_are_found_in_any_case, open_pool,
		    close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
