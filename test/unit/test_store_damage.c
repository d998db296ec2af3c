/* test_store_damage - files that are no use to the store
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ledger/store.h"
#include "store_helper.h"
#include "support.h"

static off_t
size_of_file(void)
{
	struct stat st;

	assert_int_equal(stat(kept_path(), &st), 0);
	return st.st_size;
}

static void
overwrite(off_t offset, size_t len)
{
	int fd = open(kept_path(), O_WRONLY | O_CLOEXEC);
	char garbage[8192];

	memset(garbage, 0xa5, sizeof garbage);
	assert_true(fd >= 0 && len <= sizeof garbage);
	assert_int_equal(pwrite(fd, garbage, len, offset), len);
	fd_close(&fd);
}

static void
damage_start(void)
{
	overwrite(0, 100);
}

static void
damage_schema(void)
{
	overwrite(100, 3000);
}

static void
damage_middle(void)
{
	overwrite(size_of_file() / 2 / 4096 * 4096, 8192);
}

static void
cut_in_half(void)
{
	assert_int_equal(truncate(kept_path(), size_of_file() / 2 + 1), 0);
}

static void
cut_to_ten_bytes(void)
{
	assert_int_equal(truncate(kept_path(), 10), 0);
}

static void
make_newer(void)
{
	kept_sql("PRAGMA user_version = 1000000");
}

static void
make_foreign(void)
{
	kept_sql("DROP TABLE contents; CREATE TABLE other (a); "
		 "PRAGMA user_version = 0");
}

static void
rename_column(void)
{
	kept_sql("ALTER TABLE contents RENAME COLUMN sender TO from_whom");
}

/* Reading it would never end. */
static void
put_view(void)
{
	kept_sql(
	    "DROP TABLE contents; CREATE VIEW contents AS "
	    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) "
	    "SELECT n AS key, n AS verdict, n AS name, n AS generation, "
	    "n AS scan_seconds, n AS verdict_at, n AS failures, "
	    "n AS failed_in, n AS tries, n AS first_try_at, n AS last_try_at, "
	    "n AS reason, n AS sender, n AS recipients, n AS message_id, "
	    "n AS queue_id, n AS envelopes, n AS written_at, n AS fetched "
	    "FROM t");
}

static void
add_trigger(void)
{
	kept_sql("CREATE TRIGGER more AFTER INSERT ON contents BEGIN "
		 "UPDATE contents SET tries = tries + 1; END");
}

static void
put_directory(void)
{
	assert_int_equal(remove(kept_path()), 0);
	assert_int_equal(mkdir(kept_path(), 0700), 0);
}

static void
put_fifo(void)
{
	assert_int_equal(remove(kept_path()), 0);
	assert_int_equal(mkfifo(kept_path(), 0600), 0);
}

static void (*const damages[])(void) = {
	damage_start,
	damage_schema,
	damage_middle,
	cut_in_half,
	cut_to_ten_bytes,
	make_newer,
	make_foreign,
	rename_column,
	put_view,
	add_trigger,
	put_directory,
	put_fifo,
};

static void
test_store_sets_a_bad_file_aside_and_begins_a_new_one(void **state)
{
	struct store *store;

	(void)state;
	for (size_t i = 0; i < LENGTH(damages); i++) {
		kept_write(200);
		damages[i]();
		store = kept_open();
		assert_true(kept_becomes(store, true, 0));
		if (!kept_exists(".bad-1") || kept_seen()->count > 200)
			fail_msg("damage %zu: %zu rows", i, kept_seen()->count);
		kept_put(store, 1000);
		kept_close(&store);
		assert_int_equal(kept_count(), 1);
		assert_false(kept_exists(".bad-2"));
		kept_empty();
	}
}

static void
test_store_file_emptied_is_begun_anew(void **state)
{
	(void)state;
	kept_write(5);
	assert_int_equal(truncate(kept_path(), 0), 0);
	kept_write(2);
	assert_int_equal(kept_count(), 2);
}

static void
test_store_keeps_eight_bad_files(void **state)
{
	(void)state;
	for (int i = 0; i < 11; i++) {
		kept_write(1);
		damage_start();
	}
	assert_int_equal(kept_count(), 0);
	assert_true(kept_exists(".bad-8"));
	assert_false(kept_exists(".bad-9"));
}

static void
test_store_file_damaged_while_open_is_set_aside(void **state)
{
	struct store *store = kept_open();

	(void)state;
	for (unsigned n = 0; n < 200; n++)
		kept_put(store, n);
	assert_true(kept_becomes(store, true, 0));
	for (off_t at = 0; at < size_of_file(); at += 4096)
		overwrite(at, 4096);
	kept_put(store, 1000);
	assert_true(kept_becomes(store, true, 0));
	assert_true(kept_exists(".bad-1"));
	kept_close(&store);
	assert_int_equal(kept_count(), 1);
}

static void
test_store_file_moved_away_is_begun_anew(void **state)
{
	struct store *store = kept_open();
	char elsewhere[80];

	(void)state;
	kept_put(store, 1);
	assert_true(kept_becomes(store, true, 0));
	snprintf(elsewhere, sizeof elsewhere, "%s.copy", kept_path());
	assert_int_equal(rename(kept_path(), elsewhere), 0);
	kept_remember(2);
	kept_put(store, 2);
	kept_close(&store);
	assert_int_equal(kept_count(), 3);
}

#define STORE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(
		    test_store_sets_a_bad_file_aside_and_begins_a_new_one),
		STORE_TEST(test_store_file_emptied_is_begun_anew),
		STORE_TEST(test_store_keeps_eight_bad_files),
		STORE_TEST(test_store_file_damaged_while_open_is_set_aside),
		STORE_TEST(test_store_file_moved_away_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
