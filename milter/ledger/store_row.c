/* store_row - one row, as a struct and in the table
 *
 * The table is made to be looked at with sqlite3(1): keys are spelled as in
 * the log, verdicts by their names, and times are Unix times, as datetime()
 * takes them.  What is read is believed only as far as it makes sense, since
 * a damaged file may still be a well-formed database.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/monotime.h"
#include "base/text.h"
#include "store_internal.h"

#define NS_PER_S 1e9
#define AGE_MAX 1e9        /* s: thirty years */
#define WRITTEN_AT_MAX 8e9 /* s since 1970: so that ns fit an int64_t */

#define COLUMNS \
	"key, verdict, name, generation, scan_seconds, verdict_at, " \
	"failures, failed_in, tries, first_try_at, last_try_at, reason, " \
	"sender, recipients, message_id, queue_id, envelopes, written_at, " \
	"fetched, waits_for"

/* In the order of COLUMNS; from REASON on, in that of enum row_text. */
enum column {
	KEY,
	VERDICT,
	NAME,
	GENERATION,
	SCAN_SECONDS,
	VERDICT_AT,
	FAILURES,
	FAILED_IN,
	TRIES,
	FIRST_TRY_AT,
	LAST_TRY_AT,
	REASON,
	SENDER,
	RECIPIENTS,
	MESSAGE_ID,
	QUEUE_ID,
	ENVELOPES,
	WRITTEN_AT,
	FETCHED,
	WAITS_FOR,
};

/* Since version 2, and since version 3.  NULL was written by an earlier one. */
#define COLUMN_FETCHED "fetched INTEGER NOT NULL DEFAULT 0"
#define COLUMN_WAITS_FOR "waits_for TEXT"

const char store_row_create[] =
    "CREATE TABLE contents ("
    " key TEXT PRIMARY KEY NOT NULL," /* hexadecimal; the log has 16 */
    " verdict TEXT,"                  /* NULL: none yet, as the next four */
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
    " envelopes BLOB NOT NULL," /* digests of 32 bytes */
    " written_at REAL NOT NULL,"
    " " COLUMN_FETCHED ", "
    /* one generation for each envelope, separated by commas */
    COLUMN_WAITS_FOR ") WITHOUT ROWID";

#define UPGRADE_2 "ALTER TABLE contents ADD COLUMN " COLUMN_WAITS_FOR

const char store_row_upgrade_1[] =
    "ALTER TABLE contents ADD COLUMN " COLUMN_FETCHED ";" UPGRADE_2;

const char store_row_upgrade_2[] = UPGRADE_2;

const char store_row_select[] = "SELECT " COLUMNS " FROM contents";

const char store_row_list[] = "SELECT " COLUMNS " FROM contents"
			      " WHERE tries > 0 AND fetched = 0"
			      " ORDER BY first_try_at";

const char store_row_find[] = "SELECT " COLUMNS " FROM contents"
			      " WHERE key = ?";

const char store_row_put[] =
    "INSERT OR REPLACE INTO contents (" COLUMNS ")"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const char store_row_delete[] = "DELETE FROM contents WHERE key = ?";

struct store_moment
store_moment_now(int64_t max_step)
{
	struct store_moment moment = {
		.at = monotime_now(),
		.wall = monotime_wall(),
		.max_step = max_step,
	};

	return moment;
}

