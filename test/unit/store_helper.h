/* store_helper - a store in a directory of its own, opened again and again
 *
 * One at a time.  What fails fails the test, but for what is said to be for
 * child processes too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef STORE_HELPER_H
#define STORE_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/monotime.h"
#include "ledger/row.h"
#include "ledger/store.h"

#define KEPT_MAX_STEP (3600 * MONOTIME_S) /* the store's max_step */
#define KEPT_SOON (20 * MONOTIME_S)       /* a bound for slow machines */

/* What the last store_open() has read. */
struct kept_rows {
	size_t count;
	struct row last;
};

/* Before and after each test. */
int kept_setup(void **state);
int kept_teardown(void **state);

/* Where the directory and the store's file are.  For child processes too. */
const char *kept_directory(void);
const char *kept_path(void);

/* Removes all that is in the directory. */
void kept_empty(void);

/* From now on the ledger of a store has the rows kept_row(0) to
 * kept_row(count - 1); at first it has none. */
void kept_remember(unsigned count);

/* Opens the store and waits until the rows are read. */
struct store *kept_open(void);

/* NULL on failure.  For child processes. */
struct store *kept_try_open(void);

/* Ends a store well.  For child processes too. */
void kept_close(struct store **store);

/* What was read.  For child processes too. */
const struct kept_rows *kept_seen(void);

/* Opens the store and closes it; returns the count of kept_seen(). */
size_t kept_count(void);

/* How old a row of kept_row() is, at the least. */
#define KEPT_VERDICT_AGE (5 * MONOTIME_S + 7000)
#define KEPT_FIRST_AGE (600 * MONOTIME_S)

/* A row with all that it can have; n is all that tells it from others.  What it
 * points to is static: it must be neither changed nor freed. */
struct row kept_row(unsigned n);

/* Fails the test unless both have the same in all that is kept; times may
 * differ by KEPT_SOON. */
void kept_expect_same(const struct row *row, const struct row *expected);

/* Hands row n over; for child processes too. */
void kept_put(struct store *store, unsigned n);

/* Opens the store, puts rows 0 to count - 1 and closes it. */
void kept_write(unsigned count);

/* Does something to the file, as an administrator would. */
void kept_sql(const char *statement);

/* True if there is a file of the store's path with that suffix.  For child
 * processes too. */
bool kept_exists(const char *suffix);

/* True as soon as the store is like that.  For child processes too. */
bool kept_becomes(struct store *store, bool has_file, size_t pending);

/* Sleeps for that many nanoseconds. */
void kept_sleep(int64_t duration);

#endif
