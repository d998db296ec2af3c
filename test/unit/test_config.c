/* test_config - the configuration: defaults, values, printing, garbage
 *
 * See test_config_mistakes.c for what is refused, and how.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "config/socket_group.h"
#include "config_helper.h"
#include "support.h"

#define SECOND INT64_C(1000000000)

static char *
printed(const struct config *config, int with_comments)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	config_print(config, out, with_comments);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_config_socket_group_auto_is_postfix_if_there(void **state)
{
	const struct group *postfix = getgrnam("postfix");
	gid_t expected = postfix != NULL ? postfix->gr_gid : SOCKET_GROUP_NONE;
	gid_t gid;

	(void)state;
	assert_true(socket_group_find("auto", &gid));
	assert_int_equal(gid, expected);
	assert_true(socket_group_find("", &gid));
	assert_int_equal(gid, SOCKET_GROUP_NONE);
	assert_true(socket_group_find("root", &gid));
	assert_int_equal(gid, 0);
	assert_false(socket_group_find("no-such-group", &gid));
	assert_int_equal(gid, SOCKET_GROUP_NONE);
}

static void
test_config_empty_file_has_the_defaults(void **state)
{
	struct config *c = helper_load("");

	(void)state;
	assert_string_equal(c->socket, "unix:/run/vscan-milter/milter.sock");
	assert_int_equal(c->socket_mode, 0660);
	assert_string_equal(c->socket_group, "auto");
	assert_string_equal(c->user, "vscan-milter");
	assert_string_equal(c->state_directory, "/var/lib/vscan-milter");
	assert_string_equal(c->control_socket,
	    "/run/vscan-milter/control.sock");
	assert_string_equal(c->pid_file, "");
	assert_int_equal(c->drain_timeout, 20 * SECOND);
	assert_int_equal(c->alarm_after, 4 * 3600 * SECOND);
	assert_int_equal(c->log_target, LOG_TARGET_SYSLOG);
	assert_int_equal(c->log_facility, LOG_MAIL);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->engine_database.count, 1);
	assert_string_equal(c->engine_database.items[0], "/var/lib/clamav");
	assert_string_equal(c->buffer_directory, "/var/tmp");
	assert_int_equal(c->headers_keep_from.count, 0);
	assert_string_equal(c->reply_infected, "Message contains a virus: %v");
	assert_string_equal(c->reply_late,
	    "Virus scan still running, please try again later");
	assert_string_equal(c->reply_error,
	    "Virus scanner temporarily "
	    "unavailable, please try again later");
	config_destroy(&c);
	assert_null(c);
	config_destroy(&c);
}

static void
test_config_empty_file_has_the_default_numbers(void **state)
{
	struct config *c = helper_load("# nothing but a comment\n");

	(void)state;
	assert_int_equal(c->deadline_reply, 60 * SECOND);
	assert_int_equal(c->deadline_reply_submission, 25 * SECOND);
	assert_int_equal(c->deadline_reply_local, 5 * SECOND);
	assert_int_equal(c->deadline_progress, 3 * SECOND);
	assert_int_equal(c->deadline_slow_after, SECOND);
	assert_int_equal(c->deadline_scan_cpu, 900 * SECOND);
	assert_int_equal(c->deadline_scan_wall, 7200 * SECOND);
	assert_int_equal(c->deadline_failures, 2);
	assert_int_equal(c->engine_background, 8);
	assert_int_equal(c->engine_scratch, 1 << 30);
	assert_int_equal(c->engine_worker_memory, 1 << 30);
	assert_int_equal(c->engine_max_scan_size, 400 << 20);
	assert_int_equal(c->engine_max_file_size, 100 << 20);
	assert_int_equal(c->engine_max_files, 10000);
	assert_int_equal(c->engine_max_recursion, 17);
	assert_int_equal(c->engine_check_interval, 60 * SECOND);
	assert_int_equal(c->engine_sandbox, SANDBOX_BEST_EFFORT);
	assert_int_equal(c->buffer_memory, 512 << 20);
	assert_int_equal(c->buffer_message_memory, 8 << 20);
	assert_int_equal(c->buffer_message_max, 200 << 20);
	assert_int_equal(c->buffer_disk, UINT64_C(20) << 30);
	assert_int_equal(c->limits_sessions, 4000);
	assert_int_equal(c->limits_waiting, 1000);
	assert_int_equal(c->limits_queue, 1000);
	assert_int_equal(c->limits_rows, 200000);
	assert_int_equal(c->cache_entries, 100000);
	assert_int_equal(c->cache_ttl, 3600 * SECOND);
	assert_int_equal(c->cache_late_ttl, 5 * 86400 * SECOND);
	config_destroy(&c);
}

static void
test_config_empty_file_has_the_default_actions(void **state)
{
	struct config *c = helper_load("");

	(void)state;
	assert_int_equal(c->action_clean, ACTION_ACCEPT);
	assert_int_equal(c->action_infected, ACTION_REJECT);
	assert_int_equal(c->action_incomplete, ACTION_ACCEPT);
	assert_int_equal(c->action_encrypted, ACTION_ACCEPT);
	assert_int_equal(c->action_late, ACTION_TEMPFAIL);
	assert_int_equal(c->action_late_submission, ACTION_TEMPFAIL);
	assert_int_equal(c->action_unscannable, ACTION_REJECT);
	assert_int_equal(c->action_error, ACTION_TEMPFAIL);
	assert_int_equal(c->action_macro, ACTION_OFF);
	assert_int_equal(c->action_phishing, ACTION_OFF);
	assert_int_equal(c->action_pua, ACTION_OFF);
	config_destroy(&c);
}

static void
test_config_workers_0_becomes_the_number_of_cpus(void **state)
{
	struct config *c = helper_load("engine { workers = 0 }");

	(void)state;
	assert_in_range(c->engine_workers, 1, 1024);
	config_destroy(&c);
	c = helper_load("engine { workers = 3 }");
	assert_int_equal(c->engine_workers, 3);
	config_destroy(&c);
}

static void
test_config_number_may_be_quoted_or_not(void **state)
{
	struct config *c = helper_load(
	    "engine { workers = \"5\" max_files = 6 }\n"
	    "buffer { disk = 300M }\ndeadline { reply = 90 }");

	(void)state;
	assert_int_equal(c->engine_workers, 5);
	assert_int_equal(c->engine_max_files, 6);
	assert_int_equal(c->buffer_disk, 300 << 20);
	assert_int_equal(c->deadline_reply, 90 * SECOND);
	config_destroy(&c);
}

static void
test_config_duration_knows_its_units(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} cases[] = {
		{ "90", 90 * SECOND },
		{ "90s", 90 * SECOND },
		{ "1500ms", 1500 * (SECOND / 1000) },
		{ "15m", 900 * SECOND },
		{ "24h", 86400 * SECOND },
		{ "5d", 5 * 86400 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char text[64];
		struct config *c;

		snprintf(text, sizeof(text), "cache { ttl = \"%s\" }",
		    cases[i].text);
		c = helper_load(text);
		assert_int_equal(c->cache_ttl, cases[i].value);
		config_destroy(&c);
	}
}

static void
test_config_size_knows_its_units(void **state)
{
	struct config *c = helper_load(
	    "buffer { memory = 2097152  "
	    "message_memory = 16K  message_max = 3M  disk = 7G }");

	(void)state;
	assert_int_equal(c->buffer_memory, 2 << 20);
	assert_int_equal(c->buffer_message_memory, 16 << 10);
	assert_int_equal(c->buffer_message_max, 3 << 20);
	assert_int_equal(c->buffer_disk, UINT64_C(7) << 30);
	config_destroy(&c);
}

static void
test_config_lists_replace_their_defaults(void **state)
{
	struct config *c = helper_load(
	    "engine { database = { \"/a b\",\n'/c' , } }\n"
	    "headers { keep_from = { 192.0.2.0/24, \"2001:db8::/32\", ::1, "
	    "0.0.0.0/0 } }");

	(void)state;
	assert_int_equal(c->engine_database.count, 2);
	assert_string_equal(c->engine_database.items[0], "/a b");
	assert_string_equal(c->engine_database.items[1], "/c");
	assert_int_equal(c->headers_keep_from.count, 4);
	assert_string_equal(c->headers_keep_from.items[1], "2001:db8::/32");
	config_destroy(&c);
	c = helper_load(
	    "engine { database = /only }\nheaders { keep_from = { # no\n"
	    "} }");
	assert_string_equal(c->engine_database.items[0], "/only");
	assert_int_equal(c->headers_keep_from.count, 0);
	config_destroy(&c);
}

static void
test_config_section_may_come_in_parts(void **state)
{
	struct config *c = helper_load(
	    "log { level = debug }\r\nuser = scan\r\n"
	    "log { target = stderr }\r\n");

	(void)state;
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log_target, LOG_TARGET_STDERR);
	assert_string_equal(c->user, "scan");
	config_destroy(&c);
}

static void
test_config_accepts_each_kind_of_socket(void **state)
{
	static const char *const sockets[] = {
		"unix:/s",
		"inet:8890@127.0.0.1",
		"inet:8890@localhost",
		"inet6:8890@::1",
		"inet6:8890@mx.example.org",
		"fd:3",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(sockets); i++) {
		char text[64];
		struct config *c;

		snprintf(text, sizeof(text), "socket = \"%s\"", sockets[i]);
		c = helper_load(text);
		assert_string_equal(c->socket, sockets[i]);
		config_destroy(&c);
	}
}

static void
test_config_load_fd_reads_from_the_beginning_twice(void **state)
{
	static const char text[] = "user = twice";
	int fd = helper_file_of(text, strlen(text));
	struct config *c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(config_load_fd(fd, "x", &c, NULL), ERROR_NONE);
		assert_string_equal(c->user, "twice");
		config_destroy(&c);
	}
	assert_int_equal(lseek(fd, 0, SEEK_CUR), strlen(text));
	close(fd);
}

static void
test_config_load_fd_reads_a_pipe(void **state)
{
	int fds[2];
	struct config *c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "user = piped", 12), 12);
	close(fds[1]);
	assert_int_equal(config_load_fd(fds[0], "x", &c, NULL), ERROR_NONE);
	assert_string_equal(c->user, "piped");
	config_destroy(&c);
	close(fds[0]);
}

/* One setting of each type, none at its default, with odd bytes. */
static const char odd[] =
    "socket = \"inet6:8890@::1\" socket_mode = 007 socket_group = g.r-p_9\n"
    "user = nobody state_directory = '/a\"b\\\\c$d${HOME}\xc3\xa9 #{}='\n"
    "pid_file = \"/\\\\\\\"\\$\\${x} '\" drain_timeout = 90\n"
    "log { target = stderr facility = local7 level = warning }\n"
    "deadline { progress = 1500ms reply = 61 failures = 7 scan_cpu = 1h }\n"
    "engine { database = {\"/a,b\", '/c\"d'} workers = 9\n"
    " max_files = 1 max_file_size = 1000001 }\n"
    "buffer { disk = 65536G }\n"
    "headers { keep_from = {10.0.0.0/8, \"::1\"} }\n"
    "action { macro = reject late = accept clean = quarantine }\n"
    "reply { late = '%v %i %% \"quoted\" \\\\ $5 ${HOME} 100%%' }\n";