int
store_row_is_alone(sqlite3 *db)
{
	sqlite3_stmt *ask;
	int alone = -1;

	if (sqlite3_prepare_v2(db,
		"SELECT count(*) = 1 AND max(sql) = ? "
		"FROM sqlite_master",
		-1, &ask, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_bind_text(ask, 1, store_row_create, -1, SQLITE_STATIC) ==
		SQLITE_OK &&
	    sqlite3_step(ask) == SQLITE_ROW)
		alone = sqlite3_column_int(ask, 0);
	sqlite3_finalize(ask);
	return alone;
}

/* Parameters are counted from 1. */
static int
bind_text(sqlite3_stmt *put, enum column column, const char *s)
{
	return sqlite3_bind_text(put, (int)column + 1, s, -1, SQLITE_TRANSIENT);
}

static int
bind_seconds(sqlite3_stmt *put, enum column column, int64_t ns)
{
	return sqlite3_bind_double(put, (int)column + 1, (double)ns / NS_PER_S);
}

static int
bind_count(sqlite3_stmt *put, enum column column, unsigned count)
{
	return sqlite3_bind_int64(put, (int)column + 1, count);
}

/* at: a time of the row. */
static int
bind_time(sqlite3_stmt *put, enum column column,
    const struct store_moment *moment, int64_t at)
{
	return bind_seconds(put, column, moment->wall - (moment->at - at));
}

/* Without a verdict its columns stay NULL, as they are after
 * sqlite3_clear_bindings(). */
static int
bind_verdict(sqlite3_stmt *put, const struct row *row,
    const struct store_moment *moment)
{
	if (!row->known)
		return SQLITE_OK;
	return bind_text(put, VERDICT, verdict_kind_name(row->verdict.kind)) |
	    bind_text(put, NAME, row->verdict.name) |
	    bind_text(put, GENERATION, row->generation) |
	    bind_seconds(put, SCAN_SECONDS, row->scan_time) |
	    bind_time(put, VERDICT_AT, moment, row->verdict_at);
}

static int
bind_tries(sqlite3_stmt *put, const struct row *row,
    const struct store_moment *moment)
{
	return bind_count(put, FAILURES, row->failures) |
	    bind_text(put, FAILED_IN, row->failed_in) |
	    bind_count(put, TRIES, row->tries) |
	    bind_time(put, FIRST_TRY_AT, moment, row->first_at) |
	    bind_time(put, LAST_TRY_AT, moment, row->last_at) |
	    bind_seconds(put, WRITTEN_AT, moment->wall) |
	    bind_count(put, FETCHED, row->fetched);
}

static int
bind_envelopes(sqlite3_stmt *put, const struct row *row)
{
	struct key digests[ROW_ENVELOPES];
	char generations[ROW_ENVELOPES * ROW_GENERATION_SIZE];
	size_t used = 0;

	generations[0] = '\0';
	for (size_t i = 0; i < row->envelope_count; i++) {
		digests[i] = row->envelopes[i].digest;
		used += (size_t)snprintf(generations + used,
		    sizeof generations - used, "%s%s", i > 0 ? "," : "",
		    row->envelopes[i].generation);
	}
	return sqlite3_bind_blob(put, ENVELOPES + 1, digests,
		   (int)(row->envelope_count * sizeof *digests),
		   SQLITE_TRANSIENT) |
	    bind_text(put, WAITS_FOR, generations);
}

static int
bind_story(sqlite3_stmt *put, const struct row *row)
{
	int failed = bind_envelopes(put, row);

	for (int i = 0; i < ROW_TEXTS; i++)
		failed |= bind_text(put, (enum column)(REASON + i),
		    row_text(row, (enum row_text)i));
	return failed;
}

bool
store_row_bind_key(sqlite3_stmt *statement, const struct key *key)
{
	char hex[2 * KEY_BYTES + 1];

	text_hex(hex, key->bytes, sizeof key->bytes);
	return bind_text(statement, KEY, hex) == SQLITE_OK;
}

bool
store_row_bind(sqlite3_stmt *put, const struct row *row,
    const struct store_moment *moment)
{
	sqlite3_clear_bindings(put);
	return store_row_bind_key(put, &row->key) &&
	    bind_verdict(put, row, moment) == SQLITE_OK &&
	    bind_tries(put, row, moment) == SQLITE_OK &&
	    bind_story(put, row) == SQLITE_OK;
}

static bool
read_text(sqlite3_stmt *select, enum column column, char *out, size_t size)
{
	const void *text;
	size_t len;

	if (sqlite3_column_type(select, (int)column) != SQLITE_TEXT)
		return false;
	text = sqlite3_column_text(select, (int)column);
	len = (size_t)sqlite3_column_bytes(select, (int)column);
	if (text == NULL || len >= size || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* A name as the wire would let pass, or "". */
static bool
read_name(sqlite3_stmt *select, enum column column, char *out, size_t size)
{
	return read_text(select, column, out, size) &&
	    (out[0] == '\0' || text_is_signature_name(out));
}

static bool
read_count(sqlite3_stmt *select, enum column column, unsigned *count_r)
{
	sqlite3_int64 count = sqlite3_column_int64(select, (int)column);

	if (sqlite3_column_type(select, (int)column) != SQLITE_INTEGER ||
	    count < 0 || count > UINT_MAX)
		return false;
	*count_r = (unsigned)count;
	return true;
}

/* False for infinity and beyond. */
static bool
read_seconds(sqlite3_stmt *select, enum column column, double max,
    double *seconds_r)
{
	if (sqlite3_column_type(select, (int)column) != SQLITE_FLOAT)
		return false;
	*seconds_r = sqlite3_column_double(select, (int)column);
	return *seconds_r >= -AGE_MAX && *seconds_r <= max;
}

/* When the row was written, in seconds; and when that was by the row's
 * clock, in nanoseconds. */
struct written {
	double at;
	int64_t then;
};

static bool
read_written(sqlite3_stmt *select, const struct store_moment *moment,
    struct written *written_r)
{
	int64_t growth;

	if (!read_seconds(select, WRITTEN_AT, WRITTEN_AT_MAX, &written_r->at))
		return false;
	growth = moment->wall - (int64_t)(written_r->at * NS_PER_S);
	if (growth < 0)
		growth = 0;
	if (growth > moment->max_step)
		growth = moment->max_step;
	written_r->then = moment->at - growth;
	return true;
}

static bool
read_time(sqlite3_stmt *select, enum column column,
    const struct written *written, int64_t *time_r)
{
	double at, age;

	if (!read_seconds(select, column, WRITTEN_AT_MAX, &at))
		return false;
	age = written->at - at;
	if (!(age >= 0 && age <= AGE_MAX))
		return false;
	*time_r = written->then - (int64_t)(age * NS_PER_S);
	return true;
}

static bool
read_flag(sqlite3_stmt *select, enum column column, bool *flag_r)
{
	unsigned flag;

	if (!read_count(select, column, &flag) || flag > 1)
		return false;
	*flag_r = flag != 0;
	return true;
}

/* Only what a scan found out is ever written. */
static bool
read_kind(sqlite3_stmt *select, enum verdict_kind *kind_r)
{
	struct verdict verdict;
	char name[32];
	int kind;

	if (!read_text(select, VERDICT, name, sizeof name))
		return false;
	for (kind = 0; kind < VERDICT_KINDS; kind++)
		if (strcmp(name, verdict_kind_name((enum verdict_kind)kind)) ==
		    0)
			break;
	if (kind == VERDICT_KINDS)
		return false;
	verdict.kind = *kind_r = (enum verdict_kind)kind;
	return verdict_is_final(&verdict);
}

static bool
read_verdict(sqlite3_stmt *select, const struct written *written,
    struct row *row)
{
	double seconds;

	row->known = sqlite3_column_type(select, VERDICT) != SQLITE_NULL;
	if (!row->known)
		return true;
	if (!read_kind(select, &row->verdict.kind) ||
	    !read_name(select, NAME, row->verdict.name,
		sizeof row->verdict.name) ||
	    !read_name(select, GENERATION, row->generation,
		sizeof row->generation) ||
	    !read_seconds(select, SCAN_SECONDS, AGE_MAX, &seconds) ||
	    seconds < 0)
		return false;
	row->scan_time = (int64_t)(seconds * NS_PER_S + 0.5);
	return read_time(select, VERDICT_AT, written, &row->verdict_at);
}

static bool
read_tries(sqlite3_stmt *select, const struct written *written, struct row *row)
{
	return read_count(select, FAILURES, &row->failures) &&
	    read_name(select, FAILED_IN, row->failed_in,
		sizeof row->failed_in) &&
	    read_count(select, TRIES, &row->tries) &&
	    read_time(select, FIRST_TRY_AT, written, &row->first_at) &&
	    read_time(select, LAST_TRY_AT, written, &row->last_at) &&
	    read_flag(select, FETCHED, &row->fetched);
}

static bool
read_story(sqlite3_stmt *select, struct row *row)
{
	char text[ROW_TEXT_MAX];

	for (int i = 0; i < ROW_TEXTS; i++) {
		if (!read_text(select, (enum column)(REASON + i), text,
			row_text_size[i]))
			return false;
		row_copy_text(row, (enum row_text)i, text);
	}
	return true;
}

static bool
read_envelopes(sqlite3_stmt *select, struct row *row)
{
	const unsigned char *blob;
	struct key envelope;
	size_t size;

	if (sqlite3_column_type(select, ENVELOPES) != SQLITE_BLOB)
		return false;
	blob = sqlite3_column_blob(select, ENVELOPES);
	size = (size_t)sqlite3_column_bytes(select, ENVELOPES);
	if (size > ROW_ENVELOPES * sizeof envelope ||
	    size % sizeof envelope != 0)
		return false;
	for (size_t at = 0; at < size; at += sizeof envelope) {
		memcpy(&envelope, blob + at, sizeof envelope);
		row_add_envelope(row, &envelope, "");
	}
	return true;
}

/* As many generations as there are envelopes, each as a name or "". */
static bool
read_generations(sqlite3_stmt *select, struct row *row)
{
	char text[ROW_ENVELOPES * ROW_GENERATION_SIZE], *next = text;

	if (sqlite3_column_type(select, WAITS_FOR) == SQLITE_NULL) {
		row_answer_all(row);
		return true;
	}
	if (!read_text(select, WAITS_FOR, text, sizeof text))
		return false;
	for (size_t i = 0; i < row->envelope_count; i++) {
		const char *name = strsep(&next, ",");

		if (name == NULL || strlen(name) >= ROW_GENERATION_SIZE ||
		    (name[0] != '\0' && !text_is_signature_name(name)))
			return false;
		snprintf(row->envelopes[i].generation, ROW_GENERATION_SIZE,
		    "%s", name);
	}
	return row->envelope_count == 0 || next == NULL;
}

static bool
read_key(sqlite3_stmt *select, struct key *key_r)
{
	char hex[2 * KEY_BYTES + 1];
	size_t len;

	return read_text(select, KEY, hex, sizeof hex) &&
	    strspn(hex, "0123456789abcdef") == sizeof hex - 1 &&
	    sodium_hex2bin(key_r->bytes, sizeof key_r->bytes, hex,
		sizeof hex - 1, NULL, &len, NULL) == 0;
}

bool
store_row_read(sqlite3_stmt *select, const struct store_moment *moment,
    struct row *row_r)
{
	struct written written;

	memset(row_r, 0, sizeof *row_r);
	if (read_key(select, &row_r->key) &&
	    read_written(select, moment, &written) &&
	    read_verdict(select, &written, row_r) &&
	    read_tries(select, &written, row_r) && read_story(select, row_r) &&
	    read_envelopes(select, row_r) && read_generations(select, row_r))
		return true;
	row_fini(row_r);
	return false;
}
