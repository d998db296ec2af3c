/* test_store_list - a look at the file that changes nothing
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "store_helper.h"
#include "support.h"

static struct {
	size_t count;
	struct row rows[16];
} listed;

static void
take(void *context, const struct row *row)
{
	assert_ptr_equal(context, &listed);
	assert_true(listed.count < LENGTH(listed.rows));
	listed.rows[listed.count++] = row_copy(row);
}

static enum error_code
list(struct error *err)
{
	while (listed.count > 0)
		row_fini(&listed.rows[--listed.count]);
	return store_list(kept_path(), take, &listed, err);
}

/* It can't be read, and the reason has the file's name and text in it. */
static void
expect_refused(const char *text)
{
	struct error err;

	assert_int_not_equal(list(&err), ERROR_NONE);
	assert_int_equal(listed.count, 0);
	if (strstr(err.text, text) == NULL ||
	    strstr(err.text, kept_path()) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

/* Rows 0 to 2 were first tried in the order 2, 0, 1; row 3 was not,
 * and row 4 had its answer. */
static void
write_five(void)
{
	static const int64_t age[] = { 200, 100, 86400 * 30, 0, 300 };
	struct store *store = kept_open();

	for (unsigned n = 0; n < 5; n++) {
		struct row row = kept_row(n);

		row.first_at = monotime_now() - age[n] * MONOTIME_S;
		row.fetched = n == 4;
		if (n == 3)
			row.tries = 0;
		store_put(store, &row);
	}
	kept_close(&store);
}

static void
test_store_list_has_what_was_deferred_the_oldest_first(void **state)
{
	static const unsigned order[] = { 2, 0, 1 };
	struct error err;

	(void)state;
	write_five();
	assert_int_equal(list(&err), ERROR_NONE);
	assert_int_equal(listed.count, LENGTH(order));
	for (size_t i = 0; i < LENGTH(order); i++) {
		struct row row = kept_row(order[i]);

		row.fetched = false;
		row.first_at = listed.rows[i].first_at;
		row.last_at = listed.rows[i].last_at;
		row.verdict_at = listed.rows[i].verdict_at;
		kept_expect_same(&listed.rows[i], &row);
	}
	assert_in_range(monotime_wall() - listed.rows[0].first_at,
	    30 * 86400 * MONOTIME_S, 30 * 86400 * MONOTIME_S + KEPT_SOON);
	assert_in_range(monotime_wall() - listed.rows[0].verdict_at,
	    KEPT_VERDICT_AGE, KEPT_VERDICT_AGE + KEPT_SOON);
}

static void
test_store_list_of_an_empty_file_is_empty(void **state)
{
	struct error err;

	(void)state;
	kept_write(0);
	assert_int_equal(list(&err), ERROR_NONE);
	assert_int_equal(listed.count, 0);
}

static void
put_waiting(struct store *store, unsigned n)
{
	struct row row = kept_row(n);

	row.fetched = false;
	store_put(store, &row);
}

/* The store's own writes go on. */
static void
test_store_list_works_while_a_store_has_the_file(void **state)
{
	struct store *store = kept_open();
	struct error err;

	(void)state;
	for (unsigned n = 0; n < LENGTH(listed.rows); n++) {
		put_waiting(store, n);
		assert_true(kept_becomes(store, true, 0));
		assert_int_equal(list(&err), ERROR_NONE);
		assert_int_equal(listed.count, n + 1);
	}
	kept_close(&store);
	assert_int_equal(kept_count(), LENGTH(listed.rows));
}

static void
test_store_list_leaves_no_trace(void **state)
{
	struct stat before, after;
	struct error err;
	unsigned names;

	(void)state;
	write_five();
	names = support_count_names(kept_directory());
	assert_int_equal(stat(kept_path(), &before), 0);
	assert_int_equal(list(&err), ERROR_NONE);
	assert_int_equal(stat(kept_path(), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim,
	    sizeof before.st_mtim);
	assert_int_equal(support_count_names(kept_directory()), names);
}

static void *
unlock_soon(void *context)
{
	kept_sleep(MONOTIME_S);
	sqlite3_close(context);
	return NULL;
}

static void
test_store_list_waits_for_a_writer(void **state)
{
	pthread_t thread;
	struct error err;
	sqlite3 *db;

	(void)state;
	write_five();
	assert_int_equal(sqlite3_open(kept_path(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, unlock_soon, db), 0);
	assert_int_equal(list(&err), ERROR_NONE);
	assert_int_equal(listed.count, 3);
	pthread_join(thread, NULL);
}

static void
test_store_list_leaves_out_rows_that_make_no_sense(void **state)
{
	struct error err;

	(void)state;
	write_five();
	kept_sql("UPDATE contents SET verdict = 'splendid' WHERE key LIKE "
		 "'02%'");
	assert_int_equal(list(&err), ERROR_NONE);
	assert_int_equal(listed.count, 2);
}

static void
test_store_list_says_what_is_wrong_with_the_file(void **state)
{
	int fd;

	(void)state;
	expect_refused("is not there");
	assert_int_equal(mkfifo(kept_path(), 0600), 0);
	expect_refused("not a regular file");
	kept_empty();
	kept_write(1);
	kept_sql("PRAGMA user_version = 1");
	expect_refused("its version is 1, and not 3; start the service");
	kept_sql("PRAGMA user_version = 4");
	expect_refused("its version is 4, and not 3");
	kept_sql("PRAGMA user_version = 3; CREATE VIEW more AS SELECT 1");
	expect_refused("another table than ours, or more");
	fd = open(kept_path(), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
	fd_close(&fd);
	expect_refused("file is not a database");
}

/* Ends in the middle of a transaction of which a part is on disk. */
static bool
die_while_writing(void *context)
{
	sqlite3 *db;

	(void)context;
	return sqlite3_open(kept_path(), &db) == SQLITE_OK &&
	    sqlite3_exec(db,
		"PRAGMA journal_mode = TRUNCATE;"
		"PRAGMA cache_size = 1; BEGIN;"
		"UPDATE contents SET tries = tries + 1",
		NULL, NULL, NULL) == SQLITE_OK;
}

static void
test_store_list_does_not_undo_a_write_that_was_cut_off(void **state)
{
	(void)state;
	kept_write(500);
	support_in_child(die_while_writing, NULL);
	expect_refused("a write was cut off; start the service");
	assert_int_equal(kept_count(), 500);
}

static int
list_as_another(void)
{
	struct error err;

	if (setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		return SUPPORT_SKIPPED;
	return support_check(list(&err) == ERROR_SYSTEM &&
		       strstr(err.text, "Permission denied") != NULL,
		   "it may not be read")
	    ? 0
	    : 1;
}

static void
test_store_list_says_that_it_may_not_be_read(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	write_five();
	assert_int_equal(chmod(kept_directory(), 0755), 0);
	pid = fork();
	if (pid == 0)
		_exit(list_as_another());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SUPPORT_SKIPPED) {
		puts("skipped: only root can be somebody else");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define LIST_TEST(name) \
	cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIST_TEST(
		    test_store_list_has_what_was_deferred_the_oldest_first),
		LIST_TEST(test_store_list_of_an_empty_file_is_empty),
		LIST_TEST(test_store_list_works_while_a_store_has_the_file),
		LIST_TEST(test_store_list_leaves_no_trace),
		LIST_TEST(test_store_list_waits_for_a_writer),
		LIST_TEST(test_store_list_leaves_out_rows_that_make_no_sense),
		LIST_TEST(test_store_list_says_what_is_wrong_with_the_file),
		LIST_TEST(
		    test_store_list_does_not_undo_a_write_that_was_cut_off),
		LIST_TEST(test_store_list_says_that_it_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
