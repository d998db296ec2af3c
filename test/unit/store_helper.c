/* store_helper - a store in a directory of its own, opened again and again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store_helper.h"
#include "support.h"

static char directory[32];
static char path[64];

static struct kept_rows seen;
static unsigned remembered, remembered_next;
static int64_t born = 1000 * MONOTIME_S;

int
kept_setup(void **state)
{
	(void)state;
	remembered = 0;
	born = monotime_now();
	support_make_directory(directory);
	snprintf(path, sizeof path, "%s/store.db", directory);
	return 0;
}

void
kept_empty(void)
{
	const struct dirent *entry;
	char name[300];
	DIR *dir = opendir(directory);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(name, sizeof name, "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] != '.')
			remove(name);
	}
	closedir(dir);
}

int
kept_teardown(void **state)
{
	(void)state;
	kept_empty();
	row_fini(&seen.last);
	memset(&seen, 0, sizeof seen);
	support_remove_directory(directory);
	return 0;
}

/* From the store's thread. */
static void
see(void *context, const struct row *row)
{
	struct kept_rows *rows = context;

	rows->count++;
	row_fini(&rows->last);
	rows->last = row_copy(row);
}

void
kept_remember(unsigned count)
{
	remembered = count;
}

/* From the store's thread, too. */
static bool
give(void *context, bool first, struct row *row_r)
{
	struct row row;

	(void)context;
	if (first)
		remembered_next = 0;
	if (remembered_next == remembered)
		return false;
	row = kept_row(remembered_next++);
	*row_r = row_copy(&row);
	return true;
}

struct store *
kept_try_open(void)
{
	struct store_reader reader = {
		.each = see,
		.next = give,
		.context = &seen,
		.max_step = KEPT_MAX_STEP,
	};
	struct store *store;

	seen.count = 0;
	if (store_open(path, &reader, &store, NULL) != ERROR_NONE)
		return NULL;
	store_wait(store, monotime_after(KEPT_SOON));
	return store;
}

struct store *
kept_open(void)
{
	struct store *store = kept_try_open();

	assert_non_null(store);
	return store;
}

void
kept_close(struct store **store)
{
	store_close(store, monotime_after(KEPT_SOON));
}

size_t
kept_count(void)
{
	struct store *store = kept_open();

	kept_close(&store);
	return seen.count;
}

void
kept_sleep(int64_t duration)
{
	usleep((useconds_t)(duration / 1000));
}

const char *
kept_directory(void)
{
	return directory;
}

const char *
kept_path(void)
{
	return path;
}

const struct kept_rows *
kept_seen(void)
{
	return &seen;
}

bool
kept_becomes(struct store *store, bool has_file, size_t pending)
{
	int64_t until = monotime_after(KEPT_SOON);
	struct store_state state;

	do {
		state = store_state(store);
		if (state.has_file == has_file && state.pending == pending)
			return true;
		kept_sleep(5 * MONOTIME_MS);
	} while (monotime_now() < until);
	return false;
}

static struct row_envelope envelopes[ROW_ENVELOPES];

static void
make_envelopes(void)
{
	for (size_t i = 0; i < ROW_ENVELOPES; i++) {
		for (size_t j = 0; j < KEY_BYTES; j++)
			envelopes[i].digest.bytes[j] = support_pattern(
			    i * KEY_BYTES + j);
		if (i > 0)
			snprintf(envelopes[i].generation,
			    sizeof envelopes[i].generation, "%016zx", i);
	}
}

/* From several threads. */
struct row
kept_row(unsigned n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static char late[] = "late", sender[] = "m\xc3\xbcller@example.org";
	static char recipients[] = "a@example.org b@example.org";
	static char message_id[] = "<'; DROP TABLE contents; --@example.org>";
	static char queue_id[] = "4Xy";
	struct row row = {
		.known = true,
		.verdict = verdict_make(VERDICT_INFECTED, "Eicar-Test"),
		.generation = "0123456789abcdef",
		.scan_time = 4682 * MONOTIME_S + 123456789,
		.verdict_at = born - KEPT_VERDICT_AGE,
		.fetched = true,
		.failures = 2,
		.failed_in = "fedcba9876543210",
		.tries = 3,
		.first_at = born - KEPT_FIRST_AGE,
		.last_at = born,
		.text = { late, sender, recipients, message_id, queue_id },
		.envelopes = envelopes,
		.envelope_count = ROW_ENVELOPES,
	};

	memcpy(row.key.bytes, &n, sizeof n);
	pthread_once(&once, make_envelopes);
	return row;
}

/* But for what rounding does to times. */
static void
expect_same_time(int64_t at, int64_t expected)
{
	assert_in_range(at + KEPT_SOON, expected, expected + 2 * KEPT_SOON);
}

static void
expect_same_tries(const struct row *row, const struct row *expected)
{
	assert_int_equal(row->failures, expected->failures);
	assert_string_equal(row->failed_in, expected->failed_in);
	assert_int_equal(row->tries, expected->tries);
	expect_same_time(row->first_at, expected->first_at);
	expect_same_time(row->last_at, expected->last_at);
	for (int i = 0; i < ROW_TEXTS; i++)
		assert_string_equal(row_text(row, (enum row_text)i),
		    row_text(expected, (enum row_text)i));
}

void
kept_expect_same(const struct row *row, const struct row *expected)
{
	assert_memory_equal(&row->key, &expected->key, sizeof row->key);
	assert_int_equal(row->known, expected->known);
	assert_int_equal(row->verdict.kind, expected->verdict.kind);
	assert_string_equal(row->verdict.name, expected->verdict.name);
	assert_string_equal(row->generation, expected->generation);
	assert_int_equal(row->scan_time, expected->scan_time);
	expect_same_time(row->verdict_at, expected->verdict_at);
	assert_int_equal(row->fetched, expected->fetched);
	expect_same_tries(row, expected);
	assert_int_equal(row->envelope_count, expected->envelope_count);
	for (size_t i = 0; i < row->envelope_count; i++) {
		assert_memory_equal(&row->envelopes[i].digest,
		    &expected->envelopes[i].digest, sizeof(struct key));
		assert_string_equal(row->envelopes[i].generation,
		    expected->envelopes[i].generation);
	}
}

void
kept_put(struct store *store, unsigned n)
{
	struct row row = kept_row(n);

	store_put(store, &row);
}

void
kept_write(unsigned count)
{
	struct store *store = kept_open();

	for (unsigned n = 0; n < count; n++)
		kept_put(store, n);
	kept_close(&store);
}

void
kept_sql(const char *statement)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, statement, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", statement, sqlite3_errmsg(db));
	sqlite3_close(db);
}

bool
kept_exists(const char *suffix)
{
	struct stat st;
	char name[128];

	snprintf(name, sizeof name, "%s%s", path, suffix);
	return lstat(name, &st) == 0;
}
