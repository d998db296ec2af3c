/* test_store_late - a ledger whose store is read after its first mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "bad_disk.h"
#include "base/monotime.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "store_helper.h"
#include "store_internal.h"
#include "support.h"

#define PATIENCE (200 * MONOTIME_MS)
#define RETRY (50 * MONOTIME_MS)
#define OLD "0123456789abcdef"
#define NEW "fedcba9876543210"

/* Enough rows for SQLite to read pages between them. */
#define MANY 2500

/* What a scanner has. */
static struct {
	pthread_mutex_t lock;
	struct config *config;
	struct ledger *ledger;
	struct store *store;
} book = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int
setup(void **state)
{
	book.config = support_config("");
	bad_disk_begin();
	return kept_setup(state);
}

static int
teardown(void **state)
{
	config_destroy(&book.config);
	bad_disk_end();
	return kept_teardown(state);
}

static void
take_row(void *context, const struct row *row)
{
	assert_ptr_equal(context, &book);
	pthread_mutex_lock(&book.lock);
	ledger_load(book.ledger, row);
	pthread_mutex_unlock(&book.lock);
}

static void
book_open(void)
{
	struct store_reader reader = {
		.each = take_row,
		.context = &book,
		.max_step = KEPT_MAX_STEP,
	};

	book.ledger = ledger_create(book.config);
	pthread_mutex_lock(&book.lock);
	assert_int_equal(store_open(kept_path(), &reader, &book.store, NULL),
	    ERROR_NONE);
	ledger_attach(book.ledger, book.store);
	pthread_mutex_unlock(&book.lock);
	store_wait(book.store, monotime_after(PATIENCE));
}

static void
book_close(int64_t patience)
{
	pthread_mutex_lock(&book.lock);
	ledger_attach(book.ledger, NULL);
	pthread_mutex_unlock(&book.lock);
	store_close(&book.store, monotime_after(patience));
	ledger_destroy(&book.ledger);
}

static bool
is_read(void)
{
	int64_t until = monotime_after(KEPT_SOON);

	while (!store_state(book.store).is_read && monotime_now() < until)
		kept_sleep(5 * MONOTIME_MS);
	return store_state(book.store).is_read;
}

static struct key
number(unsigned n)
{
	struct key key = { { 0 } };

	memcpy(key.bytes, &n, sizeof n);
	return key;
}

static void
defer_in(unsigned n, unsigned envelope, const char *generation)
{
	struct key key = number(n);
	struct row_try try = {
		.envelope = number(envelope),
		.reason = "late",
		.sender = "<a@example.org>",
	};

	pthread_mutex_lock(&book.lock);
	ledger_defer(book.ledger, &key, &try, generation, monotime_now());
	pthread_mutex_unlock(&book.lock);
}

static void
defer(unsigned n, unsigned envelope)
{
	defer_in(n, envelope, OLD);
}

static void
fail_once(unsigned n)
{
	struct key key = number(n);

	pthread_mutex_lock(&book.lock);
	ledger_fail(book.ledger, &key, OLD, monotime_now());
	pthread_mutex_unlock(&book.lock);
}

static void
find_infected(unsigned n)
{
	struct key key = number(n);
	struct verdict verdict = verdict_make(VERDICT_INFECTED, "Name");

	pthread_mutex_lock(&book.lock);
	ledger_verdict(book.ledger, &key, &verdict, OLD, MONOTIME_S,
	    monotime_now());
	pthread_mutex_unlock(&book.lock);
}

static bool
knows_in(unsigned n, unsigned envelope, const char *generation)
{
	struct key key = number(n), of = number(envelope);
	struct ledger_answer answer;
	bool known;

	pthread_mutex_lock(&book.lock);
	known = ledger_lookup(book.ledger, &key, &of, generation,
	    monotime_now(), &answer);
	pthread_mutex_unlock(&book.lock);
	return known;
}

static bool
knows(unsigned n, unsigned envelope)
{
	return knows_in(n, envelope, OLD);
}

static size_t
count_rows(void)
{
	size_t rows;

	pthread_mutex_lock(&book.lock);
	rows = ledger_counts(book.ledger).rows;
	pthread_mutex_unlock(&book.lock);
	return rows;
}

