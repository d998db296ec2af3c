/* test_check_mta_guess - milters that were meant to be ours, and where they
 * are written
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

#include "ctl/check_mta.h"
#include "support.h"

#define POSTFIX CHECK_MTA_POSTFIX
#define SENDMAIL CHECK_MTA_SENDMAIL

static void
test_check_mta_knows_what_each_mta_takes_for_a_socket(void **state)
{
	static const struct {
		const char *name;
		bool postfix, sendmail;
	} cases[] = {
		{ "unix:/run/x", true, true },
		{ "local:/run/x", true, true },
		{ "unix:private/x", true, false },
		{ "UNIX:/run/x", false, true },
		{ "/run/x", false, true },
		{ "private/x", false, false },
		{ "unix:/run/x/", false, false },
		{ "unix:", false, false },
		{ "", false, false },
		{ "inet:127.0.0.1:99", true, false },
		{ "inet:localhost:milter", true, false },
		{ "inet:[::1]:99", true, false },
		{ "inet:99", true, false },
		{ "inet:99:localhost", false, false },
		{ "inet:localhost:", false, false },
		{ "inet:99@localhost", false, true },
		{ "inet:milter@localhost", false, true },
		{ "inet6:99@::1", false, true },
		{ "inet:99@", false, false },
		{ "inet:@localhost", false, false },
		{ "inet:9x@localhost", false, false },
		{ "localhost:99", false, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (check_mta_is_socket(POSTFIX, cases[i].name) !=
			cases[i].postfix ||
		    check_mta_is_socket(SENDMAIL, cases[i].name) !=
			cases[i].sendmail)
			fail_msg("\"%s\"", cases[i].name);
}

static void
test_check_mta_knows_what_was_meant_to_be_ours(void **state)
{
	static const struct {
		const char *ours, *theirs;
		bool like;
	} cases[] = {
		{ "unix:/q/av/milter.sock", "unix:av/milter.sock", true },
		{ "unix:/q/av/milter.sock", "av/milter.sock", true },
		{ "unix:/q/av/milter.sock", "unix:/run/AV/milter.sock/", true },
		{ "unix:/q/av/milter.sock", "unix:/av/mitler.sock", true },
		{ "unix:/q/av/milter.sock", "unix:av/milter.socke", true },
		{ "unix:/q/av/milter.sock", "unix:private/vscan", true },
		{ "unix:/q/av/milter.sock", "unix:/av/socket", false },
		{ "unix:/q/av/milter.sock", "unix:rspamd/milter.sock", false },
		{ "unix:/q/av/milter.sock", "inet:127.0.0.1:99", false },
		{ "unix:/q/av/milter.sock", "", false },
		{ "unix:/q/av/milter1.sock", "unix:av/milter2.sock", false },
		{ "unix:/q/a/b", "unix:a/c", false },
		{ "unix:/q/a/b", "a/b", true },
		{ "/q/av/milter.sock", "unix;/q/av/milter.sock", true },
		{ "inet:99@127.0.0.1", "inet:99@localhost", true },
		{ "inet:99@127.0.0.1", "inet:99:localhost", true },
		{ "inet:99@127.0.0.1", "127.0.0.1:99", true },
		{ "inet:99@127.0.0.1", "inet6:[::1]:99", true },
		{ "inet:99@127.0.0.1", "99", true },
		{ "inet:99@127.0.0.1", "unix:vscan/milter.sock", true },
		{ "inet:99@127.0.0.1", "inet:127.0.0.1:98", false },
		{ "inet:99@127.0.0.1", "inet:192.0.2.1:99", false },
		{ "inet:99@127.0.0.1", "[", false },
		{ "inet:99@127.0.0.1", "", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (check_mta_is_like(cases[i].ours, cases[i].theirs) !=
		    cases[i].like)
			fail_msg("%s, %s", cases[i].ours, cases[i].theirs);
}

static void
test_check_mta_spells_our_socket_so_that_the_mta_finds_it(void **state)
{
	static const struct {
		enum check_mta_kind kind;
		const char *ours;
		char chroot;
		const char *want; /* NULL: can't be reached */
	} cases[] = {
		{ POSTFIX, "unix:/q/v/x", 'y', "unix:v/x" },
		{ POSTFIX, "local:/q//v/x", 'n', "unix:v/x" },
		{ POSTFIX, "unix:/run/x", 'n', "unix:/run/x" },
		{ POSTFIX, "/run/x", '-', "unix:/run/x" },
		{ POSTFIX, "unix:/run/x", 'y', NULL },
		{ POSTFIX, "unix:/queue/x", 'y', NULL },
		{ POSTFIX, "inet:99@0.0.0.0", 'y', "inet:127.0.0.1:99" },
		{ POSTFIX, "inet:99", 'y', "inet:127.0.0.1:99" },
		{ POSTFIX, "inet6:99@::", 'y', "inet:[::1]:99" },
		{ POSTFIX, "inet:99@scan.example", 'y',
		    "inet:scan.example:99" },
		{ POSTFIX, "fd:3", 'n', NULL },
		{ SENDMAIL, "unix:/q/v/x", 'n', "unix:/q/v/x" },
		{ SENDMAIL, "inet:99@0.0.0.0", 'n', "inet:99@127.0.0.1" },
		{ SENDMAIL, "inet6:99@::1", 'n', "inet6:99@::1" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char name[64] = "";
		bool ok = check_mta_spell(cases[i].kind, cases[i].ours, "/q",
		    cases[i].chroot, name, sizeof name);

		if (ok != (cases[i].want != NULL) ||
		    (ok && strcmp(name, cases[i].want) != 0))
			fail_msg("%s: \"%s\"", cases[i].ours, name);
		if (ok && !check_mta_is_socket(cases[i].kind, name))
			fail_msg("%s is no socket", name);
	}
}

