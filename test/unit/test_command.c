/* test_command - real programs, run within bounds
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "release/tool.h"
#include "support.h"

struct said {
	size_t lines;
	size_t bytes;
	char all[4096];
};

static void
take(void *context, const char *line)
{
	struct said *said = context;
	size_t used = strlen(said->all);

	said->lines++;
	said->bytes += strlen(line);
	snprintf(said->all + used, sizeof said->all - used, "%s\n", line);
}

static enum error_code
run_shell(const char *script, int64_t limit, struct said *said, int *status_r,
    struct error *err)
{
	const char *const argv[] = { "sh", "-c", script, "0", "a b", "$HOME",
		NULL };
	const struct command command = { .argv = argv,
		.limit = limit,
		.output = take,
		.complaint = take,
		.context = said };

	memset(said, 0, sizeof *said);
	return command_run(&command, status_r, err);
}

static void
test_command_hands_on_both_outputs_and_the_status(void **state)
{
	struct said said;
	struct error err;
	int status;

	(void)state;
	assert_int_equal(run_shell("echo \"$1\" \"$2\"; echo why >&2; "
				   "printf end; exit 3",
			     5 * MONOTIME_S, &said, &status, &err),
	    ERROR_NONE);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(said.lines, 3);
	assert_non_null(strstr(said.all, "a b $HOME\n"));
	assert_non_null(strstr(said.all, "why\n"));
	assert_non_null(strstr(said.all, "end\n"));
}

static void
test_command_inherits_nothing(void **state)
{
	struct said said;
	struct error err;
	int status, kept = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(kept > 2);
	setenv("BASH_ENV", "/tmp/x", 1);
	/* A shell blocks signals for a moment while it waits for a command:
	 * so what it was given is looked at without one. */
	assert_int_equal(run_shell("env; ls -l /proc/$$/fd; pwd; umask; "
				   "exec grep Sig[BI] /proc/self/status",
			     30 * MONOTIME_S, &said, &status, &err),
	    ERROR_NONE);
	close(kept);
	assert_int_equal(status, 0);
	assert_null(strstr(said.all, "BASH_ENV"));
	assert_non_null(
	    strstr(said.all, "PATH=/usr/sbin:/usr/bin:/sbin:/bin:"));
	assert_non_null(strstr(said.all, "TZ=UTC\n"));
	assert_non_null(strstr(said.all, "LC_ALL=C\n"));
	assert_non_null(strstr(said.all, "0 -> /dev/null\n"));
	assert_non_null(strstr(said.all, "1 -> pipe:"));
	assert_non_null(strstr(said.all, "2 -> pipe:"));
	assert_null(strstr(said.all, " 3 -> "));
	assert_non_null(strstr(said.all, "SigBlk:\t0000000000000000\n"));
	assert_non_null(strstr(said.all, "\n/\n0022\n"));
}

static void
test_command_that_takes_too_long_is_killed_whole(void **state)
{
	int64_t began = monotime_now();
	struct said said;
	struct error err;
	int status;

	(void)state;
	assert_int_equal(run_shell("trap '' TERM; sleep 60 & echo $!; wait",
			     300 * MONOTIME_MS, &said, &status, &err),
	    ERROR_TIMEOUT);
	assert_true(monotime_now() - began >= 300 * MONOTIME_MS);
	assert_true(monotime_now() - began < 10 * MONOTIME_S);
	assert_non_null(strstr(err.text, "sh: "));
	assert_true(WIFSIGNALED(status));
	/* Reaped by another, so a zombie at most: it can't be seen at once. */
	for (int tries = 0; tries < 100; tries++) {
		char path[64], line[256] = "gone";
		FILE *file;

		snprintf(path, sizeof path, "/proc/%ld/stat", atol(said.all));
		file = fopen(path, "r");
		if (file == NULL)
			return;
		if (fgets(line, sizeof line, file) == NULL ||
		    strstr(line, ") Z") != NULL) {
			fclose(file);
			return;
		}
		fclose(file);
		usleep(50000);
	}
	fail_msg("its child lives");
}

static void
test_command_that_floods_is_bounded_by_time_alone(void **state)
{
	struct said said;
	struct error err;
	int status;

	(void)state;
	assert_int_equal(run_shell("yes", 300 * MONOTIME_MS, &said, &status,
			     &err),
	    ERROR_TIMEOUT);
	assert_true(said.lines > 1000);
	assert_int_equal(run_shell("head -c 100000000 /dev/zero",
			     30 * MONOTIME_S, &said, &status, &err),
	    ERROR_NONE);
	assert_int_equal(status, 0);
	assert_int_equal(said.bytes, LINES_ROOM - 1);
}

static void
test_command_ends_though_its_child_holds_the_pipes(void **state)
{
	int64_t began = monotime_now();
	struct said said;
	struct error err;
	int status;

	(void)state;
	assert_int_equal(run_shell("sleep 30 & echo done", 20 * MONOTIME_S,
			     &said, &status, &err),
	    ERROR_NONE);
	assert_int_equal(status, 0);
	assert_string_equal(said.all, "done\n");
	assert_true(monotime_now() - began < 15 * MONOTIME_S);
}

static void
test_command_that_is_not_there_says_so(void **state)
{
	static const char *const argv[] = { "no-such-program", "x", NULL };
	struct tool tool = { .expected = NULL };

	(void)state;
	assert_false(tool_run(&tool, 5 * MONOTIME_S, argv));
	assert_string_equal(tool.last,
	    "no-such-program: No such file or directory");
}

static void
test_command_leaves_no_descriptor_open(void **state)
{
	unsigned before = support_open_fds();
	struct said said;
	struct error err;
	int status;

	(void)state;
	assert_int_equal(run_shell("exit 0", MONOTIME_S, &said, &status, &err),
	    ERROR_NONE);
	assert_int_equal(run_shell("sleep 60", 50 * MONOTIME_MS, &said, &status,
			     &err),
	    ERROR_TIMEOUT);
	assert_int_equal(support_open_fds(), before);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
test_tool_remembers_what_was_expected_and_said_last(void **state)
{
	static const struct {
		const char *script;
		bool well, expected;
		const char *last;
	} cases[] = {
		{ "echo a: 1 change; echo b", true, true, "b" },
		{ "echo 1 change >&2; exit 1", false, true, "1 change" },
		{ "printf '\\001b\\377'", true, false, "?b?" },
		{ "exit 2", false, false, "sh failed, status 0x200" },
		{ "kill -9 $$", false, false, "sh failed, status 0x9" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const char *const argv[] = { "sh", "-c", cases[i].script,
			NULL };
		struct tool tool = { .expected = "1 change" };

		assert_int_equal(tool_run(&tool, 5 * MONOTIME_S, argv),
		    cases[i].well);
		assert_int_equal(tool.said_expected, cases[i].expected);
		assert_string_equal(tool.last, cases[i].last);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_command_hands_on_both_outputs_and_the_status),
		cmocka_unit_test(test_command_inherits_nothing),
		cmocka_unit_test(
		    test_command_that_takes_too_long_is_killed_whole),
		cmocka_unit_test(
		    test_command_that_floods_is_bounded_by_time_alone),
		cmocka_unit_test(
		    test_command_ends_though_its_child_holds_the_pipes),
		cmocka_unit_test(test_command_that_is_not_there_says_so),
		cmocka_unit_test(test_command_leaves_no_descriptor_open),
		cmocka_unit_test(
		    test_tool_remembers_what_was_expected_and_said_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
