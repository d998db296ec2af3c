/* test_log_writer - a process of its own writes the log, and nobody waits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/monotime.h"
#include "../../milter/base/log_line.h"
#include "support.h"

#define PATIENCE_MS 30000

/* A writer whose standard error is a pipe of ours. */
struct bench {
	struct log_writer writer;
	FILE *out;
	char line[4096];
	char path[64]; /* of a directory, or "" */
};

static void
start(struct bench *bench, enum log_target target)
{
	struct log_options options = { .target = target, .confined = true };
	int ends[2], saved = dup(STDERR_FILENO);
	static char path[128];

	snprintf(path, sizeof path, "%s/test.log", bench->path);
	options.path = path;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	log_open("unit", LOG_LEVEL_INFO);
	assert_int_equal(log_writer_start(&bench->writer, &options, NULL),
	    ERROR_NONE);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	bench->out = fdopen(ends[0], "r");
	assert_non_null(bench->out);
	setvbuf(bench->out, NULL, _IONBF, 0);
}

static void
stop(struct bench *bench)
{
	log_writer_stop(&bench->writer);
	fclose(bench->out);
}

/* The next line that was written; it has to come. */
static const char *
next_line(struct bench *bench)
{
	struct pollfd ready = { .fd = fileno(bench->out), .events = POLLIN };

	assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	assert_non_null(fgets(bench->line, sizeof bench->line, bench->out));
	bench->line[strcspn(bench->line, "\n")] = '\0';
	return bench->line;
}

static void
expect_line(struct bench *bench, pid_t pid, const char *text)
{
	char expected[256];

	snprintf(expected, sizeof expected, " unit[%d]: %s", (int)pid, text);
	assert_string_equal(next_line(bench) + 24, expected);
}

static void
test_lines_have_the_pid_of_who_says_them(void **state)
{
	struct bench bench = { .path = "" };
	struct error err;
	pid_t pid;
	int end;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	log_msg(LOG_LEVEL_ERROR, "one");
	expect_line(&bench, getpid(), "error: one");
	assert_int_equal(log_writer_connect(&bench.writer, &end, &err),
	    ERROR_NONE);
	pid = fork();
	if (pid == 0) {
		log_join(end);
		log_msg(LOG_LEVEL_INFO, "two");
		_exit(0);
	}
	fd_close(&end);
	expect_line(&bench, pid, "two");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	log_msg(LOG_LEVEL_INFO, "three");
	expect_line(&bench, getpid(), "three");
	stop(&bench);
}

/* More than the writer keeps and a pipe takes. */
#define LINES 6000

/* Waits until the writer has taken in all that was sent on sock. */
static void
wait_taken_in(int sock)
{
	int64_t until = monotime_after(PATIENCE_MS * MONOTIME_MS);
	int waiting;

	for (;;) {
		assert_int_equal(ioctl(sock, TIOCOUTQ, &waiting), 0);
		if (waiting == 0)
			return;
		assert_true(monotime_now() < until);
		poll(NULL, 0, 5);
	}
}

/* A writer that was left behind ends by itself. */
static void
wait_ended(pid_t pid)
{
	int64_t until = monotime_after(PATIENCE_MS * MONOTIME_MS);

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		assert_true(monotime_now() < until);
		poll(NULL, 0, 5);
	}
}

/* Says one more line now and then, for those that were lost are counted in the
 * line after them; true once all lines have been read or counted. */
static bool
read_or_say(struct bench *bench, int *said, int *found, int *lost)
{
	struct pollfd ready = { .fd = fileno(bench->out), .events = POLLIN };
	int n;

	if (poll(&ready, 1, 100) == 0) {
		log_msg(LOG_LEVEL_INFO, "line %d", (*said)++);
		return false;
	}
	if (sscanf(next_line(bench) + 24, " unit[%*d]: warning: %d log lines",
		&n) == 1)
		*lost += n;
	else
		++*found;
	return *found + *lost == *said;
}

static void
test_a_pipe_that_nobody_reads_keeps_nobody_waiting(void **state)
{
	struct bench bench = { .path = "" };
	int said = 0, found = 0, lost = 0;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	while (said < LINES)
		log_msg(LOG_LEVEL_INFO, "line %d of a log that hangs", said++);
	wait_taken_in(bench.writer.own);
	while (!read_or_say(&bench, &said, &found, &lost))
		continue;
	assert_true(lost > 0);
	assert_true(found > 0);
	stop(&bench);
}

/* As many lines as the writer and the pipe take, and more; none is lost on its
 * way to the writer. */
static int
fill_writer(struct bench *bench)
{
	int said = 0;

	while (said < LINES) {
		for (int i = 0; i < 100; i++)
			log_msg(LOG_LEVEL_INFO, "line %d of many", said++);
		wait_taken_in(bench->writer.own);
	}
	return said;
}

