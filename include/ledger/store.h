/* store - what must outlast a restart, written behind to one SQLite file
 *
 * The ledger (ledger.h) has all rows in memory; the store is their copy on
 * disk.  Only the store's own thread touches the file.  It first reads all rows
 * and hands them to the ledger, one by one; after that it begins to write.  The
 * ledger hands each row that has changed to the store as a whole, and never
 * waits: a row that changes again before it is written replaces the one that
 * waits, and if more than STORE_PENDING wait, since the disk hangs, further
 * ones are dropped and counted.
 *
 * While the file is being read, mail may be served already.  A row that the
 * ledger has made in the meantime is merged with the one in the file
 * (row_merge()), in the ledger and in the file.
 *
 * A file that is corrupt, of a later version, or that can't be written any more
 * is set aside: it is renamed to PATH.bad-N, of which eight are kept, with an
 * error in the log, and a new file is begun.  Then the store takes all rows
 * from the ledger and writes them.  It does the same when somebody has moved
 * the file away, and when it had to drop rows.  Where a new file can't be made
 * either, or would be of no use (no room on the disk, a read-only file system),
 * the store goes on without a file and tries again every minute.  While another
 * program locks the file it tries every second.  It writes nothing before the
 * file has been read or set aside.
 *
 * What is written survives kill -9, and a loss of power.
 *
 * The ledger knows no more of a store than store_put() and store_delete(), and
 * those know rows and keys only.  The file is known to store_open(), which
 * makes the store, and to store_list().  A store that several hosts share can
 * offer the same two functions and an opening function of its own; row_pack()
 * makes bytes of a row for it.
 *
 * Any thread; no function but store_wait() and store_close() blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ledger/row.h"
#include "wire/key.h"

#define STORE_NAME "ledger.sqlite" /* in state_directory */
#define STORE_PENDING 50000        /* rows that wait to be written */
/* From the handing over of a row until it is on disk, if the disk is well. */
#define STORE_DELAY ((int64_t)200 * 1000000)

/* Called by the store's thread for each row, in no order, without a lock; the
 * row is the callee's only during the call, and goes by the monotonic clock.
 * It has aged since it was written as far as the wall clock tells, but never
 * backwards and never by more than max_step: a clock that was stepped ages
 * nobody out.  Rows that make no sense are left out.  If reading fails in
 * between, it begins anew, and rows come twice. */
typedef void store_row_function(void *context, const struct row *row);

/* Copies one row of the ledger to *row_r: the first one, or else the next
 * after the last call; false if there is none.  Called by the store's thread,
 * without a lock, when all rows have to be written anew: until store_close()
 * returns, not only until it is called. */
typedef bool store_next_function(void *context, bool first, struct row *row_r);

struct store_reader {
	store_row_function *each;
	store_next_function *next; /* NULL: there are no rows */
	void *context;
	int64_t max_step; /* ns */
};

struct store;

/* Starts the thread, which opens or makes the file and reads it.  Never fails
 * for the file's sake (see above); ERROR_SYSTEM if the thread can't be
 * started.  The reader's context must live until store_close(). */
CHECK_RESULT enum error_code store_open(const char *path,
    const struct store_reader *reader, struct store **store_r,
    struct error *err);

/* Waits until all rows are read, or an attempt to read them has failed, but no
 * longer than until (monotime.h).  If it has waited in vain it tells the log
 * that the rows come later. */
void store_wait(struct store *store, int64_t until);

/* Hands over a row that is new or has changed; the store copies it.
 * row->merged says that it was read from the store, or merged with one that
 * was. */
void store_put(struct store *store, const struct row *row);

/* Has the row of this content removed. */
void store_delete(struct store *store, const struct key *key);

/* Rows that wait to be written, and those that were dropped so far. */
struct store_state {
	size_t pending;
	uint64_t dropped;
	bool has_file;
	bool is_read; /* or there was nothing to read */
};
struct store_state store_state(struct store *store);

/* Writes what waits, for no longer than until (monotime.h), and ends the
 * thread.  A thread that hangs in the disk is left behind.  When this returns,
 * the reader is not called any more, even if not all rows are read.  No other
 * call may be under way.  Sets *store to NULL. */
void store_close(struct store **store, int64_t until);

/* Calls each for every row of the file whose mail was deferred and has not had
 * its verdict, the oldest first, without changing anything: for people who want
 * to look, in a process of their own.  A store may have the file open; while it
 * writes this waits, for 5 s at most.  Times are those of the wall clock
 * (monotime_wall()).  err->text names the file, and says what there is to do if
 * it can't be read. */
CHECK_RESULT enum error_code store_list(const char *path,
    store_row_function *each, void *context, struct error *err);

#endif
