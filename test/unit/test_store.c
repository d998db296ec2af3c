/* test_store - what outlasts a restart
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "ledger/store.h"
#include "store_helper.h"
#include "support.h"

#define ROUNDING 1000 /* ns, of an age on disk */

static void
assert_age(int64_t at, int64_t least)
{
	assert_in_range(monotime_now() - at + ROUNDING, least,
	    least + KEPT_SOON);
}

static void
test_store_gives_back_every_field(void **state)
{
	struct row row = kept_row(7);

	(void)state;
	kept_write(8);
	kept_sql("DELETE FROM contents WHERE key NOT LIKE '07%'");
	assert_int_equal(kept_count(), 1);
	kept_expect_same(&kept_seen()->last, &row);
}

static void
test_store_keeps_a_row_that_has_no_verdict_yet(void **state)
{
	struct row row = { .failures = UINT32_MAX };
	struct store *store = kept_open();

	(void)state;
	store_put(store, &row);
	kept_close(&store);
	assert_int_equal(kept_count(), 1);
	assert_false(kept_seen()->last.known);
	assert_int_equal(kept_seen()->last.failures, UINT32_MAX);
	assert_int_equal(kept_seen()->last.envelope_count, 0);
	assert_string_equal(kept_seen()->last.text[ROW_SENDER], "");
}

static void
test_store_update_replaces_and_delete_removes(void **state)
{
	struct store *store = kept_open();
	struct row row = kept_row(1);

	(void)state;
	kept_put(store, 2);
	kept_put(store, 1);
	row.tries = 9;
	store_put(store, &row);
	assert_true(kept_becomes(store, true, 0));
	row.known = false;
	store_put(store, &row);
	row = kept_row(2);
	store_delete(store, &row.key);
	kept_put(store, 3);
	row = kept_row(3);
	store_delete(store, &row.key);
	kept_close(&store);
	assert_int_equal(kept_count(), 1);
	assert_int_equal(kept_seen()->last.tries, 9);
	assert_false(kept_seen()->last.known);
}

static void
test_store_row_deleted_and_put_again_is_there(void **state)
{
	struct row row = kept_row(1);
	struct store *store;

	(void)state;
	kept_write(2);
	store = kept_open();
	store_delete(store, &row.key);
	store_put(store, &row);
	kept_close(&store);
	assert_int_equal(kept_count(), 2);
}

