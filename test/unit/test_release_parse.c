/* test_release_parse - what the MTAs say of a mail, and whether it is the one
 * that was meant
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/release.h"
#include "release/lines.h"
#include "release/mqueue.h"
#include "release/postcat.h"
#include "release/qf.h"
#include "support.h"

#define MARK "0123456789abcdef0123456789abcdef"
#define DAY ((int64_t)24 * 60 * 60)

static const struct release_mail meant = { .queue_id = "4F2C1A0B",
	.mark = MARK,
	.size = 5481,
	.arrived_at = 1795590894 };

/* --- identity --- */

static void
test_identity_finds_the_mark_in_its_header_only(void **state)
{
	static const struct {
		const char *header; /* lines */
		bool marked;
	} cases[] = {
		{ "X-Virus-Status: " MARK, true },
		{ "x-VIRUS-status:" MARK, true },
		{ "X-Virus-Status : " MARK, true },
		{ "X-Virus-Status: Not scanned (late, mark=" MARK ")", true },
		{ "X-Virus-Status: a\n\tb\n " MARK, true },
		{ "X-Virus-Status: Clean\nX-Virus-Status: " MARK, true },
		{ "X-Virus-Status: " MARK "\nX-Virus-Status: Clean", true },
		{ "X-Virus-Status: x" MARK " " MARK, true },
		{ "", false },
		{ "X-Virus-Status:", false },
		{ "X-Virus-Status", false },
		{ "X-Virus-Status " MARK, false },
		{ "X-Virus-Status: 0" MARK, false },
		{ "X-Virus-Status: " MARK "0", false },
		{ "X-Virus-Status: " MARK "G", false },
		{ "X-Virus-Status: 0123456789abcdef 0123456789abcdef", false },
		{ "X-Virus-Status: 0123456789abcdef\n 0123456789abcdef",
		    false },
		{ "X-Virus-Status: 0123456789ABCDEF0123456789ABCDEF", false },
		{ "X-Virus: " MARK, false },
		{ "X-Virus-Status-2: " MARK, false },
		{ "XX-Virus-Status: " MARK, false },
		{ "Subject: X-Virus-Status: " MARK, false },
		{ "Subject: a\n X-Virus-Status: " MARK, false },
		{ "X-Virus-Status: Clean\nTo: a\n " MARK, false },
		{ " " MARK, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *copy = strdup(cases[i].header), *rest = copy, *line;
		struct identity identity;

		identity_init(&identity, &meant);
		while ((line = strsep(&rest, "\n")) != NULL)
			identity_take_header(&identity, line);
		if (identity.marked != cases[i].marked)
			fail_msg("%s", cases[i].header);
		free(copy);
	}
}

static void
test_identity_wants_the_mark_and_a_plausible_size_and_time(void **state)
{
	static const struct {
		bool marked, has_size, has_arrival;
		uint64_t found, meant;
		int64_t apart;
		bool holds;
	} cases[] = {
		{ true, true, true, 5481, 5481, 0, true },
		{ false, true, true, 5481, 5481, 0, false },
		{ true, false, true, 5481, 5481, 0, false },
		{ true, true, false, 5481, 5481, 0, false },
		{ true, true, true, 0, 0, 0, true },
		{ true, true, true, IDENTITY_SIZE_MARGIN, 0, 0, true },
		{ true, true, true, IDENTITY_SIZE_MARGIN + 1, 0, 0, false },
		{ true, true, true, 50000000, 100000000, 0, true },
		{ true, true, true, 49000000, 100000000, 0, false },
		{ true, true, true, 200000000, 100000000, 0, true },
		{ true, true, true, 201000000, 100000000, 0, false },
		{ true, true, true, 0, INT64_MAX, 0, false },
		{ true, true, true, INT64_MAX, INT64_MAX, 0, true },
		{ true, true, true, 0, 1, IDENTITY_TIME_MARGIN, true },
		{ true, true, true, 0, 1, -IDENTITY_TIME_MARGIN, true },
		{ true, true, true, 0, 1, IDENTITY_TIME_MARGIN + 1, false },
		{ true, true, true, 0, 1, -100 * IDENTITY_TIME_MARGIN, true },
		{ true, true, true, 0, 1, INT64_MAX, false },
		{ true, true, true, 0, 1, INT64_MIN, true },
	};
	char why[160];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct release_mail mail = { .size = cases[i].meant,
			.arrived_at = 0 };
		const struct identity identity = { .meant = &mail,
			.marked = cases[i].marked,
			.has_size = cases[i].has_size,
			.has_arrival = cases[i].has_arrival,
			.size = cases[i].found,
			.arrived_at = cases[i].apart };

		if (identity_holds(&identity, why, sizeof why) !=
		    cases[i].holds)
			fail_msg("case %zu: %s", i, why);
		assert_true(cases[i].holds == (why[0] == '\0'));
	}
}

