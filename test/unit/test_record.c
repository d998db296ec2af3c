/* test_record - nothing that a sender controls forges a line or a field
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
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/tally.h"
#include "base/text.h"
#include "config/config.h"
#include "filter/connection.h"
#include "filter/filter_state.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "filter/record.h"
#include "filter/session.h"
#include "support.h"

static struct config *config;
static struct connection connection;
static struct filter_state filter;

/* What a record line is to have, in this order. */
static const char *const fields[] = {
	"client",
	"from",
	"nrcpt",
	"message-id",
	"size",
	"key",
	"verdict",
	"virus",
	"reason",
	"action",
	"source",
	"generation",
	"wait_ms",
	"scan_ms",
	"total_ms",
};

static int
open_filter(void **state)
{
	(void)state;
	/* Without a disk the pool's thread opens nothing while descriptors are
	 * moved about here. */
	config = support_config("buffer { disk = 0 message_max = 8M }");
	filter_state_init(&filter, config);
	log_open("unit", LOG_LEVEL_INFO);
	if (netlist_create(&config->headers_keep_from, &filter.keep_from,
		NULL) != ERROR_NONE)
		return -1;
	return msgpool_create(config, &filter.pool, NULL) == ERROR_NONE ? 0
									: -1;
}

static int
close_filter(void **state)
{
	(void)state;
	msgpool_destroy(&filter.pool);
	netlist_destroy(&filter.keep_from);
	filter_state_fini(&filter);
	config_destroy(&config);
	return 0;
}

/* What record_log() writes, without time, ident and process. */
static void
logged(const struct record *record, char *out, size_t size)
{
	int saved = dup(STDERR_FILENO), ends[2];
	char line[4096], *begin;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	fd_close(&ends[1]);
	record_log(record);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	fd_close(&saved);
	n = read(ends[0], line, sizeof line - 1);
	fd_close(&ends[0]);
	assert_true(n > 0);
	line[n] = '\0';
	begin = strstr(line, "]: ");
	assert_non_null(begin);
	snprintf(out, size, "%s", begin + 3);
}

/* One line, the queue ID, and the fields that are due, once each. */
static void
expect_only_fields(char *line, const char *queue_id)
{
	char *end = strchr(line, '\n'), *at = line, *field, shown[4096];
	size_t n = 0;

	assert_non_null(end);
	assert_string_equal(end, "\n");
	*end = '\0';
	assert_string_equal(text_line(shown, sizeof shown, line), line);
	assert_null(strchr(line, '"'));
	assert_memory_equal(line, queue_id, strlen(queue_id));
	at += strlen(queue_id);
	assert_memory_equal(at, ": ", 2);
	for (at += 2; (field = strsep(&at, ",")) != NULL; n++) {
		size_t len;

		assert_true(n < LENGTH(fields));
		field += n > 0;
		len = strlen(fields[n]);
		assert_memory_equal(field, fields[n], len);
		assert_int_equal(field[len], '=');
		assert_int_not_equal(field[len + 1], '\0');
		assert_null(strchr(field, ' '));
	}
	assert_int_equal(n, LENGTH(fields));
}

static void
test_record_has_what_is_known_of_a_message(void **state)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct key key = { { 0x12, 0x34 } };
	struct record record = {
		.session = session,
		.queue_id = "4Zabc",
		.key = &key,
		.outcome = {
			.verdict = { VERDICT_INFECTED, "Eicar-Test" },
			.source = SCAN_SOURCE_SCAN,
			.scan_time = 1500 * MONOTIME_MS,
			.generation = "0123456789abcdef",
		},
		.action = ACTION_REJECT,
		.wait_time = 1501 * MONOTIME_MS + 999999,
		.total_time = 1502 * MONOTIME_MS,
	};
	char line[4096];

	(void)state;
	session_connected(session, "mx.example.org", NULL, NULL);
	session_begin_message(session, "<a@example.org>", NULL);
	message_add_recipient(session->message, "<b@example.org>");
	message_add_header(session->message, "Message-ID", "<1@x>", false);
	message_complete(session->message);
	logged(&record, line, sizeof line);
	assert_non_null(strstr(line,
	    "4Zabc: client=mx.example.org[local], "
	    "from=<a@example.org>, nrcpt=1, message-id=<1@x>, size="));
	assert_non_null(strstr(line,
	    ", key=1234000000000000, "
	    "verdict=infected, virus=Eicar-Test, reason=-, "
	    "action=reject, source=scan, "
	    "generation=0123456789abcdef, wait_ms=1501, scan_ms=1500, "
	    "total_ms=1502\n"));
	expect_only_fields(line, "4Zabc");
	session_destroy(&session);
}

