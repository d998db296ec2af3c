/* test_check_mta_parse - Postfix's and Sendmail's settings, taken apart
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/cf.h"
#include "ctl/check_mta.h"
#include "support.h"

#define QUEUE "/var/spool/test"

/* Parsers cut their text: it gets a buffer of just its size, so that a
 * sanitizer sees what reads past it. */
static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
test_check_mta_parses_lines_of_parameters(void **state)
{
	static const struct {
		const char *line;
		bool of_service;
		const char *service, *name, *value; /* name NULL: none */
	} cases[] = {
		{ "ipc_timeout = 3600s", false, NULL, "ipc_timeout", "3600s" },
		{ "smtpd_milters =", false, NULL, "smtpd_milters", "" },
		{ "a = b = c", false, NULL, "a", "b = c" },
		{ "a=b", false, NULL, "a", "b" },
		{ "smtp/inet/a = b", true, "smtp/inet", "a", "b" },
		{ "smtp/inet/a =", true, "smtp/inet", "a", "" },
		{ "[::1]:26/inet/a = /b", true, "[::1]:26/inet", "a", "/b" },
		{ "a = /b", false, NULL, "a", "/b" },
		{ "smtp/inet/a = b", false, NULL, NULL, NULL },
		{ "a = b", true, NULL, NULL, NULL },
		{ "inet/a = b", true, NULL, NULL, NULL },
		{ "smtp/inet/ = b", true, NULL, NULL, NULL },
		{ "", false, NULL, NULL, NULL },
		{ "=", false, NULL, NULL, NULL },
		{ " = b", false, NULL, NULL, NULL },
		{ "//=", true, NULL, NULL, NULL },
		{ "a", false, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *line = copy_of(cases[i].line);
		struct check_mta_parameter found;
		bool ok = check_mta_parse_parameter(line, cases[i].of_service,
		    &found);

		if (ok != (cases[i].name != NULL) ||
		    (ok &&
			!(same(found.service, cases[i].service) &&
			    same(found.name, cases[i].name) &&
			    same(found.value, cases[i].value))))
			fail_msg("\"%s\"", cases[i].line);
		free(line);
	}
}

static void
test_check_mta_parses_lines_of_services(void **state)
{
	static const char *const garbage[] = { "", " ", "#",
		"smtp inet n - y - -", "smtp inet n - y - - ",
		"smtp inet n - y - - # smtpd" };
	char line[] = "smtp       inet  n       -       y       -       -"
		      "       smtpd -o a=b";
	char bare[] = "x unix - - - - 0 cleanup";
	struct check_mta_service found;

	(void)state;
	assert_true(check_mta_parse_service(line, &found));
	assert_string_equal(found.name, "smtp");
	assert_string_equal(found.type, "inet");
	assert_string_equal(found.command, "smtpd");
	assert_int_equal(found.chroot, 'y');
	assert_true(check_mta_parse_service(bare, &found));
	assert_string_equal(found.command, "cleanup");
	assert_int_equal(found.chroot, '-');
	for (size_t i = 0; i < LENGTH(garbage); i++) {
		char *copy = copy_of(garbage[i]);

		assert_false(check_mta_parse_service(copy, &found));
		free(copy);
	}
}

static void
test_check_mta_takes_milters_one_by_one(void **state)
{
	char *list = copy_of("unix:a/b, inet:h:1\t{ unix:c, "
			     "default_action=accept,content_timeout = 2s  "
			     "{ content_timeout = 3s }, connect_timeout=4s "
			     "command_timeout=5s, protocol=6 },{unix:d}"),
	     *rest = list;
	struct check_mta_milter found;

	(void)state;
	assert_true(check_mta_next_milter(&rest, &found));
	assert_string_equal(found.endpoint, "unix:a/b");
	assert_null(found.content_timeout);
	assert_true(check_mta_next_milter(&rest, &found));
	assert_string_equal(found.endpoint, "inet:h:1");
	assert_true(check_mta_next_milter(&rest, &found));
	assert_string_equal(found.endpoint, "unix:c");
	assert_string_equal(found.default_action, "accept");
	assert_string_equal(found.content_timeout, "3s");
	assert_string_equal(found.connect_timeout, "4s");
	assert_string_equal(found.command_timeout, "5s");
	assert_true(check_mta_next_milter(&rest, &found));
	assert_string_equal(found.endpoint, "unix:d");
	assert_null(found.default_action);
	assert_false(check_mta_next_milter(&rest, &found));
	assert_false(check_mta_next_milter(&rest, &found));
	free(list);
}

static void
test_check_mta_ends_on_garbled_milters(void **state)
{
	static const char *const cases[] = { "", " ", ",,,", "{", "}", "{}",
		"{{", "}}{", "{ ", "{ , }", "{=}", "{ a, = }", "{ a, { }",
		"a{b", "a}b,c", "{a}b", "{ a, default_action }", "\xff{\xfe" };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *list = copy_of(cases[i]), *rest = list;
		struct check_mta_milter found;
		unsigned count = 0;

		while (check_mta_next_milter(&rest, &found)) {
			assert_non_null(found.endpoint);
			assert_true(++count <= strlen(cases[i]));
		}
		free(list);
	}
}

