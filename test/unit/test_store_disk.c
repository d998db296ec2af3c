/* test_store_disk - no disk ever stops the mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "bad_disk.h"
#include "store_helper.h"
#include "store_internal.h"
#include "support.h"

#define RETRY (50 * MONOTIME_MS)

static void
test_store_goes_on_without_a_directory_until_there_is_one(void **state)
{
	int64_t began = monotime_now();
	struct store *store;

	(void)state;
	support_remove_directory(kept_directory());
	store = kept_open();
	assert_true(monotime_now() - began < KEPT_SOON / 10);
	kept_put(store, 1);
	kept_sleep(STORE_DELAY);
	assert_false(store_state(store).has_file);
	assert_int_equal(store_state(store).pending, 1);
	assert_int_equal(mkdir(kept_directory(), 0700), 0);
	store_set_limits(store, STORE_PENDING, RETRY);
	assert_true(kept_becomes(store, true, 0));
	kept_put(store, 2);
	kept_close(&store);
	assert_int_equal(kept_count(), 2);
}

/* A row that was dropped is in memory still, and is written with all others
 * once the disk is there. */
static void
test_store_makes_up_for_what_it_dropped(void **state)
{
	struct store *store;

	(void)state;
	support_remove_directory(kept_directory());
	kept_remember(5);
	store = kept_open();
	store_set_limits(store, 3, KEPT_MAX_STEP);
	for (unsigned n = 0; n < 5; n++)
		kept_put(store, n);
	assert_int_equal(store_state(store).dropped, 2);
	assert_int_equal(mkdir(kept_directory(), 0700), 0);
	store_set_limits(store, STORE_PENDING, RETRY);
	assert_true(kept_becomes(store, true, 0));
	kept_close(&store);
	assert_int_equal(kept_count(), 5);
}

/* What can't be written at all is said and forgotten at the end. */
static void
test_store_drops_and_counts_what_is_over_its_bound(void **state)
{
	struct store *store;

	(void)state;
	support_remove_directory(kept_directory());
	store = kept_open();
	store_set_limits(store, 3, KEPT_MAX_STEP);
	for (unsigned n = 0; n < 5; n++)
		kept_put(store, n);
	kept_put(store, 0);
	kept_put(store, 2);
	assert_int_equal(store_state(store).pending, 3);
	assert_int_equal(store_state(store).dropped, 2);
	kept_close(&store);
	assert_int_equal(mkdir(kept_directory(), 0700), 0);
	assert_int_equal(kept_count(), 0);
}