static const char main_cf[] = "# a = 0\n"
			      "a = 1\n"
			      "b=$a,\n"
			      "# unix:c\n"
			      "\n"
			      "\tunix:c\n"
			      "a =\n"
			      "  unix:d # e\n"
			      "  ${b} $a\n"
			      "ab = unix:dd\n"
			      "last = $(a)";

static void
test_check_mta_finds_the_line_of_a_setting(void **state)
{
	static const struct {
		const char *name;
		unsigned number; /* 0: none */
		const char *value;
	} cases[] = {
		{ "a", 7, "unix:d # e ${b} $a" },
		{ "b", 3, "$a, unix:c" },
		{ "ab", 10, "unix:dd" },
		{ "last", 11, "$(a)" },
		{ "c", 0, NULL },
		{ "", 0, NULL },
	};
	struct check_mta_line line;
	char value[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		bool found = check_mta_find_setting(main_cf, cases[i].name,
		    &line);

		assert_int_equal(found, cases[i].number != 0);
		if (!found)
			continue;
		assert_int_equal(line.number, cases[i].number);
		assert_string_equal(check_mta_line_value(&line, value,
					sizeof value),
		    cases[i].value);
	}
	assert_false(check_mta_find_setting("", "a", &line));
}

static void
test_check_mta_finds_the_line_of_an_entry(void **state)
{
	static const struct {
		const char *from, *entry, *name;
		unsigned number; /* 0: none */
	} cases[] = {
		{ "b", "unix:c", "b", 6 },
		{ "b", "unix:d", "a", 8 },
		{ "a", "unix:c", "b", 6 },
		{ "last", "unix:c", "b", 6 },
		{ "ab", "unix:dd", "ab", 10 },
		{ "ab", "unix:d", NULL, 0 },
		{ "last", "unix:x", NULL, 0 },
		{ "last", "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct check_mta_line from, line;
		bool found;

		assert_true(
		    check_mta_find_setting(main_cf, cases[i].from, &from));
		found = check_mta_find_entry(main_cf, &from, cases[i].entry,
		    &line);
		if (found != (cases[i].number != 0) ||
		    (found &&
			(line.number != cases[i].number ||
			    strcmp(line.name, cases[i].name) != 0)))
			fail_msg("%s in %s: line %u", cases[i].entry,
			    cases[i].from, line.number);
	}
}

static void
test_check_mta_finds_the_line_of_an_option(void **state)
{
	static const char master_cf[] =
	    "smtp inet n - y - - smtpd\n"
	    "# -o a=0\n"
	    "  -o a=1 -o ba=2\n"
	    "  -o { a = 3 x }\n"
	    "smtps inet n - y - - smtpd -o a=4\n"
	    "smtp unix - - y - - smtp -oa=5 -o b=6\n";
	static const struct {
		const char *service, *name;
		unsigned number; /* 0: none */
		const char *value;
	} cases[] = {
		{ "smtp/inet", "a", 4, "3 x }" },
		{ "smtp/inet", "ba", 3, "2" },
		{ "smtp/inet", "b", 0, NULL },
		{ "smtps/inet", "a", 5, "4" },
		{ "smtp/unix", "a", 6, "5" },
		{ "smtp/unix", "b", 6, "6" },
		{ "smtp/fifo", "a", 0, NULL },
		{ "", "a", 0, NULL },
		{ "/", "a", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct check_mta_line line;
		char value[64] = "";
		bool found = check_mta_find_option(master_cf, cases[i].service,
		    cases[i].name, &line);

		if (found)
			check_mta_line_value(&line, value, sizeof value);
		if (found != (cases[i].number != 0) ||
		    (found &&
			(line.number != cases[i].number ||
			    strcmp(value, cases[i].value) != 0)))
			fail_msg("%s %s: %u, \"%s\"", cases[i].service,
			    cases[i].name, line.number, value);
	}
}

/* Whoever sets a variable to itself gets an end of it, too. */
static void
test_check_mta_follows_no_variable_for_ever(void **state)
{
	static const char endless[] = "a = $b $a $b $a\nb = $a $b $a $b\n";
	struct check_mta_line from, line;

	(void)state;
	assert_true(check_mta_find_setting(endless, "a", &from));
	assert_false(check_mta_find_entry(endless, &from, "unix:x", &line));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_check_mta_knows_what_each_mta_takes_for_a_socket),
		cmocka_unit_test(
		    test_check_mta_knows_what_was_meant_to_be_ours),
		cmocka_unit_test(
		    test_check_mta_spells_our_socket_so_that_the_mta_finds_it),
		cmocka_unit_test(test_check_mta_finds_the_line_of_a_setting),
		cmocka_unit_test(test_check_mta_finds_the_line_of_an_entry),
		cmocka_unit_test(test_check_mta_finds_the_line_of_an_option),
		cmocka_unit_test(test_check_mta_follows_no_variable_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