static void
test_check_mta_parses_x_lines(void **state)
{
	static const struct {
		const char *line;
		struct check_mta_filter want;
	} cases[] = {
		{ "vscan, S=unix:/run/x, F=T, T=C:5m;S:10s;R:2s;E:30s",
		    { "vscan", "unix:/run/x", "T", "5m", "10s", "2s", "30s" } },
		{ "v,S=local:/x,T=R:2s",
		    { "v", "local:/x", NULL, NULL, NULL, "2s", NULL } },
		{ "v S = /x , F= , T= E : 1m30s ; ",
		    { "v", "/x", "", NULL, NULL, NULL, "1m30s" } },
		{ "v, S=inet:1@h, T=R:1s;R:2s;Q:3s, F=R, F=4",
		    { "v", "inet:1@h", "4", NULL, NULL, "2s", NULL } },
		{ "v", { "v", NULL, NULL, NULL, NULL, NULL, NULL } },
		{ "v,,=,S,T=;:;C,T",
		    { "v", NULL, NULL, NULL, NULL, NULL, NULL } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct check_mta_filter *want = &cases[i].want;
		char *line = copy_of(cases[i].line);
		struct check_mta_filter found;

		assert_true(check_mta_parse_filter(line, &found));
		if (!same(found.name, want->name) ||
		    !same(found.socket, want->socket) ||
		    !same(found.flags, want->flags) ||
		    !same(found.connect, want->connect) ||
		    !same(found.send, want->send) ||
		    !same(found.receive, want->receive) ||
		    !same(found.end, want->end))
			fail_msg("\"%s\"", cases[i].line);
		free(line);
	}
}

static void
test_check_mta_takes_no_x_line_without_a_name(void **state)
{
	static const char *const cases[] = { "", " ", ",S=unix:/x", " v" };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *line = copy_of(cases[i]);
		struct check_mta_filter found;

		assert_false(check_mta_parse_filter(line, &found));
		free(line);
	}
}

static void
test_check_mta_joins_lines_and_leaves_comments_out(void **state)
{
	char *text = copy_of("V10/Test\n# S=x\nXv, S=unix:/x,\n\tF=T # why\n"
			     "\nO A#b=c\n  d"),
	     *rest = text;

	(void)state;
	assert_string_equal(cf_next_line(&rest), "V10/Test");
	assert_string_equal(cf_next_line(&rest), "");
	assert_string_equal(cf_next_line(&rest), "Xv, S=unix:/x, \tF=T ");
	assert_string_equal(cf_next_line(&rest), "");
	assert_string_equal(cf_next_line(&rest), "O A#b=c   d");
	assert_null(cf_next_line(&rest));
	free(text);
}

