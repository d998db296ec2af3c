/* test_check_mta - what is said of an MTA's settings
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

#include "config/config.h"
#include "ctl/check_mta.h"
#include "support.h"

#define POSTFIX CHECK_MTA_POSTFIX
#define SENDMAIL CHECK_MTA_SENDMAIL

static const struct check_mta_deadlines usual = {
	.silence = 5 * MONOTIME_S,
	.reply = 60 * MONOTIME_S,
};

static const struct check_mta_deadlines longest = {
	.silence = 9 * MONOTIME_S,
	.reply = 540 * MONOTIME_S,
};

static const struct check_mta_deadlines uneven = {
	.silence = 5100 * MONOTIME_MS,
	.reply = 60500 * MONOTIME_MS,
};

static void
test_check_mta_judges_each_setting(void **state)
{
	static const struct {
		const struct check_mta_deadlines *deadlines;
		enum check_mta_kind kind;
		const char *name, *value;
		const char *better; /* "" for a good one */
	} cases[] = {
		{ &usual, POSTFIX, "milter_connect_timeout", "30s", "" },
		{ &usual, POSTFIX, "milter_connect_timeout", "5s", "30s" },
		{ &usual, POSTFIX, "milter_connect_timeout", "0", "30s" },
		{ &usual, POSTFIX, "milter_command_timeout", "6", "" },
		{ &usual, POSTFIX, "milter_command_timeout", "5", "30s" },
		{ &usual, POSTFIX, "milter_content_timeout", "300s", "" },
		{ &usual, POSTFIX, "milter_content_timeout", "1m", "" },
		{ &usual, POSTFIX, "milter_content_timeout", "2s", "300s" },
		{ &usual, POSTFIX, "milter_content_timeout", "1m1s", "300s" },
		{ &usual, POSTFIX, "milter_content_timeout", "", "300s" },
		{ &uneven, POSTFIX, "milter_content_timeout", "6s", "300s" },
		{ &uneven, POSTFIX, "milter_content_timeout", "7s", "" },
		{ &usual, POSTFIX, "ipc_timeout", "1h", "" },
		{ &usual, POSTFIX, "ipc_timeout", "90", "" },
		{ &usual, POSTFIX, "ipc_timeout", "89", "3600s" },
		{ &usual, POSTFIX, "ipc_timeout", "30s", "3600s" },
		{ &longest, POSTFIX, "ipc_timeout", "569s", "3600s" },
		{ &longest, POSTFIX, "ipc_timeout", "570s", "" },
		{ &usual, POSTFIX, "milter_default_action", "tempfail", "" },
		{ &usual, POSTFIX, "milter_default_action", "shutdown", "" },
		{ &usual, POSTFIX, "milter_default_action", "accept",
		    "tempfail" },
		{ &usual, POSTFIX, "milter_default_action", "reject",
		    "tempfail" },
		{ &usual, POSTFIX, "milter_default_action", "quarantine",
		    "tempfail" },
		{ &usual, POSTFIX, "milter_default_action", "", "tempfail" },
		{ &usual, SENDMAIL, "F", "T", "" },
		{ &usual, SENDMAIL, "F", "RT", "" },
		{ &usual, SENDMAIL, "F", "4", "" },
		{ &usual, SENDMAIL, "F", "R", "T" },
		{ &usual, SENDMAIL, "F", "", "T" },
		{ &usual, SENDMAIL, "C", "5m", "" },
		{ &usual, SENDMAIL, "C", "0", "" },
		{ &usual, SENDMAIL, "C", "5", "5m" },
		{ &usual, SENDMAIL, "S", "10s", "" },
		{ &usual, SENDMAIL, "S", "0", "10s" },
		{ &usual, SENDMAIL, "R", "10s", "" },
		{ &usual, SENDMAIL, "R", "2s", "10s" },
		{ &longest, SENDMAIL, "R", "10s", "" },
		{ &longest, SENDMAIL, "R", "9s", "10s" },
		{ &usual, SENDMAIL, "E", "5m", "" },
		{ &usual, SENDMAIL, "E", "1m10s", "" },
		{ &usual, SENDMAIL, "E", "1m9s", "5m" },
		{ &usual, SENDMAIL, "E", "30s", "5m" },
		{ &uneven, SENDMAIL, "E", "70s", "5m" },
		{ &uneven, SENDMAIL, "E", "71s", "" },
		{ &longest, SENDMAIL, "E", "5m", "550s" },
		{ &longest, SENDMAIL, "E", "soon", "550s" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct check_mta_finding finding;

		memset(&finding, 'x', sizeof finding);
		assert_true(check_mta_judge(cases[i].deadlines, cases[i].kind,
		    cases[i].name, cases[i].value, &finding));
		if (finding.good != (cases[i].better[0] == '\0') ||
		    strcmp(finding.better, cases[i].better) != 0)
			fail_msg("%s %s: \"%s\", %s", cases[i].name,
			    cases[i].value, finding.better, finding.why);
		assert_true(strlen(finding.why) > 5);
	}
}

