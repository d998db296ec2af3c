/* test_config_mistakes - what is wrong in a configuration is said whole
 *
 * Messages are compared whole: they are all that an administrator has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_helper.h"
#include "support.h"

/* A file and the message it must give, after its name. */
struct wrong {
	const char *text;
	const char *message;
};

static void
expect_wrong(const struct wrong *cases, size_t count)
{
	struct config *config;
	struct error err;
	char expected[600];

	for (size_t i = 0; i < count; i++) {
		snprintf(expected, sizeof(expected), "x.conf:%s",
		    cases[i].message);
		if (helper_load_bytes(cases[i].text, strlen(cases[i].text),
			&config, &err) == ERROR_NONE)
			fail_msg("accepted: %s", cases[i].text);
		assert_string_equal(err.text, expected);
		assert_int_equal(err.code, ERROR_INPUT);
	}
}

#define DURATION_MUST "must be a duration from 500ms to 9m, such as "

static void
test_config_duration_out_of_bounds_names_line(void **state)
{
	static const struct wrong cases[] = {
		{ "\n\ndeadline {\n\treply = \"12x\"\n}",
		    "4: deadline.reply is \"12x\", but " DURATION_MUST
		    "\"60s\"" },
		{ "deadline { reply = 499ms }",
		    "1: deadline.reply is \"499ms\", but " DURATION_MUST
		    "\"60s\"" },
		{ "deadline { reply_local = 10m }",
		    "1: deadline.reply_local is \"10m\", but " DURATION_MUST
		    "\"5s\"" },
		{ "deadline { reply = \"99999999999999999999\" }",
		    "1: deadline.reply is \"99999999999999999999\", "
		    "but " DURATION_MUST "\"60s\"" },
		{ "deadline { reply = \"9223372036854775807d\" }",
		    "1: deadline.reply is \"9223372036854775807d\", "
		    "but " DURATION_MUST "\"60s\"" },
		{ "deadline { reply = \"\" }",
		    "1: deadline.reply is \"\", but " DURATION_MUST "\"60s\"" },
		{ "deadline { reply = \"-5s\" }",
		    "1: deadline.reply is \"-5s\", but " DURATION_MUST
		    "\"60s\"" },
		{ "deadline { reply = \" 5s\" }",
		    "1: deadline.reply is \" 5s\", but " DURATION_MUST
		    "\"60s\"" },
		{ "deadline { progress = 10s }",
		    "1: deadline.progress is \"10s\", but must be a duration "
		    "from 100ms to 9s, such as \"3s\"" },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_wrong_value_says_what_is_allowed(void **state)
{
	static const struct wrong cases[] = {
		{ "buffer { memory = 1T }",
		    "1: buffer.memory is \"1T\", but must be a size from 1M "
		    "to 65536G, such as \"512M\"" },
		{ "buffer { memory = 1.5G }",
		    "1: buffer.memory is \"1.5G\", but must be a size from "
		    "1M to 65536G, such as \"512M\"" },
		{ "limits { queue = 0 }",
		    "1: limits.queue is \"0\", but must be a number of scans "
		    "from 1 to 1000000, such as \"1000\"" },
		{ "limits { queue = 4294967297 }",
		    "1: limits.queue is \"4294967297\", but must be a number "
		    "of scans from 1 to 1000000, such as \"1000\"" },
		{ "socket_mode = 0999",
		    "1: socket_mode is \"0999\", but must be an octal file "
		    "mode from 0000 to 0777, such as \"0660\"" },
		{ "socket_mode = 4777",
		    "1: socket_mode is \"4777\", but must be an octal file "
		    "mode from 0000 to 0777, such as \"0660\"" },
		{ "log { level = loud }",
		    "1: log.level is \"loud\", but must be \"debug\", "
		    "\"info\", \"notice\", \"warning\" or \"error\"" },
		{ "log { target = Syslog }",
		    "1: log.target is \"Syslog\", but must be \"syslog\", "
		    "\"stderr\" or \"file\"" },
		{ "state_directory = \"var/lib\"",
		    "1: state_directory is \"var/lib\", but must be an "
		    "absolute path of up to 4095 bytes, such as "
		    "\"/var/lib/vscan-milter\"" },
		{ "buffer { directory = \"\" }",
		    "1: buffer.directory is \"\", but must be an absolute "
		    "path of up to 4095 bytes, such as \"/var/tmp\"" },
		{ "pid_file = x",
		    "1: pid_file is \"x\", but must be an absolute path of "
		    "up to 4095 bytes, or empty" },
		{ "user = root",
		    "1: user is \"root\", but must be the name of an account "
		    "other than root, such as \"vscan-milter\"" },
		{ "user = \"\"",
		    "1: user is \"\", but must be the name of an account "
		    "other than root, such as \"vscan-milter\"" },
		{ "socket_group = 0",
		    "1: socket_group is \"0\", but must be the name of a "
		    "group, or empty, such as \"auto\"" },
		{ "log { level = {} }",
		    "1: log.level is \"{}\", but must be \"debug\", "
		    "\"info\", \"notice\", \"warning\" or \"error\"" },
		{ "user = \"a\xff\x80zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		  "zzzzzzzzzzzzzzzzzzzzzzzzzz\"",
		    "1: user is \"a??zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		    "zzzzzzzzzzzzzzzzz...\", but must be the name of an "
		    "account other than root, such as \"vscan-milter\"" },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_wrong_socket_says_what_is_allowed(void **state)
{
	static const char *const sockets[] = {
		"",
		"unix:",
		"unix:run",
		"/run/x",
		"inet:8890",
		"inet:0@127.0.0.1",
		"inet:65536@127.0.0.1",
		"inet:8890@",
		"inet:8890@1.2.3",
		"inet:x@localhost",
		"inet6:1@::g",
		"fd:",
		"fd:x",
		"local:/x",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(sockets); i++) {
		char text[64], message[400];

		snprintf(text, sizeof(text), "socket = \"%s\"", sockets[i]);
		snprintf(message, sizeof(message),
		    "1: socket is \"%s\", but "
		    "must be unix:PATH with an absolute path of up to 107 "
		    "bytes, inet:PORT@ADDRESS, inet6:PORT@ADDRESS or "
		    "fd:NUMBER, such as \"unix:/run/vscan-milter/milter.sock"
		    "\"",
		    sockets[i]);
		expect_wrong(&(struct wrong){ text, message }, 1);
	}
}

#define NETWORK_MUST \
	"but each item must be an IPv4 or IPv6 ADDRESS or " \
	"ADDRESS/BITS with no bit set behind BITS"
#define HEADER_MUST \
	"but each item must be the name of a header, or its beginning and " \
	"a \"*\", but none that the mail is read by (Content-*, " \
	"MIME-Version, From, To, Cc, Subject, Sender, Reply-To)"

static void
test_config_wrong_list_names_the_line_of_the_item(void **state)
{
	static const struct wrong cases[] = {
		{ "headers {\n keep_from = {\n  127.0.0.1,\n  10.0.0.1/8,\n"
		  "  x } }",
		    "4: headers.keep_from has \"10.0.0.1/8\", " NETWORK_MUST },
		{ "headers { keep_from = { 10.0.0.0/33 } }",
		    "1: headers.keep_from has \"10.0.0.0/33\", " NETWORK_MUST },
		{ "headers { keep_from = { \"::/129\" } }",
		    "1: headers.keep_from has \"::/129\", " NETWORK_MUST },
		{ "headers { keep_from = { \"10.0.0.0/\" } }",
		    "1: headers.keep_from has \"10.0.0.0/\", " NETWORK_MUST },
		{ "headers { ignore = {\n\"X-A-*\", \"X-*-B\" } }",
		    "2: headers.ignore has \"X-*-B\", " HEADER_MUST },
		{ "headers { ignore = { \"X A\" } }",
		    "1: headers.ignore has \"X A\", " HEADER_MUST },
		{ "headers { ignore = { \"X-A:\" } }",
		    "1: headers.ignore has \"X-A:\", " HEADER_MUST },
		{ "headers { ignore = { \"\" } }",
		    "1: headers.ignore has \"\", " HEADER_MUST },
		{ "headers { ignore = { \"*\" } }",
		    "1: headers.ignore has \"*\", " HEADER_MUST },
		{ "headers { ignore = { \"subject\" } }",
		    "1: headers.ignore has \"subject\", " HEADER_MUST },
		{ "headers { ignore = { \"MIME-*\" } }",
		    "1: headers.ignore has \"MIME-*\", " HEADER_MUST },
		{ "headers { ignore = { \"c*\" } }",
		    "1: headers.ignore has \"c*\", " HEADER_MUST },
		{ "headers { ignore = { \"Content-Type-*\" } }",
		    "1: headers.ignore has \"Content-Type-*\", " HEADER_MUST },
		{ "headers { ignore = { \"content-id\" } }",
		    "1: headers.ignore has \"content-id\", " HEADER_MUST },
		{ "headers { keep_from = { \"\" } }",
		    "1: headers.keep_from has \"\", " NETWORK_MUST },
		{ "engine {\ndatabase = { /a,\nb\n} }",
		    "3: engine.database has \"b\", but each item must be an "
		    "absolute path, such as \"/var/lib/clamav\"" },
		{ "engine {\n\ndatabase = { /* none\n */ } }",
		    "3: engine.database is empty, but must have 1 item or "
		    "more, "
		    "such as {\"/var/lib/clamav\"}" },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_list_with_too_many_items_is_refused(void **state)
{
	char text[1024] = "engine { database = {";
	struct wrong wrong = { text,
		"1: engine.database has too many items, "
		"but must have 64 or fewer" };

	(void)state;
	for (int i = 0; i < 65; i++)
		strcat(text, "/a,");
	strcat(text, "} }");
	expect_wrong(&wrong, 1);
}

static void
test_config_mta_is_refused_where_it_names_none(void **state)
{
#define MTAS \
	"postfix:DIRECTORY or sendmail:FILE with an absolute path, " \
	"such as \"postfix:/etc/postfix\""
	static const struct wrong cases[] = {
		{ "hold { mta = {\"/etc/postfix\"} }",
		    "1: hold.mta has "
		    "\"/etc/postfix\", but each item must be " MTAS },
		{ "hold { mta = {\"postfix:etc\"} }",
		    "1: hold.mta has "
		    "\"postfix:etc\", but each item must be " MTAS },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_action_is_refused_where_it_would_harm(void **state)
{
	static const struct {
		const char *name, *actions, *allowed;
	} cases[] = {
		{ "clean", "off discard tempfail reject hold",
		    "\"accept\" or \"quarantine\"" },
		{ "late", "off discard reject",
		    "\"accept\", \"hold\", \"quarantine\" or "
		    "\"tempfail\"" },
		{ "late_submission", "off discard reject",
		    "\"accept\", \"hold\", \"quarantine\" or "
		    "\"tempfail\"" },
		{ "error", "off discard reject",
		    "\"accept\", \"hold\", \"quarantine\" or "
		    "\"tempfail\"" },
		{ "infected", "off Reject",
		    "\"accept\", \"quarantine\", "
		    "\"discard\", \"tempfail\" or \"reject\"" },
		{ "unscannable", "off",
		    "\"accept\", \"quarantine\", "
		    "\"discard\", \"tempfail\" or \"reject\"" },
		{ "macro", "on",
		    "\"off\", \"accept\", \"quarantine\", "
		    "\"discard\", \"tempfail\" or \"reject\"" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char actions[64], text[64], message[256], *next = actions;
		const char *action;

		strcpy(actions, cases[i].actions);
		while ((action = strsep(&next, " ")) != NULL) {
			snprintf(text, sizeof(text), "action { %s = %s }",
			    cases[i].name, action);
			snprintf(message, sizeof(message),
			    "1: action.%s is "
			    "\"%s\", but must be %s",
			    cases[i].name, action, cases[i].allowed);
			expect_wrong(&(struct wrong){ text, message }, 1);
		}
	}
}

#define TEMPLATE_MUST \
	"but must be 1 to 400 printable ASCII characters, " \
	"with %v (virus), %i (queue ID) and %% (percent sign) only"

static void
test_config_wrong_template_is_refused(void **state)
{
	static const struct wrong cases[] = {
		{ "reply {\nlate = \"100%\"\n}",
		    "2: reply.late is \"100%\", " TEMPLATE_MUST },
		{ "reply { late = \"%s\" }",
		    "1: reply.late is \"%s\", " TEMPLATE_MUST },
		{ "reply { late = \"caf\xc3\xa9\" }",
		    "1: reply.late is \"caf\xc3\xa9\", " TEMPLATE_MUST },
		{ "reply { late = \"\" }",
		    "1: reply.late is \"\", " TEMPLATE_MUST },
		{ "\nreply { late = \"a\tb\" }",
		    "2: control character 0x09; a configuration is plain "
		    "text" },
	};
	char text[512] = "reply { late = \"", *end = text + strlen(text);
	struct config *c;

	(void)state;
	expect_wrong(cases, LENGTH(cases));
	memset(end, 'x', 400);
	strcpy(end + 400, "\" }");
	c = helper_load(text);
	config_destroy(&c);
	strcpy(end + 400, "x\" }");
	expect_wrong(&(struct wrong){ text,
			 "1: reply.late is \"xxxxxxxxxxxxxx"
			 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\""
			 ", " TEMPLATE_MUST },
	    1);
}

#define TOP_LEVEL \
	"socket, socket_mode, socket_group, access, user, " \
	"state_directory, control_socket, pid_file, drain_timeout, " \
	"alarm_after, log, " \
	"deadline, engine, buffer, limits, cache, hold, headers, action, reply"
#define LOG_UNKNOWN(name) \
	"unknown setting \"" name "\" in section \"log\"; " \
	"allowed are target, file, facility, level"
#define TOP_UNKNOWN(name) \
	"unknown setting or section \"" name "\"; " \
	"allowed are " TOP_LEVEL

static void
test_config_unknown_setting_lists_the_known(void **state)
{
	static const struct wrong cases[] = {
		{ "foo = 1", "1: " TOP_UNKNOWN("foo") },
		{ "# one\n// two\n/* three\n four */\nfoo { }",
		    "5: " TOP_UNKNOWN("foo") },
		{ "log {\n # level\n level = info\n foo = 1\n}",
		    "4: " LOG_UNKNOWN("foo") },
		{ "log {\n}\n\nLog {\n}", "4: " TOP_UNKNOWN("Log") },
		{ "log { level = info; }",
		    "1: log.level is \"info;\", but "
		    "must be \"debug\", \"info\", \"notice\", \"warning\" or "
		    "\"error\"" },
		{ "log { level = \"info\"; }", "1: " LOG_UNKNOWN(";") },
		{ "include(\"/etc/passwd\")", "1: " TOP_UNKNOWN("include") },
		{ "log|level = info", "1: " TOP_UNKNOWN("log|level") },
		{ "nix|level = info", "1: " TOP_UNKNOWN("nix|level") },
		{ "\"log=1|level\" = info", "1: " TOP_UNKNOWN("log=1|level") },
		{ "log {\n\"\" = 5 }", "2: " LOG_UNKNOWN("") },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_setting_given_twice_is_refused(void **state)
{
	static const struct wrong cases[] = {
		{ "user = a\n\nuser = b",
		    "3: user is given twice, on line 1 first; it is allowed "
		    "once" },
		{ "log { level = info }\nlog { level = info }",
		    "2: log.level is given twice, on line 1 first; it is "
		    "allowed once" },
		{ "headers { keep_from = {}\nkeep_from = {} }",
		    "2: headers.keep_from is given twice, on line 1 first; it "
		    "is allowed once" },
		{ "engine { database = {/a,\n/b}\ndatabase = {/c} }",
		    "3: engine.database is given twice, on line 1 first; it is "
		    "allowed once" },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

#define GRAMMAR \
	"a setting is NAME = VALUE, a list NAME = {VALUE, VALUE}, " \
	"a section NAME { SETTINGS }"
#define NOT_CLOSED \
	"the string is not closed; \" is missing at its end, on " \
	"the same line"

static void
test_config_wrong_syntax_names_line(void **state)
{
	static const struct wrong cases[] = {
		{ "user \"x\"",
		    "1: setting \"user\" must be followed by "
		    "\"=\" and its value" },
		{ "\nlog = 5",
		    "2: section \"log\" must be followed by "
		    "\"{\", its settings and \"}\"" },
		{ "log \"title\" { }",
		    "1: section \"log\" must be followed "
		    "by \"{\", its settings and \"}\"" },
		{ "deadline {\nreply = {5s}\n}",
		    "2: unexpected \"{\"; " GRAMMAR },
		{ "user = = x", "1: unexpected \"=\"; " GRAMMAR },
		{ "engine { database = {/a /b} }",
		    "1: unexpected \"/b\"; " GRAMMAR },
		{ "user =\n", "2: the file ends in the middle of a setting" },
		{ "user = x\n}",
		    "2: \"}\" is not expected here; nothing is "
		    "open" },
		{ "user = x\nlog {\n\nengine { }",
		    "2: \"{\" is never closed; \"}\" is missing" },
		{ "{{{",
		    "1: \"{\" is not expected here; a section has "
		    "settings, and a list has strings" },
		{ "user = x\n\nlog {\nlevel = \"info\n}\n", "4: " NOT_CLOSED },
		{ "user = \"", "1: " NOT_CLOSED },
		{ "user = \"x\\\n\"", "1: " NOT_CLOSED },
		{ "user = \"x\\", "1: " NOT_CLOSED },
		{ "user = 'x",
		    "1: the string is not closed; ' is missing at "
		    "its end, on the same line" },
		{ "user = x\n/* a\n",
		    "2: the comment is not closed; \"*/\" "
		    "is missing" },
		{ "engine { database += /x }",
		    "1: unexpected \"+\"; a "
		    "setting is NAME = VALUE, and a list is given whole" },
		{ "user = \"\\x41\"",
		    "1: a backslash in a string stands "
		    "before \\, \" or $ only, not before \"x\"" },
		{ "user = \x01",
		    "1: control character 0x01; a configuration "
		    "is plain text" },
		{ "user = a\x7f",
		    "1: control character 0x7f; a configuration "
		    "is plain text" },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_environment_is_not_expanded(void **state)
{
	static const struct wrong cases[] = {
		{ "\npid_file = \"${HOME}/x\"",
		    "2: \"${\" stands for the "
		    "environment, which is not used; a dollar sign in a string "
		    "is \"\\$\"" },
		{ "pid_file = ${HOME}",
		    "1: \"${\" stands for the "
		    "environment, which is not used; a dollar sign in a string "
		    "is \"\\$\"" },
		{ "pid_file = /a${HOME}",
		    "1: \"${\" stands for the "
		    "environment, which is not used; a dollar sign in a string "
		    "is \"\\$\"" },
	};
	struct config *c = helper_load("pid_file = '/${HOME}'\n"
				       "buffer { directory = \"/\\${HOME}\" }");

	(void)state;
	assert_string_equal(c->pid_file, "/${HOME}");
	assert_string_equal(c->buffer_directory, "/${HOME}");
	config_destroy(&c);
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_first_mistake_is_that_of_the_first_line(void **state)
{
	static const struct wrong cases[] = {
		{ "\nuser = root\nfoo = 1\nsocket_group = 0\n",
		    "2: user is \"root\", but must be the name of an account "
		    "other than root, such as \"vscan-milter\"" },
		{ "\nuser = root\nlog {\nlevel = \"",
		    "2: user is \"root\", but must be the name of an account "
		    "other than root, such as \"vscan-milter\"" },
		{ "foo = 1\ndeadline { scan_cpu = 3h }",
		    "1: " TOP_UNKNOWN("foo") },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

/* Notes what it is told up to the comma, without the file's name. */
static void
note(void *context, const char *text)
{
	const char *line = strchr(text, ':');

	sprintf((char *)context + strlen(context), "%.*s\n",
	    (int)strcspn(line + 1, ",;"), line + 1);
}

static void
expect_all(const char *text, const char *expected)
{
	char path[] = "/tmp/test_config.XXXXXX", said[2048] = "";
	int fd = mkstemp(path);
	struct config *config;
	struct error err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(config_check(path, note, said, &config, &err),
	    ERROR_INPUT);
	assert_null(config);
	assert_string_equal(said, expected);
	close(fd);
	unlink(path);
}

static void
test_config_all_mistakes_are_told(void **state)
{
	(void)state;
	expect_all("user = root\nfoo = 1\nsocket_group = 0\n",
	    "1: user is \"root\"\n"
	    "2: unknown setting or section \"foo\"\n"
	    "3: socket_group is \"0\"\n");
	/* Whatever an unknown name is given, the rest is read. */
	expect_all("foo {\n a = {\"}\", 'b'}\n log { x = 1 } }\n"
		   "log {\n bar = {1, \"2\"}\n level = loud }\n"
		   "bar = \"{\" baz = {}\nuser = root",
	    "1: unknown setting or section \"foo\"\n"
	    "5: unknown setting \"bar\" in section \"log\"\n"
	    "6: log.level is \"loud\"\n"
	    "7: unknown setting or section \"bar\"\n"
	    "7: unknown setting or section \"baz\"\n"
	    "8: user is \"root\"\n");
	expect_all("headers {\nkeep_from = {\"x\",\n\"::1\", y}\n}\n"
		   "engine { database = {} }\npid_file = a pid_file = /b",
	    "2: headers.keep_from has \"x\"\n"
	    "3: headers.keep_from has \"y\"\n"
	    "5: engine.database is empty\n"
	    "6: pid_file is \"a\"\n"
	    "6: pid_file is given twice\n");
}

static void
test_config_rule_is_judged_unless_its_settings_are_wrong(void **state)
{
	(void)state;
	expect_all("deadline { scan_cpu = 3h }\nuser = root\n"
		   "engine { max_file_size = 500M }",
	    "1: deadline.scan_cpu is \"3h\"\n"
	    "2: user is \"root\"\n"
	    "3: engine.max_file_size is \"500M\"\n"
	    "3: engine.scratch is \"1G\"\n");
	expect_all("deadline { scan_cpu = 3h\n scan_wall = 1 parsec }",
	    "2: unknown setting \"parsec\" in section \"deadline\"\n"
	    " what follows line 2 could not be checked\n");
	expect_all("deadline { scan_cpu = 3h\n scan_wall = \"1 parsec\" }",
	    "2: deadline.scan_wall is \"1 parsec\"\n");
}

static void
test_config_what_can_not_be_read_is_said(void **state)
{
	(void)state;
	expect_all("user = root\nlog {\n}\n}\nuser = root\nfoo = 1\n",
	    "1: user is \"root\"\n"
	    "4: \"}\" is not expected here\n"
	    " what follows line 4 could not be checked\n");
	expect_all("user = root\nsocket \"x\"\nfoo = 1\n",
	    "1: user is \"root\"\n"
	    "2: setting \"socket\" must be followed by \"=\" and its "
	    "value\n"
	    " what follows line 2 could not be checked\n");
}

static void
test_config_mistakes_beyond_a_hundred_are_counted(void **state)
{
	char *text = malloc(8192), *said = calloc(1, 65536);
	char path[] = "/tmp/test_config.XXXXXX";
	int fd = mkstemp(path);
	struct config *config;
	struct error err;

	(void)state;
	assert_true(text != NULL && said != NULL && fd >= 0);
	text[0] = '\0';
	for (int i = 0; i < 130; i++)
		sprintf(text + strlen(text), "a%d = 1\n", i);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(config_check(path, note, said, &config, &err),
	    ERROR_INPUT);
	assert_non_null(strstr(said, "\n100: "));
	assert_null(strstr(said, "\n101: "));
	assert_non_null(strstr(said, "\n and 30 mistakes more\n"));
	close(fd);
	unlink(path);
	free(said);
	free(text);
}

static void
test_config_comments_do_not_shift_lines(void **state)
{
	static const struct wrong cases[] = {
		{ "# a\n// b\n/* c */ # d\n/* e\n\n*/ /*f*/\nlog { # g\n"
		  "\t/* h\n*/ level = info // i\n\t# j \"k {\n\tx = 1 }",
		    "11: " LOG_UNKNOWN("x") },
		{ "/**//***/\n/*/ */ /* ** */\n#\n//\nx = 1",
		    "5: " TOP_UNKNOWN("x") },
		{ "user = a//b",
		    "1: user is \"a//b\", but must be the "
		    "name of an account other than root, such as "
		    "\"vscan-milter\"" },
		{ "user = a# b\nsocket_group = 0",
		    "2: socket_group is \"0\", "
		    "but must be the name of a group, or empty, "
		    "such as \"auto\"" },
		{ "pid_file = \"/# /* //\" x", "1: " TOP_UNKNOWN("x") },
	};

	(void)state;
	expect_wrong(cases, LENGTH(cases));
}

static void
test_config_settings_that_contradict_name_the_last_line(void **state)
{
	static const struct wrong cases[] = {
		{ "deadline {\nscan_wall = 10m\n}",
		    "2: deadline.scan_cpu is \"15m\", deadline.scan_wall is "
		    "\"10m\", but scan_cpu must not be longer than scan_wall" },
		{ "deadline {\nscan_wall = 1h\nscan_cpu = 2h\n}",
		    "3: deadline.scan_cpu is \"2h\", deadline.scan_wall is "
		    "\"1h\", but scan_cpu must not be longer than scan_wall" },
		{ "engine { scratch = 600M }",
		    "1: engine.scratch is \"600M\", engine.max_scan_size is "
		    "\"400M\", engine.max_file_size is \"100M\", but scratch "
		    "must be more than max_scan_size + 2 * max_file_size" },
		{ "engine { max_scan_size = 50M }",
		    "1: engine.max_file_size is \"100M\", engine.max_scan_size "
		    "is \"50M\", but max_file_size must not be larger than "
		    "max_scan_size" },
		{ "buffer { memory = 4M }",
		    "1: buffer.message_memory is \"8M\", buffer.memory is "
		    "\"4M\", but message_memory must not be larger than "
		    "memory" },
		{ "buffer {\ndisk = 100M }",
		    "2: buffer.message_max is \"200M\", buffer.disk is "
		    "\"100M\", buffer.message_memory is \"8M\", but "
		    "message_max "
		    "must not be larger than disk or message_memory" },
	};
	struct config *c;

	(void)state;
	expect_wrong(cases, LENGTH(cases));
	c = helper_load(
	    "engine { scratch = 629145601 }\n"
	    "buffer { disk = 0 message_memory = 8M message_max = 8M }");
	config_destroy(&c);
}

static void
test_config_file_that_cannot_be_read_is_named(void **state)
{
	struct config *c = (struct config *)&c;
	struct error err = { .code = ERROR_NONE };

	(void)state;
	assert_int_equal(config_load("/nonexistent/x.conf", &c, &err),
	    ERROR_SYSTEM);
	assert_null(c);
	assert_string_equal(err.text,
	    "cannot open configuration "
	    "/nonexistent/x.conf: No such file or directory");
	assert_int_equal(config_load("/tmp", &c, &err), ERROR_SYSTEM);
	assert_string_equal(err.text,
	    "cannot read configuration /tmp: Is a directory");
	assert_int_equal(config_load("/dev/zero", &c, &err), ERROR_INPUT);
	assert_string_equal(err.text,
	    "/dev/zero: is larger than 1M; no configuration is");
	assert_int_equal(config_load("/nonexistent", &c, NULL), ERROR_SYSTEM);
	assert_int_equal(config_load("/dev/null", &c, &err), ERROR_NONE);
	config_destroy(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_duration_out_of_bounds_names_line),
		cmocka_unit_test(test_config_wrong_value_says_what_is_allowed),
		cmocka_unit_test(test_config_wrong_socket_says_what_is_allowed),
		cmocka_unit_test(
		    test_config_wrong_list_names_the_line_of_the_item),
		cmocka_unit_test(
		    test_config_list_with_too_many_items_is_refused),
		cmocka_unit_test(
		    test_config_mta_is_refused_where_it_names_none),
		cmocka_unit_test(
		    test_config_action_is_refused_where_it_would_harm),
		cmocka_unit_test(test_config_wrong_template_is_refused),
		cmocka_unit_test(test_config_unknown_setting_lists_the_known),
		cmocka_unit_test(test_config_setting_given_twice_is_refused),
		cmocka_unit_test(test_config_wrong_syntax_names_line),
		cmocka_unit_test(test_config_environment_is_not_expanded),
		cmocka_unit_test(
		    test_config_first_mistake_is_that_of_the_first_line),
		cmocka_unit_test(test_config_all_mistakes_are_told),
		cmocka_unit_test(
		    test_config_rule_is_judged_unless_its_settings_are_wrong),
		cmocka_unit_test(test_config_what_can_not_be_read_is_said),
		cmocka_unit_test(
		    test_config_mistakes_beyond_a_hundred_are_counted),
		cmocka_unit_test(test_config_comments_do_not_shift_lines),
		cmocka_unit_test(
		    test_config_settings_that_contradict_name_the_last_line),
		cmocka_unit_test(test_config_file_that_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