/* The writer has no room for the line that says how many were lost before
 * it. */
static void
test_lines_that_were_lost_on_both_sides_are_counted(void **state)
{
	int64_t until = monotime_after(PATIENCE_MS * MONOTIME_MS);
	struct bench bench = { .path = "" };
	int found = 0, lost = 0, least = 0, said;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	said = fill_writer(&bench);
	assert_int_equal(setsockopt(bench.writer.own, SOL_SOCKET, SO_SNDBUF,
			     &least, sizeof least),
	    0);
	kill(bench.writer.pid, SIGSTOP);
	for (int i = 0; i < 100; i++)
		log_msg(LOG_LEVEL_INFO, "line %d of a burst", said++);
	kill(bench.writer.pid, SIGCONT);
	wait_taken_in(bench.writer.own);
	log_msg(LOG_LEVEL_INFO, "line %d", said++);
	while (!read_or_say(&bench, &said, &found, &lost))
		assert_true(monotime_now() < until);
	assert_true(lost > 100);
	stop(&bench);
}

static void
test_the_writer_lives_until_its_last_process_has_ended(void **state)
{
	struct bench bench = { .path = "" };
	pid_t writer;
	int end;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	writer = bench.writer.pid;
	assert_int_equal(log_writer_connect(&bench.writer, &end, NULL),
	    ERROR_NONE);
	log_writer_stop(&bench.writer);
	log_join(end);
	log_msg(LOG_LEVEL_INFO, "still there");
	expect_line(&bench, getpid(), "still there");
	fd_close(&end);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	fclose(bench.out);
}

static void
test_stopping_does_not_wait_for_a_stuck_log(void **state)
{
	struct bench bench = { .path = "" };
	pid_t writer;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	writer = bench.writer.pid;
	for (int i = 0; i < LINES; i++)
		log_msg(LOG_LEVEL_INFO, "line %d of a log that hangs", i);
	log_writer_stop(&bench.writer); /* or the test never ends */
	wait_ended(writer);
	fclose(bench.out);
}

static void
test_the_last_lines_are_written_before_it_ends(void **state)
{
	struct bench bench = { .path = "" };

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	for (int i = 0; i < 100; i++)
		log_msg(LOG_LEVEL_INFO, "last words %d", i);
	log_writer_stop(&bench.writer);
	for (int i = 0; i < 100; i++) {
		char expected[32];

		snprintf(expected, sizeof expected, "last words %d", i);
		expect_line(&bench, getpid(), expected);
	}
	fclose(bench.out);
}

static void
test_a_writer_that_died_is_started_again_and_no_line_lost(void **state)
{
	struct bench bench = { .path = "" };
	pid_t first;
	char path[64];
	int end, pipe_end, saved;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(bench.out));
	pipe_end = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(pipe_end >= 0);
	assert_int_equal(log_writer_connect(&bench.writer, &end, NULL),
	    ERROR_NONE);
	log_msg(LOG_LEVEL_INFO, "before");
	expect_line(&bench, getpid(), "before");
	first = bench.writer.pid;
	kill(first, SIGKILL);
	assert_int_equal(waitpid(first, NULL, 0), first);
	log_msg(LOG_LEVEL_INFO, "meanwhile");
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(pipe_end, STDERR_FILENO), STDERR_FILENO);
	log_writer_check(&bench.writer);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_not_equal(bench.writer.pid, first);
	expect_line(&bench, getpid(), "meanwhile");
	assert_non_null(strstr(next_line(&bench),
	    "error: the process that "
	    "writes the log died"));
	/* The other process's socket is served, too. */
	log_join(end);
	log_msg(LOG_LEVEL_INFO, "from the other");
	expect_line(&bench, getpid(), "from the other");
	fd_close(&end);
	fd_close(&pipe_end);
	fd_close(&saved);
	stop(&bench);
}

static void
send_raw(int sock, const void *data, size_t length, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = "" };
	struct iovec iov = { (void *)(uintptr_t)data, length };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof control.room;
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
	}
	assert_true(sendmsg(sock, &msg, 0) >= 0);
}

