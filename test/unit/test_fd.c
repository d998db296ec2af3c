/* test_fd - memory files, spill files, what a child inherits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "support.h"

static int
memory_of(const char *text)
{
	struct error err;
	int fd;

	assert_int_equal(fd_memory("test", &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, text, strlen(text), 0, &err),
	    ERROR_NONE);
	return fd;
}

static void
assert_reads(int fd, const char *text)
{
	char bytes[64] = "";

	assert_int_equal(pread(fd, bytes, sizeof bytes, 0), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void
test_fd_close_closes_once_and_sets_to_none(void **state)
{
	int fd = dup(0), number = fd;

	(void)state;
	assert_true(fd >= 0);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	fd_close(&fd);
	assert_int_equal(fd, -1);
}

static void
test_fd_memory_is_empty_and_close_on_exec(void **state)
{
	struct stat st;
	struct error err;
	int fd;

	(void)state;
	assert_int_equal(fd_memory("test", &fd, &err), ERROR_NONE);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	fd_close(&fd);
}

/* Every way to change the bytes or the size of a file behind a reader. */
static void
assert_unchangeable(int fd)
{
	errno = 0;
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(pwrite(fd, "x", 1, 5), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 2), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fallocate(fd, 0, 0, 1 << 20), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fallocate(fd,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			     4096),
	    -1);
	assert_int_equal(errno, EPERM);
	assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     0),
	    MAP_FAILED);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(errno, EPERM);
}

static void
test_fd_sealed_memory_can_be_read_and_nothing_else(void **state)
{
	int fd = memory_of("hello"), again;
	struct error err;
	char path[64];
	void *map;

	(void)state;
	assert_int_equal(fd_seal(fd, &err), ERROR_NONE);
	assert_unchangeable(fd);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	assert_unchangeable(again);
	fd_close(&again);
	assert_reads(fd, "hello");
	map = mmap(NULL, 5, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_memory_equal(map, "hello", 5);
	munmap(map, 5);
	fd_close(&fd);
}

static void
test_fd_seal_fails_while_somebody_may_write_through_a_map(void **state)
{
	int fd = memory_of("hello");
	struct error err;
	void *map;

	(void)state;
	map = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(fd_seal(fd, &err), ERROR_SYSTEM);
	assert_int_equal(err.sys_errno, EBUSY);
	munmap(map, 5);
	assert_int_equal(fd_seal(fd, &err), ERROR_NONE);
	fd_close(&fd);
}

static void
test_fd_spill_has_no_name_and_is_ours_alone(void **state)
{
	char directory[32];
	struct stat st;
	struct error err;
	int fd;

	(void)state;
	support_make_directory(directory);
	assert_int_equal(fd_spill(directory, &fd, &err), ERROR_NONE);
	assert_int_equal(support_count_names(directory), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fd_write_at(fd, "spilled", 7, 0, &err), ERROR_NONE);
	assert_reads(fd, "spilled");
	fd_close(&fd);
	support_remove_directory(directory);
}

static void
test_fd_spill_can_be_given_a_name_later(void **state)
{
	char directory[32], path[64], name[64];
	struct error err;
	int fd, named;

	(void)state;
	support_make_directory(directory);
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		support_remove_directory(directory);
		print_message("/tmp has no O_TMPFILE\n");
		skip();
	}
	fd_close(&fd);
	assert_int_equal(fd_spill(directory, &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, "held", 4, 0, &err), ERROR_NONE);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	snprintf(name, sizeof name, "%s/held", directory);
	assert_int_equal(linkat(AT_FDCWD, path, AT_FDCWD, name,
			     AT_SYMLINK_FOLLOW),
	    0);
	fd_close(&fd);
	named = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(named >= 0);
	assert_reads(named, "held");
	fd_close(&named);
	assert_int_equal(unlink(name), 0);
	support_remove_directory(directory);
}

static void
test_fd_spill_names_the_directory_it_could_not_use(void **state)
{
	static const struct {
		const char *directory;
		int why;
	} cases[] = {
		{ "/nonexistent/spill", ENOENT },
		{ "/dev/null", ENOTDIR },
	};
	struct error err;
	int fd;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(fd_spill(cases[i].directory, &fd, &err),
		    ERROR_SYSTEM);
		assert_int_equal(fd, -1);
		assert_int_equal(err.sys_errno, cases[i].why);
		assert_non_null(strstr(err.text, cases[i].directory));
	}
}