static void
test_identity_compares_times_that_nobody_has(void **state)
{
	static const int64_t times[] = { INT64_MIN, -1, 0, INT64_MAX };
	char why[160];

	(void)state;
	for (size_t i = 0; i < LENGTH(times); i++)
		for (size_t j = 0; j < LENGTH(times); j++) {
			const struct release_mail mail = {
				.arrived_at = times[i]
			};
			const struct identity identity = { .meant = &mail,
				.marked = true,
				.has_size = true,
				.has_arrival = true,
				.arrived_at = times[j] };

			assert_int_equal(identity_holds(&identity, why,
					     sizeof why),
			    i == j ||
				!(i == 0 || j == 3 || (i == 3 && j == 0)));
		}
}

/* --- postcat --- */

static void
read_postcat(struct postcat *postcat, const char *text)
{
	char *copy = strdup(text), *rest = copy, *line;

	postcat_init(postcat, &meant);
	while ((line = strsep(&rest, "\n")) != NULL)
		postcat_take_line(postcat, line);
	free(copy);
}

#define POSTCAT_BEGINS \
	"*** ENVELOPE RECORDS hold/4F2C1A0B ***\n" \
	"message_size:            5481             713               2" \
	"               0            5481               0\n" \
	"message_arrival_time: Wed Nov 25 07:14:54 2026\n"

static void
test_postcat_is_understood(void **state)
{
	struct postcat seen;
	char why[160];

	(void)state;
	read_postcat(&seen,
	    POSTCAT_BEGINS "create_time: Wed Nov 25 07:14:54 2026\n"
			   "sender: sender@sender.example\n"
			   "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n"
			   "Received: from a\n\tby b\n"
			   "X-Virus-Status: Not scanned (" MARK ")\n"
			   "*** HEADER EXTRACTED hold/4F2C1A0B ***\n"
			   "*** MESSAGE FILE END hold/4F2C1A0B ***\n");
	assert_string_equal(seen.queue, "hold");
	assert_int_equal(seen.identity.size, 5481);
	assert_int_equal(seen.identity.arrived_at, 1795590894);
	assert_true(identity_holds(&seen.identity, why, sizeof why));
}

static void
test_postcat_names_the_queue(void **state)
{
	static const struct {
		const char *line, *queue;
	} cases[] = {
		{ "*** ENVELOPE RECORDS hold/4F2C1A0B ***", "hold" },
		{ "*** ENVELOPE RECORDS deferred/4/F/4F2C1A0B ***",
		    "deferred" },
		{ "*** ENVELOPE RECORDS /x ***", "" },
		{ "*** ENVELOPE RECORDS hold ***", "" },
		{ "*** ENVELOPE RECORDS ", "" },
		{ "*** ENVELOPE RECORDS a-very-long-queue/4F2C1A0B ***", "" },
		{ "hold/4F2C1A0B", "" },
		{ "", "" },
	};
	struct postcat seen;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		read_postcat(&seen, cases[i].line);
		assert_string_equal(seen.queue, cases[i].queue);
	}
}

/* What a sender can put where: none of it passes for what Postfix says. */
static void
test_postcat_takes_nothing_from_a_sender(void **state)
{
	static const struct {
		const char *text;
		bool marked;
	} cases[] = {
		{ POSTCAT_BEGINS "sender: a\n"
				 "X-Virus-Status: " MARK "\n"
				 "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n",
		    false },
		{ POSTCAT_BEGINS
		    "named_attribute: x=y\n"
		    "message_size: 1 2 3 4 5 6\n"
		    "message_arrival_time: Thu Jan  1 00:00:00 1970\n"
		    "*** ENVELOPE RECORDS deferred/4F2C1A0B ***\n"
		    "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n"
		    "X-Virus-Status: " MARK "\n",
		    true },
		{ POSTCAT_BEGINS "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n"
				 "message_size: 1 2 3 4 5 6\n"
				 "*** ENVELOPE RECORDS deferred/4F2C1A0B ***\n",
		    false },
		{ POSTCAT_BEGINS "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n"
				 "*** HEADER EXTRACTED hold/4F2C1A0B ***\n"
				 "original_recipient: a\n"
				 "X-Virus-Status: " MARK "\n"
				 "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n"
				 "X-Virus-Status: " MARK "\n",
		    false },
	};
	struct postcat seen;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		read_postcat(&seen, cases[i].text);
		assert_string_equal(seen.queue, "hold");
		assert_int_equal(seen.identity.size, 5481);
		assert_int_equal(seen.identity.arrived_at, 1795590894);
		assert_int_equal(seen.identity.marked, cases[i].marked);
	}
}