static void
test_store_files_are_for_their_owner_only(void **state)
{
	mode_t before = umask(0);
	char journal[80];
	struct stat st;

	(void)state;
	kept_write(1);
	umask(before);
	assert_int_equal(stat(kept_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(journal, sizeof journal, "%s-journal", kept_path());
	if (stat(journal, &st) == 0)
		assert_int_equal(st.st_mode & 07777, 0600);
}

/* Tells when the first 500 rows are on disk. */
static void
write_until_killed(int tell)
{
	struct store *store = kept_try_open();

	for (unsigned n = 0; store != NULL && n < 500; n++)
		kept_put(store, n);
	if (store != NULL && kept_becomes(store, true, 0) &&
	    write(tell, "x", 1) == 1)
		for (unsigned n = 500;; n++)
			kept_put(store, n);
	_exit(1);
}

static void
test_store_survives_kill_9(void **state)
{
	int status, told[2];
	char byte;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		assert_int_equal(pipe(told), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(told[1]);
		fd_close(&told[1]);
		assert_int_equal(read(told[0], &byte, 1), 1);
		kept_sleep(STORE_DELAY * 2);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		fd_close(&told[0]);
		assert_true(kept_count() >= 500);
		assert_false(kept_exists(".bad-1"));
	}
}

/* The wall clock is moved by moving the times in the file. */
static void
test_store_clock_step_ages_nobody_out(void **state)
{
	static const struct {
		int passed;     /* s, as the clock tells it */
		int64_t growth; /* at least */
	} cases[] = {
		{ 0, 0 },
		{ 100, 100 * MONOTIME_S },
		{ 3500, 3500 * MONOTIME_S },
		{ 100 * 86400, KEPT_MAX_STEP },
		{ -60, 0 },
		{ -100 * 86400, 0 },
	};
	char statement[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		kept_write(1);
		snprintf(statement, sizeof statement,
		    "UPDATE contents SET "
		    "written_at = written_at - %d, "
		    "verdict_at = verdict_at - %d, "
		    "first_try_at = first_try_at - %d, "
		    "last_try_at = last_try_at - %d",
		    cases[i].passed, cases[i].passed, cases[i].passed,
		    cases[i].passed);
		kept_sql(statement);
		assert_int_equal(kept_count(), 1);
		assert_age(kept_seen()->last.last_at, cases[i].growth);
		assert_age(kept_seen()->last.verdict_at,
		    cases[i].growth + KEPT_VERDICT_AGE);
		assert_age(kept_seen()->last.first_at,
		    cases[i].growth + KEPT_FIRST_AGE);
	}
}

/* The table as version 1 made it, in the place of ours. */
static const char version_1[] =
    "CREATE TEMP TABLE saved AS SELECT key, verdict, name, generation,"
    " scan_seconds, verdict_at, failures, failed_in, tries, first_try_at,"
    " last_try_at, reason, sender, recipients, message_id, queue_id,"
    " envelopes, written_at FROM contents;"
    "DROP TABLE contents;"
    "CREATE TABLE contents ("
    " key TEXT PRIMARY KEY NOT NULL,"
    " verdict TEXT,"
    " name TEXT,"
    " generation TEXT,"
    " scan_seconds REAL,"
    " verdict_at REAL,"
    " failures INTEGER NOT NULL,"
    " failed_in TEXT NOT NULL,"
    " tries INTEGER NOT NULL,"
    " first_try_at REAL NOT NULL,"
    " last_try_at REAL NOT NULL,"
    " reason TEXT NOT NULL,"
    " sender TEXT NOT NULL,"
    " recipients TEXT NOT NULL,"
    " message_id TEXT NOT NULL,"
    " queue_id TEXT NOT NULL,"
    " envelopes BLOB NOT NULL,"
    " written_at REAL NOT NULL"
    ") WITHOUT ROWID;"
    "INSERT INTO contents SELECT * FROM saved;"
    "PRAGMA user_version = 1";

static void
test_store_takes_over_a_file_of_version_1(void **state)
{
	struct row row = kept_row(7);
	struct store *store;

	(void)state;
	kept_write(8);
	kept_sql(version_1);
	assert_int_equal(kept_count(), 8);
	assert_false(kept_seen()->last.fetched);
	assert_string_equal(kept_seen()->last.text[ROW_SENDER],
	    row.text[ROW_SENDER]);
	store = kept_open();
	store_put(store, &row);
	kept_close(&store);
	kept_sql("DELETE FROM contents WHERE NOT fetched");
	assert_int_equal(kept_count(), 1);
	assert_memory_equal(&kept_seen()->last.key, &row.key, sizeof row.key);
	assert_true(kept_seen()->last.fetched);
	assert_false(kept_exists(".bad-1"));
}

static void
copy_file(const char *from, const char *to)
{
	char data[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t len;

	if (in == NULL || out == NULL)
		fail_msg("%s, %s", from, to);
	len = fread(data, 1, sizeof data, in);
	assert_in_range(len, 1, sizeof data - 1);
	assert_int_equal(fwrite(data, 1, len, out), len);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* What grew since that file was made, if the clock tells it. */
static void
assert_grown_age(int64_t at, int64_t then)
{
	assert_in_range(monotime_now() - at + ROUNDING, then,
	    then + KEPT_MAX_STEP + KEPT_SOON);
}

/* data/ledger-2.sqlite is not made by this code but by that of its time. */
static void
test_store_reads_a_file_of_version_2(void **state)
{
	const struct row *row = &kept_seen()->last;
	unsigned char bytes[3 * KEY_BYTES];

	(void)state;
	copy_file(UNIT_DATA "/ledger-2.sqlite", kept_path());
	assert_int_equal(kept_count(), 2);
	assert_false(kept_exists(".bad-1"));
	assert_false(row->known);
	assert_string_equal(row->text[ROW_REASON], "queue-full");
	kept_sql("DELETE FROM contents WHERE key LIKE '34%'");
	assert_int_equal(kept_count(), 1);
	memset(bytes, 0x33, KEY_BYTES);
	assert_memory_equal(&row->key, bytes, KEY_BYTES);
	assert_true(row->known && row->fetched);
	assert_int_equal(row->verdict.kind, VERDICT_INFECTED);
	assert_string_equal(row->verdict.name, "Eicar-Test");
	assert_string_equal(row->generation, "0123456789abcdef");
	assert_int_equal(row->scan_time, 7 * MONOTIME_S);
	assert_grown_age(row->verdict_at, 60 * MONOTIME_S);
	assert_int_equal(row->failures, 2);
	assert_string_equal(row->failed_in, "fedcba9876543210");
	assert_int_equal(row->tries, 4);
	assert_grown_age(row->first_at, 3600 * MONOTIME_S);
	assert_grown_age(row->last_at, 120 * MONOTIME_S);
	assert_string_equal(row->text[ROW_SENDER], "<a@example.org>");
	assert_string_equal(row->text[ROW_RECIPIENTS],
	    "<b@example.org> <c@example.org>");
	assert_string_equal(row->text[ROW_MESSAGE_ID], "<1@example.org>");
	assert_string_equal(row->text[ROW_QUEUE_ID], "4F2C1A0B");
	assert_int_equal(row->envelope_count, 3);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(0x40 + i / KEY_BYTES);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(row->envelopes[i].digest.bytes,
		    bytes + i * KEY_BYTES, KEY_BYTES);
		assert_true(row_answers(row, &row->envelopes[i].digest));
	}
}

static void *
put_five_hundred(void *context)
{
	for (unsigned n = 0; n < 500; n++) {
		kept_put(context, n);
		kept_put(context, (unsigned)gettid() * 1000 + n);
	}
	return NULL;
}

static void
test_store_writes_many_rows_from_several_threads(void **state)
{
	struct store *store = kept_open();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < LENGTH(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     put_five_hundred, store),
		    0);
	for (size_t i = 0; i < LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	kept_close(&store);
	assert_int_equal(kept_count(), 2500);
}

static void
test_store_leaves_out_rows_that_make_no_sense(void **state)
{
	static const char *const nonsense[] = {
		"key = '00'",
		"key = x'00'",
		"key = replace(key, '00', 'zz')",
		"key = upper('ff') || key",
		"verdict = 'splendid'",
		"verdict = 3",
		"verdict = 'late'",
		"verdict = 'error'",
		"name = 'a b'",
		"name = NULL",
		"name = hex(zeroblob(65))",
		"generation = '0123456789abcdef0'",
		"generation = x'3031'",
		"scan_seconds = -1",
		"scan_seconds = 'long'",
		"scan_seconds = 9e999",
		"verdict_at = written_at + 1",
		"verdict_at = -9e999",
		"verdict_at = NULL",
		"failures = -1",
		"failures = 4294967296",
		"failures = 'two'",
		"failed_in = char(10)",
		"tries = 1.5",
		"tries = x'00'",
		"first_try_at = written_at + 1",
		"first_try_at = -2e9",
		"last_try_at = 9e999",
		"written_at = 9e999",
		"written_at = -1e300",
		"written_at = 'now'",
		"reason = hex(zeroblob(32))",
		"sender = hex(zeroblob(128))",
		"sender = 'a' || char(0) || 'b'",
		"recipients = 7.5",
		"recipients = x'41'",
		"message_id = hex(zeroblob(1000000))",
		"queue_id = hex(zeroblob(32))",
		"envelopes = 'text'",
		"envelopes = zeroblob(31)",
		"envelopes = zeroblob(33 * 32)",
		"envelopes = 1",
		"fetched = 2",
		"fetched = -1",
		"fetched = 'yes'",
		"waits_for = ''",
		"waits_for = waits_for || ','",
		"waits_for = '0' || waits_for || '0'",
		"waits_for = ' ' || waits_for",
		"waits_for = 1",
	};
	char statement[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(nonsense); i++) {
		kept_write(2);
		snprintf(statement, sizeof statement,
		    "UPDATE contents SET %s "
		    "WHERE key LIKE '01%%'",
		    nonsense[i]);
		kept_sql(statement);
		/* A number in a column for text kept_becomes text. */
		if (strcmp(nonsense[i], "recipients = 7.5") == 0)
			assert_int_equal(kept_count(), 2);
		else if (kept_count() != 1)
			fail_msg("%s: %zu rows", nonsense[i],
			    kept_seen()->count);
		assert_false(kept_exists(".bad-1"));
		kept_empty();
	}
}

#define STORE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_store_gives_back_every_field),
		STORE_TEST(test_store_keeps_a_row_that_has_no_verdict_yet),
		STORE_TEST(test_store_update_replaces_and_delete_removes),
		STORE_TEST(test_store_row_deleted_and_put_again_is_there),
		STORE_TEST(test_store_files_are_for_their_owner_only),
		STORE_TEST(test_store_survives_kill_9),
		STORE_TEST(test_store_clock_step_ages_nobody_out),
		STORE_TEST(test_store_takes_over_a_file_of_version_1),
		STORE_TEST(test_store_reads_a_file_of_version_2),
		STORE_TEST(test_store_writes_many_rows_from_several_threads),
		STORE_TEST(test_store_leaves_out_rows_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
