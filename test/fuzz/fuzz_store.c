/* fuzz_store - a store's file that is damaged, or was made to do harm
 *
 * The input is a file of any bytes, or says how one row of a table without
 * types differs from an honest one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/text.h"
#include "config/config.h"
#include "fuzz.h"
#include "ledger/ledger.h"
#include "ledger/row.h"
#include "store_internal.h"

#define COLUMNS 20
#define CHANGES 8
#define MAX_STEP (3600 * MONOTIME_S)
#define GENERATION "0123456789abcdef"
#define KEY_TEXT \
	"00112233445566778899aabbccddeeff" \
	"00112233445566778899aabbccddeeff"

/* When the honest row was written; and the clock, a minute later. */
#define WRITTEN 1.7e9
#define NOW ((int64_t)(WRITTEN * 1e9) + 60 * MONOTIME_S)

/* The same moment by the clock of the rows. */
#define AT (1000 * MONOTIME_S)

/* No age is greater: thirty years and what the clock adds. */
#define AGE_MAX ((int64_t)1000000000 * MONOTIME_S)

static struct config *config;
static sqlite3 *untyped, *typed;
static sqlite3_stmt *insert, *select_untyped, *put, *find, *delete;

/* --- the database of one row --- */

static sqlite3 *
open_memory(const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	return db;
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		abort();
	return statement;
}

/* An honest row: what a column has where it isn't changed. */
static const char honest[] =
    "INSERT INTO contents VALUES ("
    "'" KEY_TEXT "', 'infected', 'Eicar-Test', '" GENERATION "', 1.5, "
    "1.69998e9, 1, '" GENERATION "', 2, 1.69997e9, 1.69999e9, 'late', "
    "'<a@example.org>', '<b@example.org>', '<1@example.org>', '4F2C1A0B', "
    "zeroblob(32), 1.7e9, 0, '" GENERATION "')";

static const char *const names[COLUMNS] = {
	"key",
	"verdict",
	"name",
	"generation",
	"scan_seconds",
	"verdict_at",
	"failures",
	"failed_in",
	"tries",
	"first_try_at",
	"last_try_at",
	"reason",
	"sender",
	"recipients",
	"message_id",
	"queue_id",
	"envelopes",
	"written_at",
	"fetched",
	"waits_for",
};

void
fuzz_begin(void)
{
	if (sodium_init() < 0)
		abort();
	config = fuzz_config("limits { rows = 100 }");
	/* The same columns, of no type. */
	untyped = open_memory(
	    "CREATE TABLE contents (key, verdict, name, "
	    "generation, scan_seconds, verdict_at, failures, failed_in, "
	    "tries, first_try_at, last_try_at, reason, sender, recipients, "
	    "message_id, queue_id, envelopes, written_at, fetched, waits_for)");
	typed = open_memory(store_row_create);
	insert = prepare(untyped, honest);
	select_untyped = prepare(untyped, store_row_select);
	put = prepare(typed, store_row_put);
	find = prepare(typed, store_row_find);
	delete = prepare(typed, store_row_delete);
	fuzz_directory();
}

static void
run(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	assert(result == SQLITE_DONE);
	sqlite3_reset(statement);
}

static void
bind_any(struct fuzz_input *in, sqlite3_stmt *change)
{
	uint64_t number;
	double real;
	char *s;

	switch (fuzz_choice(in, 5)) {
	case 0:
		sqlite3_bind_null(change, 1);
		break;
	case 1:
		sqlite3_bind_int64(change, 1, (sqlite3_int64)fuzz_number(in));
		break;
	case 2:
		number = fuzz_number(in);
		memcpy(&real, &number, sizeof real);
		if (fuzz_yes(in))
			real = (double)(int64_t)number;
		sqlite3_bind_double(change, 1, real);
		break;
	case 3:
		s = fuzz_string(in);
		sqlite3_bind_text(change, 1, s, -1, SQLITE_TRANSIENT);
		free(s);
		break;
	case 4:
		number = fuzz_number(in) % 2048;
		s = malloc((size_t)number + 1);
		assert(s != NULL);
		fuzz_bytes(in, s, (size_t)number);
		/* Text, too, may have a NUL in it. */
		if (fuzz_yes(in))
			sqlite3_bind_text(change, 1, s, (int)number,
			    SQLITE_TRANSIENT);
		else
			sqlite3_bind_blob(change, 1, s, (int)number,
			    SQLITE_TRANSIENT);
		free(s);
		break;
	}
}