static void
test_postcat_of_an_unfinished_mail_has_no_size(void **state)
{
	static const char *const cases[] = {
		"message_size:                                               ",
		"message_size:",
		"message_size: x",
		"message_sizes: 1",
		"message_arrival_time: ",
		"message_arrival_time: soon",
		"message_arrival_time: Wed Nov",
		"message_arrival_time: Xyz 1",
	};
	struct postcat seen;
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		snprintf(text, sizeof text,
		    "*** ENVELOPE RECORDS incoming/4F2C1A0B ***\n%s", cases[i]);
		read_postcat(&seen, text);
		assert_false(seen.identity.has_size);
		assert_false(seen.identity.has_arrival);
	}
}

/* --- Sendmail --- */

static void
read_qf(struct qf *qf, const char *text)
{
	char *copy = strdup(text), *rest = copy, *line;

	qf_init(qf, &meant);
	while ((line = strsep(&rest, "\n")) != NULL)
		qf_take_line(qf, line);
	free(copy);
}

static void
test_qf_is_understood(void **state)
{
	struct qf qf;
	char why[160];

	(void)state;
	read_qf(&qf,
	    "V8\nT1795592481\nK1795592481\nN0\nP60364\nqClean\nFbs\n"
	    "$_localhost [127.0.0.1]\n$rESMTP\nS<sender@sender.example>\n"
	    "rRFC822; a@b.example\nRPFD:<a@b.example>\n"
	    "H?P?Return-Path: <\x81g>\n"
	    "H??Received: from client.example (localhost [127.0.0.1])\n"
	    "\tby sendmail.example with ESMTP id 6AP7fLYq007270;\n"
	    "H??X-Virus-Status: Clean\n"
	    "H??X-Virus-Status: Not scanned\n (" MARK ")\n"
	    "H??X-Virus-Scanned: vscan-milter\n.\n");
	assert_true(qf.complete);
	assert_int_equal(qf.identity.arrived_at, 1795592481);
	assert_in_range(qf.identity.size, 200, 300);
	assert_true(identity_holds(&qf.identity, why, sizeof why));
}

static void
test_qf_takes_nothing_from_a_sender(void **state)
{
	static const struct {
		const char *text;
		bool complete, marked;
	} cases[] = {
		{ "T1\nHX-Virus-Status: " MARK "\n.", true, true },
		{ "T1\nH?$x?X-Virus-Status: " MARK "\n.", true, true },
		{ "T1\nH?X-Virus-Status: " MARK "\n.", true, false },
		{ "T1\nH??Subject: a\n X-Virus-Status: " MARK "\n.", true,
		    false },
		{ "T1\nRa\n X-Virus-Status: " MARK "\n.", true, false },
		{ "T1\nH??X-Virus-Status: a\nRa\n " MARK "\n.", true, false },
		{ "T1\nqX-Virus-Status: " MARK "\n.", true, false },
		{ "T1\nSX-Virus-Status: " MARK "\n.", true, false },
		{ "T1\nH??X: a\nT2\n.", true, false },
		{ "T1\n.\nH??X-Virus-Status: " MARK "\n.", true, false },
		{ "T1\nH??X-Virus-Status: " MARK "\n", false, true },
		{ "T1\nH\nH?\nH??\n\n.", true, false },
	};
	struct qf qf;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		read_qf(&qf, cases[i].text);
		assert_true(qf.identity.has_arrival);
		assert_int_equal(qf.identity.arrived_at, 1);
		assert_int_equal(qf.complete, cases[i].complete);
		assert_int_equal(qf.identity.marked, cases[i].marked);
	}
}