static void
test_check_mta_finds_each_mtas_own_defaults_good(void **state)
{
	static const char *const names[2][5] = {
		{ "milter_connect_timeout", "milter_command_timeout",
		    "milter_content_timeout", "milter_default_action",
		    "ipc_timeout" },
		{ "C", "S", "R", "E" },
	};
	struct config *config = support_config("");
	struct check_mta_deadlines deadlines;

	(void)state;
	check_mta_deadlines(config, &deadlines);
	config_destroy(&config);
	for (int kind = POSTFIX; kind <= SENDMAIL; kind++)
		for (size_t i = 0; i < 5 && names[kind][i] != NULL; i++) {
			struct check_mta_finding finding;
			const char *value =
			    check_mta_standard((enum check_mta_kind)kind,
				names[kind][i]);

			assert_non_null(value);
			assert_true(check_mta_judge(&deadlines,
			    (enum check_mta_kind)kind, names[kind][i], value,
			    &finding));
			assert_true(finding.good);
		}
	assert_string_equal(check_mta_standard(SENDMAIL, "F"), "");
}

static void
test_check_mta_judges_nothing_else(void **state)
{
	struct check_mta_finding finding;

	(void)state;
	assert_false(
	    check_mta_judge(&usual, POSTFIX, "relayhost", "1s", &finding));
	assert_false(check_mta_judge(&usual, POSTFIX, "R", "1s", &finding));
	assert_false(
	    check_mta_judge(&usual, SENDMAIL, "ipc_timeout", "1s", &finding));
	assert_null(check_mta_standard(SENDMAIL, "ipc_timeout"));
}

static void
test_check_mta_takes_the_longest_deadlines(void **state)
{
	static const struct {
		const char *text;
		int64_t silence, reply;
	} cases[] = {
		{ "", 5, 60 },
		{ "deadline { progress = 9s }", 9, 60 },
		{ "deadline { progress = 100ms reply = 10s }", 5, 25 },
		{ "deadline { reply_submission = 2m }", 5, 120 },
		{ "deadline { reply_local = 3m }", 5, 180 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct config *config = support_config(cases[i].text);
		struct check_mta_deadlines deadlines;

		check_mta_deadlines(config, &deadlines);
		assert_int_equal(deadlines.silence,
		    cases[i].silence * MONOTIME_S);
		assert_int_equal(deadlines.reply, cases[i].reply * MONOTIME_S);
		config_destroy(&config);
	}
}

static void
test_check_mta_reads_times_as_each_mta_does(void **state)
{
	static const struct {
		const char *text;
		int64_t postfix, sendmail; /* s; -1 for no time */
	} cases[] = {
		{ "0", 0, 0 },
		{ "30", 30, 30 },
		{ "30s", 30, 30 },
		{ "5m", 300, 300 },
		{ "1h", 3600, 3600 },
		{ "2d", 172800, 172800 },
		{ "1w", 604800, 604800 },
		{ "1h30m", -1, 5400 },
		{ "1m30", -1, 90 },
		{ "1m30s5", -1, 95 },
		{ "2147483647", 2147483647, 2147483647 },
		{ "2147483648", -1, -1 },
		{ "3551w", -1, -1 },
		{ "99999999999999999999999999s", -1, -1 },
		{ "2147483647s1s", -1, -1 },
		{ "", -1, -1 },
		{ "s", -1, -1 },
		{ "m5", -1, -1 },
		{ "-5", -1, -1 },
		{ "+5", -1, -1 },
		{ " 5", -1, -1 },
		{ "5 s", -1, -1 },
		{ "5S", -1, -1 },
		{ "5x", -1, -1 },
		{ "1.5s", -1, -1 },
		{ "0x10", -1, -1 },
		{ "5ms", -1, -1 },
		{ "\xff", -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t times[2] = { -MONOTIME_S, -MONOTIME_S };
		bool ok[2];

		ok[0] = check_mta_parse_time(POSTFIX, cases[i].text, &times[0]);
		ok[1] = check_mta_parse_time(SENDMAIL, cases[i].text,
		    &times[1]);
		if (times[0] != cases[i].postfix * MONOTIME_S ||
		    times[1] != cases[i].sendmail * MONOTIME_S)
			fail_msg("\"%s\"", cases[i].text);
		assert_int_equal(ok[0], cases[i].postfix >= 0);
		assert_int_equal(ok[1], cases[i].sendmail >= 0);
	}
}

static void
test_check_mta_writes_times_in_whole_units(void **state)
{
	char text[32];

	(void)state;
	assert_string_equal(check_mta_format_time(text, sizeof text,
				90 * MONOTIME_S),
	    "90s");
	assert_string_equal(check_mta_format_time(text, sizeof text,
				5100 * MONOTIME_MS),
	    "5100ms");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_mta_judges_each_setting),
		cmocka_unit_test(
		    test_check_mta_finds_each_mtas_own_defaults_good),
		cmocka_unit_test(test_check_mta_judges_nothing_else),
		cmocka_unit_test(test_check_mta_takes_the_longest_deadlines),
		cmocka_unit_test(test_check_mta_reads_times_as_each_mta_does),
		cmocka_unit_test(test_check_mta_writes_times_in_whole_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
