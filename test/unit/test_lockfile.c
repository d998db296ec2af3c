/* test_lockfile - who has the lock, and how the last restart went
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "supervisor/lockfile.h"
#include "support.h"

static char directory[32];
static char path[64];
static int file;

static int
setup(void **state)
{
	(void)state;
	support_make_directory(directory);
	snprintf(path, sizeof path, "%s/lock", directory);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return file < 0;
}

static int
teardown(void **state)
{
	(void)state;
	fd_close(&file);
	unlink(path);
	support_remove_directory(directory);
	return 0;
}

/* A process that has locked the file by its own means. */
static pid_t
holder(int (*take)(int fd))
{
	int tell[2], fd;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		byte = take(fd) == 0 ? 'y' : 'n';
		if (write(tell[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(tell[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	fd_close(&tell[0]);
	fd_close(&tell[1]);
	return pid;
}

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int
take_old(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static void
test_lockfile_tells_who_has_it(void **state)
{
	struct error err;
	pid_t pid, found;

	(void)state;
	assert_int_equal(lockfile_holder(file, &found, &err), ERROR_GONE);
	pid = holder(lockfile_take);
	assert_int_equal(lockfile_holder(file, &found, &err), ERROR_NONE);
	assert_int_equal(found, pid);
	assert_int_equal(lockfile_take(file), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	end(pid);
	assert_int_equal(lockfile_holder(file, &found, &err), ERROR_GONE);
	assert_int_equal(lockfile_take(file), 0);
}

static void
test_lockfile_of_an_earlier_version_is_respected(void **state)
{
	pid_t pid = holder(take_old), found;
	struct error err;

	(void)state;
	assert_int_equal(lockfile_take(file), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(lockfile_holder(file, &found, &err),
	    ERROR_UNSUPPORTED);
	end(pid);
}

static void
test_lockfile_news_are_read_as_written(void **state)
{
	struct lockfile_news news = { .restarts = 41 }, read;

	(void)state;
	assert_false(lockfile_read(file, &read));
	snprintf(news.text, sizeof news.text, "%s", "FILE:7: what is wrong");
	lockfile_write(file, &news);
	assert_true(lockfile_read(file, &read));
	assert_int_equal(read.restarts, 41);
	assert_false(read.well);
	assert_string_equal(read.text, "FILE:7: what is wrong");
	lockfile_write(file,
	    &(struct lockfile_news){ .restarts = 42, .well = true });
	assert_true(lockfile_read(file, &read));
	assert_int_equal(read.restarts, 42);
	assert_true(read.well);
	assert_string_equal(read.text, "");
}

static void
test_lockfile_longest_news_fit(void **state)
{
	struct lockfile_news news = { .restarts = UINT32_MAX }, read;

	(void)state;
	memset(news.text, 'x', sizeof news.text - 1);
	lockfile_write(file, &news);
	assert_true(lockfile_read(file, &read));
	assert_int_equal(read.restarts, UINT32_MAX);
	assert_string_equal(read.text, news.text);
}

#define LOCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		LOCK_TEST(test_lockfile_tells_who_has_it),
		LOCK_TEST(test_lockfile_of_an_earlier_version_is_respected),
		LOCK_TEST(test_lockfile_news_are_read_as_written),
		LOCK_TEST(test_lockfile_longest_news_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