static void
test_config_print_is_read_back_exactly(void **state)
{
	struct config *first = helper_load(odd), *second;
	char *plain = printed(first, 0), *commented = printed(first, 1);
	char *again;

	(void)state;
	for (int i = 0; i < 2; i++) {
		second = helper_load(i == 0 ? plain : commented);
		again = printed(second, 0);
		assert_string_equal(again, plain);
		assert_string_equal(second->state_directory,
		    "/a\"b\\c$d${HOME}\xc3\xa9 #{}=");
		assert_string_equal(second->pid_file, "/\\\"$${x} '");
		assert_string_equal(second->reply_late,
		    "%v %i %% \"quoted\" \\ $5 ${HOME} 100%%");
		assert_string_equal(second->engine_database.items[1], "/c\"d");
		assert_int_equal(second->deadline_progress,
		    first->deadline_progress);
		assert_int_equal(second->engine_max_file_size, 1000001);
		assert_int_equal(second->engine_workers, 9);
		assert_int_equal(second->socket_mode, 7);
		assert_int_equal(second->action_macro, ACTION_REJECT);
		free(again);
		config_destroy(&second);
	}
	free(plain);
	free(commented);
	config_destroy(&first);
}

static void
test_config_print_leaves_workers_0(void **state)
{
	struct config *c = helper_load("");
	char *text = printed(c, 0);

	(void)state;
	assert_true(c->engine_workers > 0);
	assert_non_null(strstr(text, "\tworkers = 0\n"));
	free(text);
	config_destroy(&c);
}

