/* store_internal - what store.c, store_file.c and store_row.c share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_STORE_INTERNAL_H
#define LEDGER_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ledger/row.h"
#include "ledger/store.h"

/* For the tests: other limits than STORE_PENDING rows and a minute between
 * attempts. */
void store_set_limits(struct store *store, size_t pending, int64_t retry);

/* What is to be done about an operation that failed. */
enum store_trouble {
	STORE_WELL,
	STORE_BUSY,  /* another program holds the file: try again soon */
	STORE_LATER, /* nothing is wrong with the file: try again later */
	STORE_BAD,   /* this file is of no use: set it aside */
};

/* How times of a row and times in the file, which are those of the wall clock,
 * are told from each other: one moment by both clocks, in nanoseconds. */
struct store_moment {
	int64_t at;       /* by the clock of the row */
	int64_t wall;     /* since 1970 */
	int64_t max_step; /* for reading; as for store_open() */
};

/* Now, for a row that goes by the monotonic clock. */
struct store_moment store_moment_now(int64_t max_step);

/* Takes a row that was read; returns false to read no further. */
typedef bool store_file_function(void *context, const struct row *row);

/* The version of the table.  A file of version 1 or 2 is changed to it. */
#define STORE_VERSION 3

/* The open file, used by one thread at a time.  All but close, rollback and
 * stands say in *err what went wrong when they return trouble. */
struct store_file;

/* Opens or makes the file and checks its structure; NULL in *file_r on
 * trouble.  One that can only be read is opened, too. */
CHECK_RESULT enum store_trouble store_file_open(const char *path,
    struct store_file **file_r, struct error *err);

/* Reads all rows, until each returns false. */
CHECK_RESULT enum store_trouble store_file_read(struct store_file *file,
    int64_t max_step, store_file_function *each, void *context,
    struct error *err);

/* Merges into row what the file has of the same content, if anything. */
CHECK_RESULT enum store_trouble store_file_merge(struct store_file *file,
    struct row *row, const struct store_moment *moment, struct error *err);
CHECK_RESULT enum store_trouble store_file_writable(struct store_file *file,
    struct error *err);

/* A transaction. */
CHECK_RESULT enum store_trouble store_file_begin(struct store_file *file,
    struct error *err);
CHECK_RESULT enum store_trouble store_file_put(struct store_file *file,
    const struct row *row, const struct store_moment *moment,
    struct error *err);
CHECK_RESULT enum store_trouble store_file_delete(struct store_file *file,
    const struct key *key, struct error *err);
CHECK_RESULT enum store_trouble store_file_commit(struct store_file *file,
    struct error *err);
void store_file_rollback(struct store_file *file);

/* False if the path leads to another file by now, or to none. */
bool store_file_stands(const struct store_file *file);

/* Harmless with NULL in *file, which it sets to NULL. */
void store_file_close(struct store_file **file);

/* Renames a closed file, with its journal, to PATH.bad-N; returns N, or 0
 * where that isn't possible.  At most STORE_BAD_KEPT stay: the last is
 * overwritten. */
#define STORE_BAD_KEPT 8
unsigned store_file_set_aside(const char *path);

/* The table, and the statements on it: put has its parameters bound by
 * store_row_bind(), find and delete by store_row_bind_key() (false: memory is
 * short), and each row that select, list or find yields is read by
 * store_row_read(), which is false if that makes no sense; else *row_r is for
 * row_fini(). */
extern const char store_row_create[];
extern const char store_row_upgrade_1[]; /* of version 1 */
extern const char store_row_upgrade_2[]; /* of version 2 */
extern const char store_row_select[];
extern const char store_row_list[]; /* for store_list() */
extern const char store_row_find[];
extern const char store_row_put[];
extern const char store_row_delete[];

/* 1 if the database has the table and nothing else, 0 if not: in a view, a
 * trigger or a constraint of somebody else's SQLite may be busy for ever.  -1
 * if it can't say. */
int store_row_is_alone(sqlite3 *db);

bool store_row_bind(sqlite3_stmt *put, const struct row *row,
    const struct store_moment *moment);
bool store_row_bind_key(sqlite3_stmt *statement, const struct key *key);
bool store_row_read(sqlite3_stmt *select, const struct store_moment *moment,
    struct row *row_r);

#endif
