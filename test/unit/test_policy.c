/* test_policy - what is done about each verdict, for each who waits
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
#include "filter/policy.h"
#include "support.h"

/* The setting that decides, by verdict and by who waits. */
static const char *const settings[VERDICT_KINDS][2] = {
	[VERDICT_ERROR] = { "error", "error" },
	[VERDICT_CLEAN] = { "clean", "clean" },
	[VERDICT_INFECTED] = { "infected", "infected" },
	[VERDICT_ENCRYPTED] = { "encrypted", "encrypted" },
	[VERDICT_MACRO] = { "macro", "macro" },
	[VERDICT_PHISHING] = { "phishing", "phishing" },
	[VERDICT_PUA] = { "pua", "pua" },
	[VERDICT_INCOMPLETE] = { "incomplete", "incomplete" },
	[VERDICT_LATE] = { "late", "late_submission" },
	[VERDICT_UNSCANNABLE] = { "unscannable", "unscannable" },
};

static const enum action actions[] = {
	ACTION_OFF,
	ACTION_ACCEPT,
	ACTION_HOLD,
	ACTION_QUARANTINE,
	ACTION_DISCARD,
	ACTION_TEMPFAIL,
	ACTION_REJECT,
};

/* A configuration with one action set, or NULL if that isn't allowed. */
static struct config *
with_action(const char *setting, enum action action)
{
	struct config *config;
	char text[128];
	FILE *file;

	snprintf(text, sizeof text, "action { %s = %s }", setting,
	    config_action_name(action));
	file = tmpfile();
	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	if (config_load_fd(fileno(file), "test.conf", &config, NULL) !=
	    ERROR_NONE)
		config = NULL;
	fclose(file);
	return config;
}

static void
test_policy_does_what_the_verdicts_own_setting_says(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		for (int who = 0; who < 2; who++)
			for (size_t i = 0; i < LENGTH(actions); i++) {
				struct policy_message message = {
					(enum verdict_kind)kind,
					who == 1,
				};
				struct config *config =
				    with_action(settings[kind][who],
					actions[i]);

				if (config == NULL)
					continue;
				assert_int_equal(policy_decide(config, &message,
						     "<r>"),
				    actions[i]);
				config_destroy(&config);
				tried++;
			}
	/* 2 for clean, 4 for faults, 5 for findings, 6 for heuristics. */
	assert_int_equal(tried, 2 * (2 + 2 * 4 + 4 * 5 + 3 * 6));
}

/* DESIGN: good mail isn't lost for what is our own fault, or for nothing. */
static void
test_policy_never_refuses_or_loses_mail_for_our_faults(void **state)
{
	static const char *const faults[] = {
		"late",
		"late_submission",
		"error",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(faults); i++) {
		assert_null(with_action(faults[i], ACTION_REJECT));
		assert_null(with_action(faults[i], ACTION_DISCARD));
	}
	assert_null(with_action("clean", ACTION_REJECT));
	assert_null(with_action("clean", ACTION_DISCARD));
	assert_null(with_action("clean", ACTION_TEMPFAIL));
}

static void
test_policy_defaults_are_the_documented_ones(void **state)
{
	static const enum action defaults[VERDICT_KINDS] = {
		[VERDICT_ERROR] = ACTION_TEMPFAIL,
		[VERDICT_CLEAN] = ACTION_ACCEPT,
		[VERDICT_INFECTED] = ACTION_REJECT,
		[VERDICT_ENCRYPTED] = ACTION_ACCEPT,
		[VERDICT_MACRO] = ACTION_OFF,
		[VERDICT_PHISHING] = ACTION_OFF,
		[VERDICT_PUA] = ACTION_OFF,
		[VERDICT_INCOMPLETE] = ACTION_ACCEPT,
		[VERDICT_LATE] = ACTION_TEMPFAIL,
		[VERDICT_UNSCANNABLE] = ACTION_REJECT,
	};
	struct config *config = support_config("");

	(void)state;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		for (int who = 0; who < 2; who++) {
			struct policy_message message = {
				(enum verdict_kind)kind,
				who == 1,
			};

			assert_int_equal(policy_decide(config, &message, ""),
			    defaults[kind]);
		}
	config_destroy(&config);
}

static void
test_policy_of_several_recipients_is_the_strictest(void **state)
{
	struct config *config = support_config("");
	struct policy_message message = { VERDICT_INFECTED, false };
	char a[] = "<a>", b[] = "<b>", c[] = "<c>";
	char *recipients[] = { a, b, c };

	(void)state;
	for (size_t count = 0; count <= 3; count++)
		assert_int_equal(policy_strictest(config, &message,
				     count > 0 ? recipients : NULL, count),
		    ACTION_REJECT);
	message.verdict = VERDICT_CLEAN;
	assert_int_equal(policy_strictest(config, &message, recipients, 3),
	    ACTION_ACCEPT);
	config_destroy(&config);
}

static void
test_policy_actions_are_ordered_by_strictness(void **state)
{
	(void)state;
	for (size_t i = 1; i < LENGTH(actions); i++)
		assert_true(actions[i] > actions[i - 1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_policy_does_what_the_verdicts_own_setting_says),
		cmocka_unit_test(
		    test_policy_never_refuses_or_loses_mail_for_our_faults),
		cmocka_unit_test(test_policy_defaults_are_the_documented_ones),
		cmocka_unit_test(
		    test_policy_of_several_recipients_is_the_strictest),
		cmocka_unit_test(test_policy_actions_are_ordered_by_strictness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