static void
test_record_has_a_dash_for_what_is_not_known(void **state)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct record record = { .session = session };
	char line[4096];

	(void)state;
	session_begin_message(session, "", NULL);
	logged(&record, line, sizeof line);
	assert_string_equal(line,
	    "NOQUEUE: client=unknown, from=<>, nrcpt=0, "
	    "message-id=-, size=0, key=-, verdict=error, virus=-, reason=-, "
	    "action=off, "
	    "source=none, generation=-, wait_ms=0, scan_ms=0, total_ms=0\n");
	expect_only_fields(line, "NOQUEUE");
	session_destroy(&session);
}

/* A reason is no virus. */
static void
test_record_has_a_reason_where_no_virus_was_found(void **state)
{
	static const struct {
		struct verdict verdict;
		const char *fields;
	} cases[] = {
		{ { VERDICT_CLEAN, "" }, "verdict=clean, virus=-, reason=-, " },
		{ { VERDICT_ERROR, "no-engine" },
		    "verdict=error, virus=-, reason=no-engine, " },
		{ { VERDICT_LATE, "scan-running" },
		    "verdict=late, virus=-, reason=scan-running, " },
		{ { VERDICT_ENCRYPTED, "Zip" },
		    "verdict=encrypted, virus=-, reason=Zip, " },
		{ { VERDICT_INCOMPLETE, "MaxFiles" },
		    "verdict=incomplete, virus=-, reason=MaxFiles, " },
		{ { VERDICT_UNSCANNABLE, "SIGSEGV" },
		    "verdict=unscannable, virus=-, reason=SIGSEGV, " },
		{ { VERDICT_PUA, "PUA.Win.Tool" },
		    "verdict=pua, virus=PUA.Win.Tool, reason=-, " },
		{ { VERDICT_MACRO, "OLE2" },
		    "verdict=macro, virus=OLE2, reason=-, " },
		{ { VERDICT_PHISHING, "URL" },
		    "verdict=phishing, virus=URL, reason=-, " },
	};
	struct session *session = session_create(&filter, &connection, 0);
	struct record record = { .session = session, .queue_id = "Q" };
	char line[4096];

	(void)state;
	session_begin_message(session, "<a>", NULL);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		record.outcome.verdict = cases[i].verdict;
		logged(&record, line, sizeof line);
		assert_non_null(strstr(line, cases[i].fields));
		expect_only_fields(line, "Q");
	}
	session_destroy(&session);
}

/* How many lines come of so many messages that are deferred for it. */
static unsigned
lines_of(const char *reason, unsigned messages)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct record record = {
		.session = session,
		.queue_id = "Q",
		.outcome.verdict = verdict_make(VERDICT_ERROR, reason),
		.action = ACTION_TEMPFAIL,
	};
	struct support_capture capture;
	static char text[65536];
	unsigned lines = 0;

	session_begin_message(session, "<a>", NULL);
	support_capture_begin(&capture);
	for (unsigned i = 0; i < messages; i++)
		record_log(&record);
	support_capture_end(&capture, text, sizeof text);
	session_destroy(&session);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines;
}

static void
test_record_of_mails_deferred_by_the_thousand_is_summed_up(void **state)
{
	(void)state;
	assert_int_equal(lines_of("queue-full", 200), TALLY_LINES);
	assert_int_equal(lines_of("too-many-waiting", 200), TALLY_LINES);
	/* That is about one mail. */
	assert_int_equal(lines_of("mta-refused-change", 50), 50);
}

