/* test_log - one line a call, on standard error
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "support.h"

/* Standard error goes into a pipe until ended. */
struct capture {
	int saved;
	int reader;
};

static void
capture_begin(struct capture *capture)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	capture->saved = dup(STDERR_FILENO);
	capture->reader = ends[0];
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
}

static void
capture_end(struct capture *capture, char *out, size_t size)
{
	ssize_t n;

	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	fd_close(&capture->saved);
	n = read(capture->reader, out, size - 1);
	assert_true(n >= 0);
	out[n] = '\0';
	fd_close(&capture->reader);
}

static void
test_log_line_has_time_ident_and_pid(void **state)
{
	struct capture capture;
	char out[4096], expected[64];

	(void)state;
	log_open("unit", LOG_TARGET_STDERR, 0, LOG_LEVEL_INFO);
	capture_begin(&capture);
	log_msg(LOG_LEVEL_INFO, "%s=%d", "answer", 42);
	capture_end(&capture, out, sizeof out);
	/* 2001-02-03T04:05:06.789Z */
	assert_int_equal(out[10], 'T');
	assert_int_equal(out[19], '.');
	assert_int_equal(out[23], 'Z');
	snprintf(expected, sizeof expected, " unit[%d]: answer=42\n",
	    (int)getpid());
	assert_string_equal(out + 24, expected);
}

static void
test_log_level_decides_what_is_written(void **state)
{
	static const struct {
		enum log_level limit, level;
		const char *text;
	} cases[] = {
		{ LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, NULL },
		{ LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG, "]: x\n" },
		{ LOG_LEVEL_INFO, LOG_LEVEL_NOTICE, "]: x\n" },
		{ LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, NULL },
		{ LOG_LEVEL_WARNING, LOG_LEVEL_WARNING, "]: warning: x\n" },
		{ LOG_LEVEL_ERROR, LOG_LEVEL_ERROR, "]: error: x\n" },
	};
	struct capture capture;
	char out[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		log_open("unit", LOG_TARGET_STDERR, 0, cases[i].limit);
		capture_begin(&capture);
		log_msg(cases[i].level, "x");
		capture_end(&capture, out, sizeof out);
		if (cases[i].text == NULL)
			assert_string_equal(out, "");
		else
			assert_non_null(strstr(out, cases[i].text));
	}
}

static void
test_log_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
	struct capture capture;
	char text[5000], out[8192], *newline;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_open("unit", LOG_TARGET_STDERR, 0, LOG_LEVEL_INFO);
	capture_begin(&capture);
	log_msg(LOG_LEVEL_ERROR, "%s", text);
	capture_end(&capture, out, sizeof out);
	newline = strchr(out, '\n');
	assert_non_null(newline);
	assert_string_equal(newline, "\n");
	assert_in_range(newline - out, 1000, 2304);
}

static void
test_log_error_names_what_failed(void **state)
{
	struct capture capture;
	struct error err;
	char out[256];

	(void)state;
	error_set(&err, ERROR_INPUT, "it is blue");
	log_open("unit", LOG_TARGET_STDERR, 0, LOG_LEVEL_INFO);
	capture_begin(&capture);
	log_error(LOG_LEVEL_WARNING, "the sky", &err);
	capture_end(&capture, out, sizeof out);
	assert_non_null(strstr(out, "]: warning: the sky: it is blue\n"));
}

#define LINES 6000

/* A process whose standard error nobody reads yet; says on done how many ms
 * it took to log, and ends when all is written. */
static void
log_into_full_pipe(int stderr_end, int done)
{
	int64_t began;
	int ms;

	dup2(stderr_end, STDERR_FILENO);
	fd_close(&stderr_end);
	if (log_start_thread(NULL) != ERROR_NONE)
		_exit(1);
	began = monotime_now();
	for (int i = 0; i < LINES; i++)
		log_msg(LOG_LEVEL_INFO, "line %d of a log that hangs", i);
	log_flush(monotime_after(20 * MONOTIME_MS));
	ms = (int)((monotime_now() - began) / MONOTIME_MS);
	if (write(done, &ms, sizeof ms) != sizeof ms)
		_exit(1);
	log_flush(monotime_after(30 * MONOTIME_S));
	_exit(0);
}

static void
test_log_thread_never_blocks_and_counts_what_it_drops(void **state)
{
	int log[2], done[2], ms, status, lines = 0, dropped = 0, n;
	char line[256];
	pid_t pid;
	FILE *in;

	(void)state;
	log_open("unit", LOG_TARGET_STDERR, 0, LOG_LEVEL_INFO);
	assert_int_equal(pipe(log), 0);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		log_into_full_pipe(log[1], done[1]);
	fd_close(&log[1]);
	fd_close(&done[1]);
	assert_int_equal(read(done[0], &ms, sizeof ms), sizeof ms);
	assert_in_range(ms, 20, 10000);
	in = fdopen(log[0], "r");
	assert_non_null(in);
	while (fgets(line, sizeof line, in) != NULL) {
		const char *text = strstr(line, "]: ");

		assert_non_null(text);
		if (sscanf(text, "]: warning: %d log lines were", &n) == 1)
			dropped += n;
		else if (sscanf(text, "]: line %d of a log", &n) == 1)
			assert_true(n >= lines++);
	}
	fclose(in);
	fd_close(&done[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(dropped > 0);
	assert_in_range(lines, 4096, LINES);
	assert_int_equal(lines + dropped, LINES);
}

static void
test_log_flush_without_a_thread_returns(void **state)
{
	(void)state;
	log_flush(MONOTIME_NEVER);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_has_time_ident_and_pid),
		cmocka_unit_test(test_log_level_decides_what_is_written),
		cmocka_unit_test(
		    test_log_line_that_is_too_long_is_cut_and_still_ends),
		cmocka_unit_test(test_log_error_names_what_failed),
		cmocka_unit_test(
		    test_log_thread_never_blocks_and_counts_what_it_drops),
		cmocka_unit_test(test_log_flush_without_a_thread_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