static void
test_fd_reopened_readonly_cannot_be_written_through(void **state)
{
	char directory[32];
	struct error err;
	int fd, reader;

	(void)state;
	support_make_directory(directory);
	assert_int_equal(fd_spill(directory, &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, "spilled", 7, 0, &err), ERROR_NONE);
	assert_int_equal(fd_reopen_readonly(fd, &reader, &err), ERROR_NONE);
	assert_int_equal(fcntl(reader, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(pwrite(reader, "x", 1, 0), -1);
	assert_int_equal(ftruncate(reader, 0), -1);
	assert_ptr_equal(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED,
			     reader, 0),
	    MAP_FAILED);
	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	assert_int_equal(lseek(reader, 0, SEEK_CUR), 0);
	fd_close(&fd);
	assert_reads(reader, "spilled");
	fd_close(&reader);
	support_remove_directory(directory);
}

static void
test_fd_reopen_of_a_closed_one_fails(void **state)
{
	struct error err;
	int reader;

	(void)state;
	assert_int_equal(fd_reopen_readonly(1000, &reader, &err), ERROR_SYSTEM);
	assert_int_equal(reader, -1);
}

static void
test_fd_write_at_writes_at_its_offset(void **state)
{
	int fd = memory_of("0123456789"), full;
	struct error err;

	(void)state;
	assert_int_equal(fd_write_at(fd, "ab", 2, 3, &err), ERROR_NONE);
	assert_reads(fd, "012ab56789");
	assert_int_equal(fd_write_at(fd, "", 0, 99, &err), ERROR_NONE);
	assert_reads(fd, "012ab56789");
	fd_close(&fd);
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	assert_int_equal(fd_write_at(full, "ab", 2, 0, &err), ERROR_SYSTEM);
	assert_int_equal(err.sys_errno, ENOSPC);
	fd_close(&full);
}

static bool
move_in_child(void *context)
{
	int fd = *(int *)context;
	char bytes[5];

	return support_check(fd_move_to(fd, 200, NULL) == ERROR_NONE,
		   "moved to 200") &&
	    support_check(fcntl(200, F_GETFD) == 0, "200 is inherited") &&
	    support_check(pread(200, bytes, 5, 0) == 5 &&
		    memcmp(bytes, "moved", 5) == 0,
		"200 is the same file") &&
	    support_check(fcntl(fd, F_GETFD) == FD_CLOEXEC,
		"the first one is not inherited") &&
	    support_check(fd_move_to(fd, fd, NULL) == ERROR_NONE &&
		    fcntl(fd, F_GETFD) == 0,
		"moved to itself it is inherited") &&
	    support_check(fd_move_to(999, 201, NULL) == ERROR_SYSTEM,
		"a closed one can't be moved");
}

static void
test_fd_moved_to_a_number_is_inherited(void **state)
{
	int fd = memory_of("moved");

	(void)state;
	support_in_child(move_in_child, &fd);
	fd_close(&fd);
}

static bool
close_in_child(void *context)
{
	int high = fcntl(0, F_DUPFD, 300), low = fcntl(0, F_DUPFD, 50);

	(void)context;
	if (!support_check(high >= 300 && low >= 50 && low < 300, "opened"))
		return false;
	fd_close_from(low + 1);
	return support_check(fcntl(high, F_GETFD) == -1,
		   "the one above is closed") &&
	    support_check(fcntl(low, F_GETFD) == 0, "the one below is open") &&
	    support_check(fcntl(2, F_GETFD) == 0, "2 is open");
}

static void
test_fd_close_from_leaves_what_is_below(void **state)
{
	(void)state;
	support_in_child(close_in_child, NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fd_close_closes_once_and_sets_to_none),
		cmocka_unit_test(test_fd_memory_is_empty_and_close_on_exec),
		cmocka_unit_test(
		    test_fd_sealed_memory_can_be_read_and_nothing_else),
		cmocka_unit_test(
		    test_fd_seal_fails_while_somebody_may_write_through_a_map),
		cmocka_unit_test(test_fd_spill_has_no_name_and_is_ours_alone),
		cmocka_unit_test(test_fd_spill_can_be_given_a_name_later),
		cmocka_unit_test(
		    test_fd_spill_names_the_directory_it_could_not_use),
		cmocka_unit_test(
		    test_fd_reopened_readonly_cannot_be_written_through),
		cmocka_unit_test(test_fd_reopen_of_a_closed_one_fails),
		cmocka_unit_test(test_fd_write_at_writes_at_its_offset),
		cmocka_unit_test(test_fd_moved_to_a_number_is_inherited),
		cmocka_unit_test(test_fd_close_from_leaves_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