static void
change_column(struct fuzz_input *in)
{
	sqlite3_stmt *change;
	char sql[64];

	snprintf(sql, sizeof sql, "UPDATE contents SET %s = ?",
	    names[fuzz_choice(in, COLUMNS)]);
	change = prepare(untyped, sql);
	bind_any(in, change);
	run(change);
	sqlite3_finalize(change);
}

/* --- what a row has to be --- */

static bool
ends(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

static bool
is_name(const char *s, size_t size)
{
	return ends(s, size) && (s[0] == '\0' || text_is_signature_name(s));
}

/* Not in the future, and not older than a row may be that had grown by
 * max_step when it was read. */
static bool
is_time(int64_t at, int64_t now, int64_t max_step)
{
	return at <= now && now - at - AGE_MAX <= max_step;
}

/* now: a moment after it was read, by the row's clock. */
static void
check_row(const struct row *row, int64_t now, int64_t max_step)
{
	if (row->known) {
		assert(row->verdict.kind < VERDICT_KINDS);
		assert(verdict_is_final(&row->verdict));
		assert(is_name(row->verdict.name, sizeof row->verdict.name));
		assert(is_name(row->generation, sizeof row->generation));
		assert(row->scan_time >= 0 && row->scan_time <= AGE_MAX);
		assert(is_time(row->verdict_at, now, max_step));
	}
	assert(is_name(row->failed_in, sizeof row->failed_in));
	assert(is_time(row->first_at, now, max_step));
	assert(is_time(row->last_at, now, max_step));
	for (int i = 0; i < ROW_TEXTS; i++)
		assert(
		    strlen(row_text(row, (enum row_text)i)) < row_text_size[i]);
	assert(row->envelope_count <= ROW_ENVELOPES);
	for (size_t i = 0; i < row->envelope_count; i++)
		assert(is_name(row->envelopes[i].generation,
		    sizeof row->envelopes[i].generation));
}

/* --- what is done with it --- */

/* Kept to the microsecond; by double that holds for 30 years. */
static bool
same_time(int64_t a, int64_t b)
{
	return llabs((long long)(a - b)) <= 1000;
}

static void
check_same(const struct row *a, const struct row *b)
{
	assert(memcmp(&a->key, &b->key, sizeof a->key) == 0);
	assert(a->known == b->known && a->fetched == b->fetched);
	assert(a->verdict.kind == b->verdict.kind &&
	    strcmp(a->verdict.name, b->verdict.name) == 0);
	assert(!a->known || same_time(a->verdict_at, b->verdict_at));
	assert(a->failures == b->failures && a->tries == b->tries);
	assert(same_time(a->first_at, b->first_at) &&
	    same_time(a->last_at, b->last_at));
	for (int i = 0; i < ROW_TEXTS; i++)
		assert(strcmp(row_text(a, (enum row_text)i),
			   row_text(b, (enum row_text)i)) == 0);
	assert(a->envelope_count == b->envelope_count);
	for (size_t i = 0; i < a->envelope_count; i++)
		assert(memcmp(&a->envelopes[i].digest, &b->envelopes[i].digest,
			   sizeof a->envelopes[i].digest) == 0 &&
		    strcmp(a->envelopes[i].generation,
			b->envelopes[i].generation) == 0);
}

/* One that was taken is written, and read back to the same. */
static void
check_written(const struct row *row)
{
	struct store_moment moment = { .at = AT, .wall = NOW };
	struct row back;
	bool ok;

	/* What is older than a file may tell isn't read back. */
	if (AT - row->first_at > AGE_MAX || AT - row->last_at > AGE_MAX ||
	    (row->known && AT - row->verdict_at > AGE_MAX))
		return;
	ok = store_row_bind(put, row, &moment);
	assert(ok);
	run(put);
	ok = store_row_bind_key(find, &row->key);
	assert(ok && sqlite3_step(find) == SQLITE_ROW);
	ok = store_row_read(find, &moment, &back);
	assert(ok);
	check_row(&back, AT, 0);
	check_same(row, &back);
	row_fini(&back);
	sqlite3_reset(find);
	ok = store_row_bind_key(delete, &row->key);
	assert(ok);
	run(delete);
}

static void
check_merged(const struct row *row)
{
	struct row other = row_copy(row);

	other.known = false;
	other.fetched = false;
	other.tries = 1;
	row_merge(&other, row);
	check_row(&other, AT, MAX_STEP);
	assert(other.tries >= 1 && other.tries >= row->tries);
	row_fini(&other);
}

/* The ledger takes it over, and goes on with it. */
static void
check_ledger(const struct row *row)
{
	int64_t now = monotime_now();
	struct ledger *ledger = ledger_create(config);
	struct row_try try = {
		.reason = "late",
		.sender = "<c@example.org>",
		.message_id = "x",
		.queue_id = "Q",
	};
	struct ledger_answer answer;
	struct row copy;

	ledger_load(ledger, row);
	ledger_load(ledger, row);
	if (ledger_lookup(ledger, &row->key, &try.envelope, GENERATION, now,
		&answer)) {
		assert(row->known);
		assert(answer.verdict.kind == row->verdict.kind);
		assert(ends(answer.generation, sizeof answer.generation));
	}
	/* It may have been too old to be kept. */
	if (ledger_counts(ledger).rows == 1)
		assert(ledger_failures(ledger, &row->key, row->failed_in) ==
		    row->failures);
	ledger_awaits_sender(ledger, row_text(row, ROW_SENDER));
	ledger_defer(ledger, &row->key, &try, GENERATION, now);
	ledger_fail(ledger, &row->key, GENERATION, now);
	ledger_report(ledger, now);
	assert(ledger_counts(ledger).rows <= 1);
	if (ledger_next(ledger, true, &copy))
		row_fini(&copy);
	ledger_destroy(&ledger);
}

static void
take_row(const struct row *row)
{
	check_row(row, AT, MAX_STEP);
	check_written(row);
	check_merged(row);
	check_ledger(row);
}

static void
try_row(struct fuzz_input *in)
{
	struct store_moment moment = {
		.at = AT,
		.wall = NOW,
		.max_step = MAX_STEP,
	};
	struct row row;
	int result;

	sqlite3_exec(untyped, "DELETE FROM contents", NULL, NULL, NULL);
	run(insert);
	for (int i = 0; i < CHANGES && in->left > 0; i++)
		change_column(in);
	result = sqlite3_step(select_untyped);
	assert(result == SQLITE_ROW);
	if (store_row_read(select_untyped, &moment, &row)) {
		take_row(&row);
		row_fini(&row);
	}
	sqlite3_reset(select_untyped);
}

/* --- a file --- */

static bool
each_row(void *context, const struct row *row)
{
	unsigned *count = context;

	check_row(row, monotime_now(), MAX_STEP);
	return ++*count < 1000;
}

static void
list_row(void *context, const struct row *row)
{
	(void)context;
	/* There the wall clock says how old it is. */
	check_row(row, monotime_wall(), monotime_wall() + AGE_MAX);
}

static void
make_file(struct fuzz_input *in, char path[PATH_MAX])
{
	enum error_code code;
	int fd;

	snprintf(path, PATH_MAX, "%s/" STORE_NAME, fuzz_directory());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0);
	code = fd_write_at(fd, in->at, in->left, 0, NULL);
	assert(code == ERROR_NONE);
	fd_close(&fd);
}