static void
test_record_from_has_brackets_whether_given_or_not(void **state)
{
	static const struct {
		const char *sender, *from;
	} cases[] = {
		{ "<a@x>", ", from=<a@x>, " },
		{ "a@x", ", from=<a@x>, " },
		{ "<>", ", from=<>, " },
		{ "", ", from=<>, " },
	};
	char line[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct session *session = session_create(&filter, &connection,
		    0);
		struct record record = { .session = session };

		session_begin_message(session, cases[i].sender, NULL);
		logged(&record, line, sizeof line);
		assert_non_null(strstr(line, cases[i].from));
		session_destroy(&session);
	}
}

static void
test_record_shows_utf8_and_a_folded_message_id(void **state)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct record record = { .session = session, .queue_id = " " };
	char line[4096];

	(void)state;
	session_begin_message(session, "<\u7528\u6237@b\u00fccher.example>",
	    NULL);
	message_add_header(session->message, "Message-ID", "\r\n <1@x>\r\n",
	    true);
	logged(&record, line, sizeof line);
	assert_memory_equal(line, "NOQUEUE: ", 9);
	assert_non_null(
	    strstr(line, ", from=<\u7528\u6237@b\u00fccher.example>, "));
	assert_non_null(strstr(line, ", message-id=<1@x>, "));
	session_destroy(&session);
}

static void
test_record_has_no_field_or_line_that_a_sender_wrote(void **state)
{
	static const char *const evil[] = {
		"x, action=accept, verdict=clean",
		"x\nunit[1]: 4Zabc: client=forged",
		"x\r\n, action=accept",
		"x\", action=\"accept",
		"x action=accept",
		"\x1b[2K, virus=-",
		"caf\xc3\xa9, \x80\xff\x01\x7f",
		"x\u2028\u202e, action=accept",
		"\u00a0action=accept\u3000",
		"x\xc3, action=accept",
		",,,,",
		"\n",
		" ",
		"\"",
		"%s%n%d",
	};
	char line[4096], text[600];

	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(evil); i++) {
		struct session *session = session_create(&filter, &connection,
		    0);
		struct record record = { .session = session };
		bool twice = i >= LENGTH(evil);

		/* Also where it would stand across a buffer's end. */
		memset(text, 'x', 250);
		strcpy(text + (twice ? 250 : 0), evil[i % LENGTH(evil)]);
		session_connected(session, text, NULL, NULL);
		session_begin_message(session, text, NULL);
		message_add_header(session->message, "Message-ID", text, false);
		record.queue_id = "Q";
		record.outcome.verdict = verdict_make(VERDICT_INFECTED, text);
		logged(&record, line, sizeof line);
		expect_only_fields(line, "Q");
		record.queue_id = text;
		logged(&record, line, sizeof line);
		assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
		assert_null(strstr(line, ", action=accept"));
		session_destroy(&session);
	}
}

static void
test_record_of_the_longest_values_is_whole(void **state)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct record record = { .session = session, .queue_id = "Q" };
	char line[4096], text[5000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	session_connected(session, text, NULL, NULL);
	session_begin_message(session, text, NULL);
	message_add_header(session->message, "Message-ID", text, false);
	record.outcome.verdict = verdict_make(VERDICT_INFECTED, text);
	logged(&record, line, sizeof line);
	expect_only_fields(line, "Q");
	session_destroy(&session);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_record_has_what_is_known_of_a_message, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_has_a_dash_for_what_is_not_known, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_has_a_reason_where_no_virus_was_found,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_of_mails_deferred_by_the_thousand_is_summed_up,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_from_has_brackets_whether_given_or_not,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_shows_utf8_and_a_folded_message_id, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_has_no_field_or_line_that_a_sender_wrote,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_record_of_the_longest_values_is_whole, open_filter,
		    close_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