static void
test_config_print_comments_defaults_out(void **state)
{
	struct config *c = helper_load("drain_timeout = 20\n"
				       "hold { mta = {\"postfix:/x\"} }\n"
				       "deadline { reply = 61 }\n");
	char *text = printed(c, 1), *next = text, *line;
	int set = 0;

	(void)state;
	assert_non_null(strstr(text, "\n#drain_timeout = \"20s\"\n"));
	assert_non_null(strstr(text, "\n\t#workers = 0\n"));
	assert_non_null(strstr(text, "\n\t#keep_from = {}\n"));
	assert_non_null(strstr(text, "\n\treply = \"61s\"\n"));
	assert_non_null(strstr(text, "\n\tmta = {\"postfix:/x\"}\n"));
	/* Nothing else is set. */
	while ((line = strsep(&next, "\n")) != NULL) {
		line += strspn(line, "\t");
		if (strstr(line, " = ") != NULL && line[0] != '#')
			set++;
	}
	assert_int_equal(set, 2);
	free(text);
	config_destroy(&c);
}

static void
test_config_print_comments_fit_78_columns(void **state)
{
	struct config *c = helper_load("");
	char *text = printed(c, 1), *next = text, *line;

	(void)state;
	assert_non_null(strstr(text,
	    "\t# How often the MTA is told that its reply is still to come. "
	    "Sendmail\n\t# gives up after 10 s of silence (R in T=).\n"
	    "\t# Allowed: a duration from 100ms to 9s. Default: \"3s\"\n"
	    "\t#progress = \"3s\"\n"));
	while ((line = strsep(&next, "\n")) != NULL)
		if (strncmp(line + (line[0] == '\t'), "# ", 2) == 0)
			assert_true(strlen(line) + 7 * (line[0] == '\t') <= 78);
	free(text);
	config_destroy(&c);
}