static void
test_store_waits_for_a_program_that_locks_the_file(void **state)
{
	struct store *store = kept_open();
	int64_t began;
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(kept_path(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);
	kept_put(store, 1);
	kept_sleep(2500 * MONOTIME_MS);
	began = monotime_now();
	kept_put(store, 2);
	assert_true(monotime_now() - began < MONOTIME_S);
	assert_int_equal(store_state(store).pending, 2);
	sqlite3_close(db);
	assert_true(kept_becomes(store, true, 0));
	kept_close(&store);
	assert_int_equal(kept_count(), 2);
	assert_false(kept_exists(".bad-1"));
}

/* A child's status, which isn't cmocka's to fail. */
static int
in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
use_without_permission(void)
{
	struct store *store;
	bool ok;

	if (setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		return SUPPORT_SKIPPED;
	store = kept_try_open();
	if (store == NULL)
		return 1;
	kept_put(store, 1000);
	ok = support_check(kept_seen()->count == 20, "the rows are read") &&
	    support_check(!store_state(store).has_file, "without a file");
	store_close(&store, monotime_after(KEPT_SOON));
	return ok ? 0 : 1;
}

static void
test_store_reads_what_it_may_not_write(void **state)
{
	int status;

	(void)state;
	kept_write(20);
	assert_int_equal(chmod(kept_path(), 0444), 0);
	assert_int_equal(chmod(kept_directory(), 0555), 0);
	status = in_child(use_without_permission);
	assert_int_equal(chmod(kept_directory(), 0700), 0);
	if (status == SUPPORT_SKIPPED) {
		puts("skipped: only root can be somebody else");
		skip();
	}
	assert_int_equal(status, 0);
	assert_int_equal(kept_count(), 20);
}

/* Returns the bytes that it took. */
static size_t
fill_disk(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t size = 0;
	char block[512] = "";

	while (fd >= 0 && write(fd, block, sizeof block) == sizeof block)
		size += sizeof block;
	fd_close(&fd);
	return size;
}

/* If they waited for the disk, all would; the scheduler of a busy machine keeps
 * some waiting. */
static bool
put_rows_at_once(struct store *store, unsigned count)
{
	unsigned slow = 0;

	for (unsigned n = 0; n < count; n++) {
		struct row row = kept_row(n);
		int64_t began = monotime_now();

		store_put(store, &row);
		if (monotime_now() - began > 5 * MONOTIME_MS)
			slow++;
	}
	return support_check(slow <= count / 4, "putting is quick");
}

static bool
write_to_full_disk(struct store *store, const char *filler)
{
	if (!support_check(fill_disk(filler) > 0, "the disk is full") ||
	    !put_rows_at_once(store, 300) ||
	    !support_check(kept_becomes(store, false, 300), "no file") ||
	    !put_rows_at_once(store, 400) ||
	    !support_check(!kept_exists(".bad-1"), "the file is kept"))
		return false;
	unlink(filler);
	store_set_limits(store, STORE_PENDING, RETRY);
	return support_check(kept_becomes(store, true, 0), "written later");
}

static int
use_full_disk(void)
{
	struct store *store;
	char filler[64];
	bool ok;

	snprintf(filler, sizeof filler, "%s/filler", kept_directory());
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", kept_directory(), "tmpfs", 0, "size=8m") != 0)
		return SUPPORT_SKIPPED;
	store = kept_try_open();
	if (store == NULL)
		return 1;
	ok = write_to_full_disk(store, filler);
	store_close(&store, monotime_after(KEPT_SOON));
	store = kept_try_open();
	if (store == NULL)
		return 1;
	ok = ok && support_check(kept_seen()->count == 400, "all are there");
	store_close(&store, monotime_after(KEPT_SOON));
	return ok ? 0 : 1;
}

static void
test_store_full_disk_stops_nobody_and_is_made_up_for(void **state)
{
	int status;

	(void)state;
	status = in_child(use_full_disk);
	if (status == SUPPORT_SKIPPED) {
		puts("skipped: no file system can be mounted here");
		skip();
	}
	assert_int_equal(status, 0);
}

static int
put_disk_below(void **state)
{
	bad_disk_begin();
	return kept_setup(state);
}

static int
take_disk_away(void **state)
{
	bad_disk_end();
	return kept_teardown(state);
}

static void
test_store_failing_disk_gets_one_more_chance(void **state)
{
	struct store *store = kept_open();

	(void)state;
	kept_put(store, 1);
	assert_true(kept_becomes(store, true, 0));
	bad_disk_fail_syncs(1);
	kept_put(store, 2);
	assert_true(kept_becomes(store, true, 0));
	assert_true(kept_exists(".bad-1"));
	kept_close(&store);
	assert_int_equal(kept_count(), 1);
	assert_int_equal(kept_seen()->last.key.bytes[0], 2);
}

/* The file had what the ledger has; all of it is in the new one, though only
 * one row has changed since. */
static void
test_store_that_was_set_aside_is_rebuilt_from_memory(void **state)
{
	struct store *store;

	(void)state;
	kept_write(2500);
	kept_remember(2500);
	store = kept_open();
	bad_disk_fail_syncs(1);
	kept_put(store, 7);
	assert_true(kept_becomes(store, true, 0));
	assert_true(kept_exists(".bad-1"));
	kept_close(&store);
	assert_int_equal(kept_count(), 2500);
	assert_false(kept_exists(".bad-2"));
}

/* The disk fails for the first time when all is to be over, and again while
 * the new file is being written. */
static void
test_store_is_rebuilt_from_memory_at_its_end_too(void **state)
{
	struct store *store;

	(void)state;
	kept_write(2500);
	kept_remember(2500);
	store = kept_open();
	assert_true(kept_becomes(store, true, 0));
	bad_disk_fail_syncs(1);
	kept_put(store, 2500);
	kept_close(&store);
	assert_true(kept_exists(".bad-1"));
	assert_int_equal(kept_count(), 2501);
}

static void
test_store_close_leaves_a_hanging_disk_behind(void **state)
{
	/* A sanitizer may have threads of its own. */
	unsigned threads = support_count_names("/proc/self/task");
	struct store *store = kept_open();
	int64_t began, until = monotime_after(KEPT_SOON);

	(void)state;
	bad_disk_hang_syncs(true);
	kept_put(store, 1);
	kept_sleep(STORE_DELAY * 2);
	assert_true(put_rows_at_once(store, 100));
	assert_int_equal(store_state(store).pending, 101);
	began = monotime_now();
	store_close(&store, monotime_after(STORE_DELAY));
	assert_null(store);
	assert_in_range(monotime_now() - began, STORE_DELAY, KEPT_SOON / 10);
	bad_disk_hang_syncs(false);
	while (support_count_names("/proc/self/task") > threads &&
	    monotime_now() < until)
		kept_sleep(5 * MONOTIME_MS);
	assert_int_equal(kept_count(), 1);
}

#define STORE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)
#define DISK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, put_disk_below, take_disk_away)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(
		    test_store_goes_on_without_a_directory_until_there_is_one),
		STORE_TEST(test_store_drops_and_counts_what_is_over_its_bound),
		STORE_TEST(test_store_makes_up_for_what_it_dropped),
		STORE_TEST(test_store_waits_for_a_program_that_locks_the_file),
		STORE_TEST(test_store_reads_what_it_may_not_write),
		STORE_TEST(
		    test_store_full_disk_stops_nobody_and_is_made_up_for),
		DISK_TEST(test_store_failing_disk_gets_one_more_chance),
		DISK_TEST(test_store_that_was_set_aside_is_rebuilt_from_memory),
		DISK_TEST(test_store_is_rebuilt_from_memory_at_its_end_too),
		DISK_TEST(test_store_close_leaves_a_hanging_disk_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