static void
test_one_that_was_taken_over_silences_nobody(void **state)
{
	struct bench bench = { .path = "" };
	struct log_line line = { .wall = 0, .level = LOG_LEVEL_INFO };
	int end;

	(void)state;
	start(&bench, LOG_TARGET_STDERR);
	assert_int_equal(log_writer_connect(&bench.writer, &end, NULL),
	    ERROR_NONE);
	send_raw(end, "", 0, -1);
	send_raw(end, "short", 5, -1);
	memset(line.ident, 'x', sizeof line.ident);
	memset(line.text, 'y', sizeof line.text);
	line.level = LOG_LINE_CONNECT;
	send_raw(end, &line, sizeof line, end);
	line.level = 5;
	send_raw(end, &line, sizeof line, -1);
	line.level = LOG_LEVEL_INFO;
	send_raw(end, &line, sizeof line, end);
	assert_non_null(strstr(next_line(&bench),
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx[")); /* 31 of them */
	strcpy(line.ident, "a b");
	strcpy(line.text, "two\nlines");
	send_raw(end, &line, sizeof line, -1);
	assert_non_null(strstr(next_line(&bench), " a?b["));
	assert_non_null(strstr(bench.line, "]: two?lines"));
	shutdown(end, SHUT_RDWR);
	log_msg(LOG_LEVEL_INFO, "still heard");
	expect_line(&bench, getpid(), "still heard");
	fd_close(&end);
	stop(&bench);
}

/* The file's only line, once it is there. */
static void
wait_file(const char *path, const char *text)
{
	int64_t until = monotime_after(PATIENCE_MS * MONOTIME_MS);
	char *all = NULL;

	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 &&
		    fd_read_text(fd, path, &all, NULL) == ERROR_NONE &&
		    strchr(all, '\n') != NULL)
			break;
		free(all);
		all = NULL;
		fd_close(&fd);
		assert_true(monotime_now() < until);
		poll(NULL, 0, 5);
	}
	assert_non_null(strstr(all, text));
	assert_ptr_equal(strchr(all, '\n'), all + strlen(all) - 1);
	free(all);
}

static void
make_directory(struct bench *bench)
{
	strcpy(bench->path, "/tmp/vscan-test-log-XXXXXX");
	assert_non_null(mkdtemp(bench->path));
}

static void
test_a_file_that_was_renamed_is_opened_anew(void **state)
{
	struct bench bench;
	char path[128], old[128];
	struct stat st;

	(void)state;
	make_directory(&bench);
	start(&bench, LOG_TARGET_FILE);
	snprintf(path, sizeof path, "%s/test.log", bench.path);
	snprintf(old, sizeof old, "%s/test.log.1", bench.path);
	log_msg(LOG_LEVEL_INFO, "first");
	wait_file(path, "]: first\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(rename(path, old), 0);
	log_msg(LOG_LEVEL_INFO, "second");
	wait_file(path, "]: second\n");
	wait_file(old, "]: first\n");
	unlink(path);
	log_msg(LOG_LEVEL_INFO, "third");
	wait_file(path, "]: third\n");
	stop(&bench);
	unlink(path);
	unlink(old);
	rmdir(bench.path);
}

static void
expect_refused(const char *path, const char *why)
{
	struct log_options options = { .target = LOG_TARGET_FILE,
		.path = path };
	struct log_writer writer;
	struct error err;

	assert_int_not_equal(log_writer_start(&writer, &options, &err),
	    ERROR_NONE);
	assert_non_null(strstr(err.text, why));
}

static void
test_a_file_that_is_not_ours_alone_is_refused(void **state)
{
	struct bench bench;
	char path[128], other[128];

	(void)state;
	make_directory(&bench);
	snprintf(path, sizeof path, "%s/test.log", bench.path);
	snprintf(other, sizeof other, "%s/other", bench.path);
	close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(symlink(other, path), 0);
	expect_refused(path, "symbolic links");
	unlink(path);
	assert_int_equal(link(other, path), 0);
	expect_refused(path, "second name");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(path, "No such device"); /* ENXIO: nobody reads */
	unlink(path);
	assert_int_equal(chmod(bench.path, 0777), 0);
	expect_refused(path, "others can't write to");
	unlink(other);
	rmdir(bench.path);
	expect_refused(path, "No such file");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_have_the_pid_of_who_says_them),
		cmocka_unit_test(
		    test_a_pipe_that_nobody_reads_keeps_nobody_waiting),
		cmocka_unit_test(
		    test_lines_that_were_lost_on_both_sides_are_counted),
		cmocka_unit_test(
		    test_the_writer_lives_until_its_last_process_has_ended),
		cmocka_unit_test(test_stopping_does_not_wait_for_a_stuck_log),
		cmocka_unit_test(
		    test_the_last_lines_are_written_before_it_ends),
		cmocka_unit_test(
		    test_a_writer_that_died_is_started_again_and_no_line_lost),
		cmocka_unit_test(test_one_that_was_taken_over_silences_nobody),
		cmocka_unit_test(test_a_file_that_was_renamed_is_opened_anew),
		cmocka_unit_test(test_a_file_that_is_not_ours_alone_is_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