static void
test_config_garbage_is_refused_and_never_crashes(void **state)
{
	static const char *const seeds[] = {
		"{",
		"}",
		"\"",
		"'",
		"\\",
		"${",
		"$",
		"(",
		"/*",
		"=",
		",",
		"log{",
		"user=",
		"database={",
		"a",
		"\xef\xbb\xbf",
		"|",
		"+",
		"log|",
		"'\\",
		"\"\\",
	};
	const size_t len = 1 << 20;
	char *data = malloc(len + 1);
	struct config *c;
	struct error err;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < LENGTH(seeds); i++) {
		for (size_t n = 0; n < len; n++)
			data[n] = seeds[i][n % strlen(seeds[i])];
		assert_int_equal(helper_load_bytes(data, len, &c, &err),
		    ERROR_INPUT);
		assert_memory_equal(err.text, "x.conf:1: ", 10);
	}
	memset(data, 0, len);
	assert_int_equal(helper_load_bytes(data, len, &c, &err), ERROR_INPUT);
	assert_string_equal(err.text,
	    "x.conf:1: control character 0x00; a "
	    "configuration is plain text");
	memset(data, '\n', len + 1);
	assert_int_equal(helper_load_bytes(data, len, &c, &err), ERROR_NONE);
	config_destroy(&c);
	assert_int_equal(helper_load_bytes(data, len + 1, &c, &err),
	    ERROR_INPUT);
	assert_string_equal(err.text,
	    "x.conf: is larger than 1M; no configuration is");
	free(data);
}

