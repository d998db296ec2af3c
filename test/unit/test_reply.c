/* test_reply - the text of a refusal is safe, whatever is in it
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
#include "filter/reply.h"
#include "support.h"

static const struct verdict eicar = { VERDICT_INFECTED, "Eicar-Test" };

/* The reply with this template for infected. */
static struct reply
reply_with(const char *template, const struct verdict *verdict,
    const char *queue_id)
{
	struct config *config = support_config("");
	char *own = config->reply_infected, text[2048];
	struct reply reply;

	snprintf(text, sizeof text, "%s", template);
	config->reply_infected = text;
	reply_make(config, ACTION_REJECT, verdict, queue_id, &reply);
	config->reply_infected = own;
	config_destroy(&config);
	return reply;
}

static void
test_reply_code_belongs_to_action_and_verdict(void **state)
{
	static const struct {
		enum action action;
		enum verdict_kind kind;
		const char *code, *status;
	} cases[] = {
		{ ACTION_REJECT, VERDICT_INFECTED, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_ENCRYPTED, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_MACRO, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_PHISHING, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_PUA, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_INCOMPLETE, "550", "5.7.1" },
		{ ACTION_REJECT, VERDICT_UNSCANNABLE, "554", "5.7.1" },
		{ ACTION_TEMPFAIL, VERDICT_LATE, "451", "4.7.1" },
		{ ACTION_TEMPFAIL, VERDICT_ERROR, "451", "4.7.1" },
		{ ACTION_TEMPFAIL, VERDICT_INFECTED, "451", "4.7.1" },
		{ ACTION_TEMPFAIL, VERDICT_UNSCANNABLE, "451", "4.7.1" },
	};
	struct config *config = support_config("");
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct verdict verdict = { cases[i].kind, "x" };

		reply_make(config, cases[i].action, &verdict, "Q1", &reply);
		assert_string_equal(reply.code, cases[i].code);
		assert_string_equal(reply.status, cases[i].status);
		assert_true(strlen(reply.text) > 0);
	}
	config_destroy(&config);
}

static void
test_reply_is_made_of_the_verdicts_own_template(void **state)
{
	static const enum verdict_kind kinds[] = {
		VERDICT_INFECTED,
		VERDICT_INCOMPLETE,
		VERDICT_ENCRYPTED,
		VERDICT_MACRO,
		VERDICT_PHISHING,
		VERDICT_PUA,
		VERDICT_LATE,
		VERDICT_UNSCANNABLE,
		VERDICT_ERROR,
	};
	struct config *config = support_config(
	    "reply {\n"
	    "infected = '0' incomplete = '1' encrypted = '2' macro = '3'\n"
	    "phishing = '4' pua = '5' late = '6' unscannable = '7'\n"
	    "error = '8' }\n");
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		struct verdict verdict = { kinds[i], "x" };
		char expected[2] = { (char)('0' + i), '\0' };

		reply_make(config, ACTION_TEMPFAIL, &verdict, "Q1", &reply);
		assert_string_equal(reply.text, expected);
	}
	config_destroy(&config);
}

/* libmilter takes "%%" for "%". */
static void
test_reply_template_is_filled_in_and_percent_doubled(void **state)
{
	static const struct {
		const char *template, *queue_id, *text;
	} cases[] = {
		{ "plain", "Q1", "plain" },
		{ "virus %v in %i", "Q1", "virus Eicar-Test in Q1" },
		{ "%v%v", "Q1", "Eicar-TestEicar-Test" },
		{ "in %i", NULL, "in -" },
		{ "100%%", "Q1", "100%%" },
		{ "%%v", "Q1", "%%v" },
		{ "%i", "100%s%n", "100%%s%%n" },
		{ "odd %", "Q1", "odd %%" },
		{ "", "Q1", "" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct reply reply = reply_with(cases[i].template, &eicar,
		    cases[i].queue_id);

		assert_string_equal(reply.text, cases[i].text);
	}
}

static void
test_reply_has_no_byte_that_ends_a_line(void **state)
{
	struct reply reply;

	(void)state;
	reply = reply_with("a\r\n250 ok\tb\x7f\xc3\xa9\x1b", &eicar, "Q1");
	assert_string_equal(reply.text, "a??250 ok?b????");
	reply = reply_with("%i", &eicar, "Q1\r\n250 ok\n");
	assert_string_equal(reply.text, "Q1??250 ok?");
}

/* A lone '%' at the end would spoil the whole text. */
static bool
percents_are_pairs(const char *text)
{
	while ((text = strchr(text, '%')) != NULL) {
		if (text[1] != '%')
			return false;
		text += 2;
	}
	return true;
}

static void
test_reply_that_is_too_long_is_cut_between_percents(void **state)
{
	char template[512], id[100];
	struct verdict verdict = { .kind = VERDICT_INFECTED };
	struct reply reply;

	(void)state;
	memset(verdict.name, 'v', sizeof verdict.name - 1);
	memset(id, '%', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	for (size_t pairs = 1; 2 * pairs < sizeof template; pairs++) {
		for (size_t i = 0; i < pairs; i++)
			memcpy(template + 2 * i,
			    i % 3 == 0       ? "%v"
				: i % 3 == 1 ? "%i"
					     : "%%",
			    2);
		template[2 * pairs] = '\0';
		reply = reply_with(template, &verdict, id);
		assert_true(strlen(reply.text) < sizeof reply.text);
		assert_true(percents_are_pairs(reply.text));
		reply = reply_with(template + 1, &verdict, id);
		assert_true(strlen(reply.text) < sizeof reply.text);
		assert_true(percents_are_pairs(reply.text));
	}
	assert_true(strlen(reply.text) > 800);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_code_belongs_to_action_and_verdict),
		cmocka_unit_test(
		    test_reply_is_made_of_the_verdicts_own_template),
		cmocka_unit_test(
		    test_reply_template_is_filled_in_and_percent_doubled),
		cmocka_unit_test(test_reply_has_no_byte_that_ends_a_line),
		cmocka_unit_test(
		    test_reply_that_is_too_long_is_cut_between_percents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
