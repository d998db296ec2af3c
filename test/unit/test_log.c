/* test_log - one line a call, which never waits
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
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/seqpacket.h"
#include "../../milter/base/log_line.h"
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
	log_open("unit", LOG_LEVEL_INFO);
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
		log_open("unit", cases[i].limit);
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
	log_open("unit", LOG_LEVEL_INFO);
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
	log_open("unit", LOG_LEVEL_INFO);
	capture_begin(&capture);
	log_error(LOG_LEVEL_WARNING, "the sky", &err);
	capture_end(&capture, out, sizeof out);
	assert_non_null(strstr(out, "]: warning: the sky: it is blue\n"));
}

/* The other end of what the process's lines go to. */
static int log_end; /* what the log was given last */

static int
join_pair(void)
{
	int pair[2];

	assert_int_equal(seqpacket_pair(pair, NULL), ERROR_NONE);
	log_open("unit", LOG_LEVEL_INFO);
	log_join(pair[0]);
	log_end = pair[0];
	return pair[1];
}

/* The text of the next line, or false. */
static bool
next_line(int sock, struct log_line *line_r)
{
	memset(line_r, 0, sizeof *line_r);
	return recv(sock, line_r, sizeof *line_r, MSG_DONTWAIT) > 0;
}

static void
test_log_never_waits_and_counts_what_it_drops(void **state)
{
	int sock = join_pair(), n, expected = 0, i = 0;
	struct log_line line;

	(void)state;
	/* Until the socket is full, and some more. */
	while (i < 100000)
		log_msg(LOG_LEVEL_INFO, "line %d", i++);
	while (next_line(sock, &line)) {
		assert_int_equal(sscanf(line.text, "line %d", &n), 1);
		assert_int_equal(n, expected++);
	}
	assert_in_range(expected, 1, i - 1);
	log_msg(LOG_LEVEL_ERROR, "found room");
	assert_true(next_line(sock, &line));
	assert_int_equal(expected + line.lost, i);
	assert_string_equal(line.text, "error: found room");
	assert_false(next_line(sock, &line));
	fd_close(&sock);
}

static void
test_log_is_silent_when_nobody_is_there_any_more(void **state)
{
	int sock = join_pair();
	struct log_line line;

	(void)state;
	log_leave();
	log_msg(LOG_LEVEL_ERROR, "said to nobody");
	assert_false(next_line(sock, &line));
	sock = join_pair();
	fd_close(&sock);
	log_msg(LOG_LEVEL_ERROR, "said to nobody"); /* and no SIGPIPE */
}

/* As libraries do; see the component tests for a real one. */
static void
test_log_takes_what_is_said_by_syslog(void **state)
{
	static const struct {
		int priority;
		enum log_level level;
		const char *prefix;
	} cases[] = {
		{ LOG_CRIT, LOG_LEVEL_ERROR, "error: " },
		{ LOG_ERR, LOG_LEVEL_ERROR, "error: " },
		{ LOG_MAIL | LOG_WARNING, LOG_LEVEL_WARNING, "warning: " },
		{ LOG_NOTICE, LOG_LEVEL_NOTICE, "" },
		{ LOG_INFO, LOG_LEVEL_INFO, "" },
	};
	int sock = join_pair();
	struct log_line line;
	char expected[128];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		errno = ENOSPC;
		syslog(cases[i].priority, "case %zu: %m\n", i);
		assert_true(next_line(sock, &line));
		assert_int_equal(line.level, cases[i].level);
		snprintf(expected, sizeof expected,
		    "%stest_log: case %zu: No space left on device",
		    cases[i].prefix, i);
		assert_string_equal(line.text, expected);
	}
	fd_close(&sock);
}

/* As next_line(); it has to come. */
static bool
wait_line(int sock, struct log_line *line_r)
{
	struct pollfd ready = { .fd = sock, .events = POLLIN };

	return poll(&ready, 1, 30000) == 1 && next_line(sock, line_r);
}

#define BURST 3000

/* Whoever says a line doesn't wait: nobody reads meanwhile. */
static void
test_log_keeps_a_burst_until_there_is_room(void **state)
{
	int least = 0, sock = join_pair(), found = 0, said = 0, lost = 0, n;
	struct log_line line;
	struct error err;

	(void)state;
	assert_int_equal(setsockopt(log_end, SOL_SOCKET, SO_SNDBUF, &least,
			     sizeof least),
	    0);
	assert_int_equal(log_keep(&err), ERROR_NONE);
	while (said < BURST)
		log_msg(LOG_LEVEL_INFO, "line %d", said++);
	for (; found < BURST; found++) {
		assert_true(wait_line(sock, &line));
		assert_int_equal(line.lost, 0);
		assert_int_equal(sscanf(line.text, "line %d", &n), 1);
		assert_int_equal(n, found);
	}
	/* It has a bound, and what is beyond is counted. */
	for (int i = 0; i < 3 * BURST; i++)
		log_msg(LOG_LEVEL_INFO, "line %d", said++);
	for (int i = 0; i < BURST; i++, found++)
		assert_true(wait_line(sock, &line));
	log_msg(LOG_LEVEL_INFO, "last of %d", ++said);
	do {
		assert_true(wait_line(sock, &line));
		found += (int)line.lost + 1;
		lost += (int)line.lost;
	} while (sscanf(line.text, "last of %d", &n) != 1);
	assert_int_equal(found, said);
	assert_true(lost > 0);
	fd_close(&sock);
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
		cmocka_unit_test(test_log_never_waits_and_counts_what_it_drops),
		cmocka_unit_test(
		    test_log_is_silent_when_nobody_is_there_any_more),
		cmocka_unit_test(test_log_takes_what_is_said_by_syslog),
		/* The last, since the thread for it stays. */
		cmocka_unit_test(test_log_keeps_a_burst_until_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
