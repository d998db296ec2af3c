/* store - what must outlast a restart, written behind to one SQLite file
 *
 * The ledger (ledger.h) is the truth, in memory; the store is its copy on
 * disk.  At start the rows are read, once; from then on every change of a row
 * is handed over as a whole and written by the store's own thread, which
 * alone touches SQLite.  Nobody ever waits for it: rows that change again
 * before they are written replace each other, and if more than
 * STORE_PENDING wait (a disk that hangs) further ones are dropped and
 * counted.
 *
 * A file that is corrupt, of another version, or that can't be written any
 * more is set aside (renamed to PATH.bad-N, of which eight are kept) with an
 * error in the log, and a new one is begun with all rows that wait or are
 * handed over from then on.  Where that fails as well, or would be of no use
 * (no room on the disk, a read-only file system), the store goes on without a
 * file and tries again every minute.  While another program locks the file it
 * tries every second.  A file that can't be opened by store_open() isn't
 * read later.
 *
 * What is written survives kill -9, and the power too.
 *
 * The interface knows rows and keys only, so that a store that several MX
 * hosts share can stand behind it.
 *
 * Any thread; no function but store_open() and store_close() blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_STORE_H
#define SCAN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "scan/key.h"
#include "scan/verdict.h"

#define STORE_ENVELOPES 32	/* of one row, the latest */
#define STORE_PENDING 50000	/* rows that wait to be written: 125 MB */
/* From the handing over of a row until it is on disk, if that is well. */
#define STORE_DELAY ((int64_t)200 * 1000000)

/* One content that was deferred or that failed.  A value, copied.  Strings
 * end with a NUL; ages are not negative and kept to the microsecond; the
 * verdict is final (verdict_is_final()), or else it isn't found again. */
struct store_row {
	struct key key;
	bool known;		/* verdict, generation, scan_time are set */
	struct verdict verdict;
	char generation[17];
	int64_t scan_time;	/* ns */
	int64_t verdict_age;	/* ns since the verdict */
	unsigned failures;	/* of the content's own doing, in failed_in */
	char failed_in[17];
	unsigned tries;		/* that were deferred */
	int64_t first_age;	/* ns since the first of them */
	int64_t last_age;	/* ns since the last of them */
	char reason[64];	/* of the last deferral */
	char sender[256];	/* of the last try; these four are cut to fit */
	char recipients[512];
	char message_id[256];
	char queue_id[64];
	size_t envelope_count;
	struct key envelopes[STORE_ENVELOPES];	/* oldest first */
};

/* Called by store_open() for each row, in no order; the row is the callee's
 * only during the call.  Ages have grown by the time since they were written
 * as far as the wall clock tells it, but never shrink and never grow by more
 * than max_step: a clock that was stepped ages nobody out.  Rows that make
 * no sense are left out. */
typedef void store_row_function(void *context, const struct store_row *row);

struct store;

/* Opens or makes the file, reads all rows, starts the writing thread.  Never
 * fails for the file's sake (see above); ERROR_SYSTEM if the thread can't be
 * started.  max_step: ns. */
CHECK_RESULT enum error_code store_open(const char *path, int64_t max_step,
    store_row_function *each, void *context, struct store **store_r,
    struct error *err);

/* Hands over a row, new or changed. */
void store_put(struct store *store, const struct store_row *row);

/* Says that a row is no more. */
void store_delete(struct store *store, const struct key *key);

/* Rows that wait to be written, and those that were dropped so far. */
struct store_state {
	size_t pending;
	uint64_t dropped;
	bool has_file;
};
struct store_state store_state(struct store *store);

/* Writes what is pending, for no longer than until (monotime.h), and ends the
 * thread; one that hangs in the disk is left behind.  No other call may be
 * under way.  Sets *store to NULL. */
void store_close(struct store **store, int64_t until);

/* Adds to row what an older one of the same content, which it doesn't know of,
 * has.  The rule: what is newer stands, and nothing of the older is lost that
 * would still hold if the two had been one row all the time:
 *
 *   verdict	row's, else the older one
 *   failures	of both, if of one generation; else row's, if it has any
 *   tries	of both; when the first was, is the older one's to say
 *   last try	row's (its time, reason, sender and so on), else the older one
 *   envelopes	of both, the latest STORE_ENVELOPES
 *
 * The ages of both must be of one moment.  Pure. */
void store_merge(struct store_row *row, const struct store_row *older);

#endif