static void
test_qf_without_a_time_has_none(void **state)
{
	struct qf qf;

	(void)state;
	read_qf(&qf, "V8\nTx\n.");
	assert_false(qf.identity.has_arrival);
	read_qf(&qf, "");
	assert_false(qf.identity.has_arrival);
	assert_false(qf.complete);
}

static void
collect(void *context, const char *pattern)
{
	char *list = context;

	strcat(strcat(list, pattern), " ");
}

static void
test_mqueue_reads_what_sendmail_cf_names(void **state)
{
	static const struct {
		const char *cf, *patterns;
	} cases[] = {
		{ "V10\nO QueueDirectory=/var/spool/mqueue\n",
		    "/var/spool/mqueue " },
		{ "O QueueDirectory = /q/main*  # comment\n", "/q/main* " },
		{ "O queuedirectory=/a\nO QueueDirectory=/b\n", "/b " },
		{ "OQ/var/spool/mqueue\n", "/var/spool/mqueue " },
		{ "Qother, P=/q/group*, F=f\nO QueueDirectory=/q\n",
		    "/q/group* /q " },
		{ "Qa,F=f,P=/q/a,R=2\nQb, P = /q/b\nO QueueDirectory=/q",
		    "/q/a /q/b /q " },
		{ "Qa, F=f\nO QueueDirectory=/q\n", "/q " },
		{ "Qa, F=f,\n  P=/q/a\n", "/q/a " },
		{ "QP=/not, F=f\n", "" },
		{ "Q\nQa\nQa,\nQa,P\nQa,P=\nQa,=/x\n", "" },
		{ "O QueueDirectory=mqueue\nQa, P=b\n", "" },
		{ "#O QueueDirectory=/q\nO QueueSortOrder=host\n", "" },
		{ "O QueueDirectory\nO QueueDirectory=\nO\n", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *copy = strdup(cases[i].cf), found[256] = "";

		mqueue_parse(copy, collect, found);
		assert_string_equal(found, cases[i].patterns);
		free(copy);
	}
}

/* --- lines --- */

static void
test_lines_come_whole_from_any_pieces(void **state)
{
	static const char bytes[] = "one\n\ntwo\0\xff\nthree";
	char found[64];

	(void)state;
	for (size_t step = 1; step < sizeof bytes; step++) {
		struct lines lines;

		found[0] = '\0';
		lines_init(&lines, collect, found);
		for (size_t at = 0; at < sizeof bytes - 1; at += step)
			lines_feed(&lines, bytes + at,
			    at + step < sizeof bytes - 1
				? step
				: sizeof bytes - 1 - at);
		assert_string_equal(found, "one  two?\xff ");
		lines_finish(&lines);
		assert_string_equal(found, "one  two?\xff three ");
		lines_finish(&lines);
		assert_string_equal(found, "one  two?\xff three ");
	}
}

static void
test_lines_that_are_too_long_are_cut(void **state)
{
	char found[LINES_ROOM + 64] = "", *room = malloc(LINES_ROOM * 4);
	struct lines lines;

	(void)state;
	assert_non_null(room);
	memset(room, 'x', LINES_ROOM * 4);
	lines_init(&lines, collect, found);
	lines_feed(&lines, room, LINES_ROOM * 4);
	lines_feed(&lines, "\nnext\n", 6);
	assert_int_equal(strlen(found), LINES_ROOM - 1 + strlen(" next "));
	assert_string_equal(found + LINES_ROOM - 1, " next ");
	free(room);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_identity_finds_the_mark_in_its_header_only),
		cmocka_unit_test(
		    test_identity_wants_the_mark_and_a_plausible_size_and_time),
		cmocka_unit_test(test_identity_compares_times_that_nobody_has),
		cmocka_unit_test(test_postcat_is_understood),
		cmocka_unit_test(test_postcat_names_the_queue),
		cmocka_unit_test(test_postcat_takes_nothing_from_a_sender),
		cmocka_unit_test(
		    test_postcat_of_an_unfinished_mail_has_no_size),
		cmocka_unit_test(test_qf_is_understood),
		cmocka_unit_test(test_qf_takes_nothing_from_a_sender),
		cmocka_unit_test(test_qf_without_a_time_has_none),
		cmocka_unit_test(test_mqueue_reads_what_sendmail_cf_names),
		cmocka_unit_test(test_lines_come_whole_from_any_pieces),
		cmocka_unit_test(test_lines_that_are_too_long_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