/* Whatever a mutation does, there is a message with a line, or a snapshot
 * that is read back the same; and the next file is read as ever. */
static void
test_config_mutated_file_is_refused_or_round_trips(void **state)
{
	static const char bytes[] = "{}\"'\\$=,|+()#/* \n\r\t;a0%:";
	char data[sizeof(odd)], line[sizeof(struct error)];
	struct config *c;
	struct error err;
	size_t cut;

	(void)state;
	srand(1);
	for (int i = 0; i < 4000; i++) {
		memcpy(data, odd, sizeof(odd));
		for (int n = rand() % 4; n >= 0; n--)
			data[(size_t)rand() % strlen(odd)] = rand() % 8 == 0
			    ? (char)rand()
			    : bytes[(size_t)rand() % sizeof(bytes)];
		cut = (size_t)(rand() % 2 ? 0 : rand() % 500);
		if (helper_load_bytes(data, strlen(odd) - cut, &c, &err) ==
		    ERROR_NONE) {
			char *text = printed(c, rand() % 2);
			struct config *again = helper_load(text);

			config_destroy(&again);
			free(text);
		} else {
			assert_memory_equal(err.text, "x.conf:", 7);
			assert_in_range(err.text[7], '1', '9');
			assert_string_equal(text_line(line, sizeof line,
						err.text),
			    err.text);
		}
		config_destroy(&c);
	}
	c = helper_load(odd);
	config_destroy(&c);
}

static void
test_config_action_name_is_as_in_the_file(void **state)
{
	(void)state;
	assert_string_equal(config_action_name(ACTION_OFF), "off");
	assert_string_equal(config_action_name(ACTION_ACCEPT), "accept");
	assert_string_equal(config_action_name(ACTION_QUARANTINE),
	    "quarantine");
	assert_string_equal(config_action_name(ACTION_DISCARD), "discard");
	assert_string_equal(config_action_name(ACTION_TEMPFAIL), "tempfail");
	assert_string_equal(config_action_name(ACTION_REJECT), "reject");
	assert_string_equal(config_action_name((enum action)99), "unknown");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_config_socket_group_auto_is_postfix_if_there),
		cmocka_unit_test(test_config_empty_file_has_the_defaults),
		cmocka_unit_test(
		    test_config_empty_file_has_the_default_numbers),
		cmocka_unit_test(
		    test_config_empty_file_has_the_default_actions),
		cmocka_unit_test(
		    test_config_workers_0_becomes_the_number_of_cpus),
		cmocka_unit_test(test_config_number_may_be_quoted_or_not),
		cmocka_unit_test(test_config_duration_knows_its_units),
		cmocka_unit_test(test_config_size_knows_its_units),
		cmocka_unit_test(test_config_lists_replace_their_defaults),
		cmocka_unit_test(test_config_section_may_come_in_parts),
		cmocka_unit_test(test_config_accepts_each_kind_of_socket),
		cmocka_unit_test(
		    test_config_load_fd_reads_from_the_beginning_twice),
		cmocka_unit_test(test_config_load_fd_reads_a_pipe),
		cmocka_unit_test(test_config_print_is_read_back_exactly),
		cmocka_unit_test(test_config_print_leaves_workers_0),
		cmocka_unit_test(test_config_print_comments_defaults_out),
		cmocka_unit_test(test_config_print_comments_fit_78_columns),
		cmocka_unit_test(
		    test_config_garbage_is_refused_and_never_crashes),
		cmocka_unit_test(
		    test_config_mutated_file_is_refused_or_round_trips),
		cmocka_unit_test(test_config_action_name_is_as_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