static void
test_check_mta_finds_options_and_names_in_lists(void **state)
{
	static const struct {
		const char *line, *value;
	} cases[] = {
		{ "O InputMailFilters=a, b", "a, b" },
		{ "O inputmailfilters = a ", "a" },
		{ "O InputMailFilters", NULL },
		{ "O InputMailFiltersX=a", NULL },
		{ "OInputMailFilters=a", NULL },
		{ "X InputMailFilters=a", NULL },
		{ "O", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *line = copy_of(cases[i].line);

		assert_true(
		    same(cf_option(line, "InputMailFilters"), cases[i].value));
		free(line);
	}
	assert_true(check_mta_in_list("a, vscan;b", "vscan"));
	assert_true(check_mta_in_list("vscan", "vscan"));
	assert_false(check_mta_in_list("vscan2, xvscan", "vscan"));
	assert_false(check_mta_in_list(" ,; ", "vscan"));
	assert_false(check_mta_in_list("", ""));
}

static void
test_check_mta_knows_our_socket_in_postfix(void **state)
{
	static const struct {
		const char *ours, *theirs;
		char chroot;
		enum check_mta_match match;
	} cases[] = {
		{ "unix:" QUEUE "/v/x", "unix:v/x", 'y', CHECK_MTA_OURS },
		{ "unix:" QUEUE "/v/x", "unix:v/x", 'n', CHECK_MTA_OURS },
		{ "unix:" QUEUE "/v/x", "local:v//./x", '-', CHECK_MTA_OURS },
		{ "unix:" QUEUE "/v/x", "unix:/v/x", 'y', CHECK_MTA_OURS },
		{ "unix:" QUEUE "/v/x", "unix:/v/x", 'n', CHECK_MTA_ASTRAY },
		{ "unix:" QUEUE "/v/x", "unix:" QUEUE "/v/x", 'n',
		    CHECK_MTA_OURS },
		{ "unix:" QUEUE "/v/x", "unix:" QUEUE "/v/x", 'y',
		    CHECK_MTA_ASTRAY },
		{ "unix:" QUEUE "/v/x", "unix:" QUEUE "/v/x", '-',
		    CHECK_MTA_OURS },
		{ "unix:/nowhere/x", "unix:/nowhere/x", 'n', CHECK_MTA_OURS },
		{ "unix:/nowhere/x", "unix:/nowhere/x", 'y', CHECK_MTA_ASTRAY },
		{ "unix:" QUEUE "/v/x", "unix:v/y", 'y', CHECK_MTA_OTHER },
		{ "unix:" QUEUE "/v/x", "unix:w/x", 'y', CHECK_MTA_OTHER },
		{ "unix:" QUEUE "/v/x", "inet:v/x:1", 'y', CHECK_MTA_OTHER },
		{ "unix:" QUEUE "/v/x", "", 'y', CHECK_MTA_OTHER },
		{ "unix:" QUEUE "/v/x", "unix:", 'y', CHECK_MTA_OTHER },
		{ "inet:99@127.0.0.1", "inet:localhost:99", 'y',
		    CHECK_MTA_OURS },
		{ "inet:99@127.0.0.1", "inet::99", 'y', CHECK_MTA_OURS },
		{ "inet6:99@::1", "inet:[::1]:99", 'y', CHECK_MTA_OURS },
		{ "inet:99@0.0.0.0", "inet:scan.example:99", 'y',
		    CHECK_MTA_OURS },
		{ "inet:99@scan.example", "inet:Scan.Example:99", 'y',
		    CHECK_MTA_OURS },
		{ "inet:99@127.0.0.1", "inet:localhost:98", 'y',
		    CHECK_MTA_OTHER },
		{ "inet:99@127.0.0.1", "inet:192.0.2.1:99", 'y',
		    CHECK_MTA_OTHER },
		{ "inet:99@127.0.0.1", "inet:99", 'y', CHECK_MTA_OURS },
		{ "inet:99@127.0.0.1", "INET:127.0.0.1:99", 'y',
		    CHECK_MTA_OTHER },
		{ "unix:/v/x", "/v/x", 'n', CHECK_MTA_OTHER },
		{ "unix:/v/x", "unix:/v/x/", 'n', CHECK_MTA_OTHER },
		{ "inet:99@127.0.0.1", "inet:]:[", 'y', CHECK_MTA_OTHER },
		{ "inet:99@127.0.0.1", "unix:v/x", 'y', CHECK_MTA_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (check_mta_match_postfix(cases[i].ours, cases[i].theirs,
			QUEUE, cases[i].chroot) != cases[i].match)
			fail_msg("%s, %s, %c", cases[i].ours, cases[i].theirs,
			    cases[i].chroot);
}

static void
test_check_mta_knows_our_socket_in_sendmail(void **state)
{
	static const struct {
		const char *ours, *theirs;
		bool match;
	} cases[] = {
		{ "unix:/run/v/x", "unix:/run/v/x", true },
		{ "unix:/run/v/x", "local:/run/v/x", true },
		{ "unix:/run/v/x", "/run//v/x", true },
		{ "unix:/run/v/x", "unix:/run/v/y", false },
		{ "unix:/run/v/x", "inet:1@/run/v/x", false },
		{ "unix:/run/v/x", "", false },
		{ "inet:99@127.0.0.1", "inet:99@localhost", true },
		{ "inet:99@127.0.0.1", "inet:99", false },
		{ "inet6:99@::1", "inet6:99@::1", true },
		{ "inet:99@127.0.0.1", "inet:98@localhost", false },
		{ "inet:99@127.0.0.1", "inet:", false },
		{ "inet:99@127.0.0.1", "inet:@", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (check_mta_match_sendmail(cases[i].ours, cases[i].theirs) !=
		    cases[i].match)
			fail_msg("%s, %s", cases[i].ours, cases[i].theirs);
}

static void
test_check_mta_sees_through_symbolic_links_and_long_paths(void **state)
{
	char directory[32], link[48], ours[64], theirs[64];
	char *endless;

	(void)state;
	support_make_directory(directory);
	snprintf(link, sizeof link, "%s.link", directory);
	assert_int_equal(symlink(directory, link), 0);
	snprintf(ours, sizeof ours, "unix:%s/x", directory);
	snprintf(theirs, sizeof theirs, "unix:%s/x", link);
	assert_true(check_mta_match_sendmail(ours, theirs));
	unlink(link);
	assert_false(check_mta_match_sendmail(ours, theirs));
	support_remove_directory(directory);
	endless = malloc(100001);
	assert_non_null(endless);
	memset(endless, '/', 100000);
	endless[100000] = '\0';
	assert_false(check_mta_match_sendmail(ours, endless));
	assert_false(check_mta_match_sendmail("inet:1@h", endless));
	free(endless);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_mta_parses_lines_of_parameters),
		cmocka_unit_test(test_check_mta_parses_lines_of_services),
		cmocka_unit_test(test_check_mta_takes_milters_one_by_one),
		cmocka_unit_test(test_check_mta_ends_on_garbled_milters),
		cmocka_unit_test(test_check_mta_parses_x_lines),
		cmocka_unit_test(test_check_mta_takes_no_x_line_without_a_name),
		cmocka_unit_test(
		    test_check_mta_joins_lines_and_leaves_comments_out),
		cmocka_unit_test(
		    test_check_mta_finds_options_and_names_in_lists),
		cmocka_unit_test(test_check_mta_knows_our_socket_in_postfix),
		cmocka_unit_test(test_check_mta_knows_our_socket_in_sendmail),
		cmocka_unit_test(
		    test_check_mta_sees_through_symbolic_links_and_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