/* Row 1 of an earlier process: two tries, a failure, and a verdict that none
 * has fetched. */
static void
write_first_process(void)
{
	book_open();
	defer(1, 50);
	fail_once(1);
	defer(1, 50);
	find_infected(1);
	book_close(KEPT_SOON);
}

/* The file's only row, after a third try, in envelope 51, and a second
 * failure. */
static void
expect_merged(void)
{
	const struct row *row = &kept_seen()->last;

	assert_int_equal(kept_count(), 1);
	assert_int_equal(row->tries, 3);
	assert_int_equal(row->failures, 2);
	assert_true(row->known);
	assert_int_equal(row->verdict.kind, VERDICT_INFECTED);
	assert_int_equal(row->envelope_count, 2);
	assert_true(row->first_at < row->last_at);
}

/* How often line has text. */
static unsigned
count(const char *line, const char *text)
{
	unsigned found = 0;

	while ((line = strstr(line, text)) != NULL) {
		found++;
		line += strlen(text);
	}
	return found;
}

static void
test_store_that_hangs_does_not_hold_up_the_start(void **state)
{
	struct support_capture capture;
	char log[4096];
	int64_t began;

	(void)state;
	write_first_process();
	bad_disk_hang_reads(true);
	support_capture_begin(&capture);
	began = monotime_now();
	book_open();
	assert_in_range(monotime_now() - began, PATIENCE, KEPT_SOON / 10);
	assert_false(store_state(book.store).is_read);
	assert_false(knows(1, 50));
	began = monotime_now();
	defer(2, 50);
	assert_true(monotime_now() - began < KEPT_SOON / 10);
	assert_int_equal(store_state(book.store).pending, 1);
	bad_disk_hang_reads(false);
	assert_true(is_read());
	assert_true(knows(1, 50));
	assert_true(kept_becomes(book.store, true, 0));
	book_close(KEPT_SOON);
	support_capture_end(&capture, log, sizeof log);
	assert_int_equal(count(log, "\n"), 2);
	assert_int_equal(count(log, "error: store "), 1);
	assert_int_equal(count(log, "read at last"), 1);
	assert_int_equal(kept_count(), 2);
}

static void
test_store_row_made_before_it_was_read_is_merged(void **state)
{
	(void)state;
	write_first_process();
	bad_disk_hang_reads(true);
	book_open();
	defer(1, 51);
	fail_once(1);
	assert_false(knows(1, 51));
	kept_sleep(STORE_DELAY * 2);
	bad_disk_hang_reads(false);
	assert_true(is_read());
	assert_true(knows(1, 50));
	assert_true(knows(1, 51));
	assert_int_equal(count_rows(), 1);
	book_close(KEPT_SOON);
	expect_merged();
}

/* Its verdict is of signatures that were replaced before the new mail came.
 * The clock may have been set back, as the times in the file say, or forth. */
static void
test_store_verdict_that_is_read_late_answers_whom_it_did(void **state)
{
	static const char *const steps[] = {
		"UPDATE contents SET written_at = written_at + 0",
		"UPDATE contents SET written_at = written_at + 86400,"
		" verdict_at = verdict_at + 86400,"
		" first_try_at = first_try_at + 86400,"
		" last_try_at = last_try_at + 86400",
		"UPDATE contents SET written_at = written_at - 1800,"
		" verdict_at = verdict_at - 1800,"
		" first_try_at = first_try_at - 1800,"
		" last_try_at = last_try_at - 1800",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(steps); i++) {
		kept_empty();
		write_first_process();
		kept_sql(steps[i]);
		bad_disk_hang_reads(true);
		book_open();
		defer_in(1, 51, NEW);
		bad_disk_hang_reads(false);
		assert_true(is_read());
		assert_true(knows_in(1, 50, NEW));
		assert_false(knows_in(1, 51, NEW));
		book_close(KEPT_SOON);
		/* The file says so, too. */
		book_open();
		assert_true(is_read());
		assert_true(knows_in(1, 50, NEW));
		assert_false(knows_in(1, 51, NEW));
		book_close(KEPT_SOON);
	}
}

/* A sanitizer may have threads of its own. */
static void
wait_for_threads(unsigned count_before)
{
	int64_t until = monotime_after(KEPT_SOON);

	while (support_count_names("/proc/self/task") > count_before &&
	    monotime_now() < until)
		kept_sleep(5 * MONOTIME_MS);
}