/* One that can be written has what was written. */
static void
check_file(struct store_file *file)
{
	struct store_moment moment = store_moment_now(0);
	struct row row = { .tries = 1 }, back = { .tries = 1 };
	enum store_trouble trouble;
	struct error err;

	memset(&row.key, 0xab, sizeof row.key);
	back.key = row.key;
	trouble = store_file_begin(file, &err);
	if (trouble == STORE_WELL)
		trouble = store_file_delete(file, &row.key, &err);
	if (trouble == STORE_WELL)
		trouble = store_file_put(file, &row, &moment, &err);
	if (trouble == STORE_WELL)
		trouble = store_file_commit(file, &err);
	if (trouble == STORE_WELL)
		trouble = store_file_merge(file, &back, &moment, &err);
	if (trouble == STORE_WELL)
		assert(back.tries == 2);
	else
		store_file_rollback(file);
	row_fini(&back);
}

static void
try_file(struct fuzz_input *in)
{
	enum store_trouble trouble;
	struct store_file *file;
	char path[PATH_MAX];
	unsigned count = 0;
	enum error_code code;
	struct error err;

	make_file(in, path);
	code = store_list(path, list_row, NULL, &err);
	if (code != ERROR_NONE)
		fuzz_check_error(&err, (int)code);
	trouble = store_file_open(path, &file, &err);
	assert((trouble == STORE_WELL) == (file != NULL));
	if (trouble == STORE_WELL)
		trouble = store_file_read(file, MAX_STEP, each_row, &count,
		    &err);
	if (trouble == STORE_WELL)
		check_file(file);
	else
		assert(fuzz_is_shown(err.text, sizeof err.text));
	store_file_close(&file);
	fuzz_empty_directory();
}

void
fuzz_one(struct fuzz_input *in)
{
	if (fuzz_yes(in))
		try_file(in);
	else
		try_row(in);
}