/* take_row() would find no ledger. */
static void
test_store_closed_while_it_hangs_leaves_the_file_alone(void **state)
{
	const struct row *row = &kept_seen()->last;
	unsigned threads;

	(void)state;
	write_first_process();
	threads = support_count_names("/proc/self/task");
	bad_disk_hang_reads(true);
	book_open();
	defer(1, 51);
	book_close(PATIENCE);
	assert_null(book.store);
	bad_disk_hang_reads(false);
	wait_for_threads(threads);
	assert_int_equal(kept_count(), 1);
	assert_int_equal(row->tries, 2);
	assert_true(row->known);
}

static void *
bring_disk_back(void *context)
{
	(void)context;
	kept_sleep(PATIENCE);
	bad_disk_hang_reads(false);
	return NULL;
}

static void
test_store_closed_before_it_was_read_merges_what_waits(void **state)
{
	pthread_t thread;

	(void)state;
	write_first_process();
	bad_disk_hang_reads(true);
	book_open();
	defer(1, 51);
	fail_once(1);
	assert_int_equal(pthread_create(&thread, NULL, bring_disk_back, NULL),
	    0);
	book_close(KEPT_SOON);
	pthread_join(thread, NULL);
	expect_merged();
}

/* MANY rows, each with three tries, of which some are read before a read
 * fails; each has a new failure by then. */
static void
read_in_part(int64_t retry)
{
	int reads;

	kept_write(MANY);
	bad_disk_end();
	bad_disk_begin();
	book_open();
	assert_true(is_read());
	book_close(KEPT_SOON);
	reads = bad_disk_reads();
	bad_disk_hang_reads(true);
	book_open();
	store_set_limits(book.store, STORE_PENDING, retry);
	for (unsigned n = 0; n < MANY; n++)
		fail_once(n);
	bad_disk_fail_read_after(reads - 5);
	bad_disk_hang_reads(false);
}

/* None was counted twice. */
static void
expect_many(void)
{
	assert_false(kept_exists(".bad-1"));
	assert_int_equal(kept_count(), MANY);
	kept_sql("DELETE FROM contents WHERE failures = 1 AND tries = 3 AND "
		 "failed_in = '" OLD "'");
	assert_int_equal(kept_count(), 0);
}

static void
test_store_that_failed_to_be_read_is_read_anew(void **state)
{
	(void)state;
	read_in_part(RETRY);
	assert_true(is_read());
	assert_int_equal(count_rows(), MANY);
	book_close(KEPT_SOON);
	expect_many();
}

static void
test_store_closed_after_a_part_was_read_merges_the_rest(void **state)
{
	(void)state;
	read_in_part(KEPT_SOON);
	assert_true(kept_becomes(book.store, false, MANY));
	kept_sleep(PATIENCE);
	assert_false(store_state(book.store).is_read);
	book_close(KEPT_SOON);
	expect_many();
}

static void
test_store_that_is_locked_at_the_start_is_read_later(void **state)
{
	sqlite3 *db;

	(void)state;
	write_first_process();
	assert_int_equal(sqlite3_open(kept_path(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);
	book_open();
	defer(1, 51);
	fail_once(1);
	kept_sleep(3 * MONOTIME_S);
	assert_false(store_state(book.store).is_read);
	sqlite3_close(db);
	assert_true(is_read());
	assert_true(knows(1, 51));
	book_close(KEPT_SOON);
	expect_merged();
}

#define LATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LATE_TEST(test_store_that_hangs_does_not_hold_up_the_start),
		LATE_TEST(test_store_row_made_before_it_was_read_is_merged),
		LATE_TEST(
		    test_store_verdict_that_is_read_late_answers_whom_it_did),
		LATE_TEST(
		    test_store_closed_while_it_hangs_leaves_the_file_alone),
		LATE_TEST(
		    test_store_closed_before_it_was_read_merges_what_waits),
		LATE_TEST(test_store_that_failed_to_be_read_is_read_anew),
		LATE_TEST(
		    test_store_closed_after_a_part_was_read_merges_the_rest),
		LATE_TEST(test_store_that_is_locked_at_the_start_is_read_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
