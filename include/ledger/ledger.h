/* ledger - the verdicts that are known, and the mail that was deferred
 *
 * There is one row (row.h) for each content of which something is known.  Rows
 * are of two kinds.
 *
 * A row is kept if a try of its content was deferred or held, if a scan of it
 * failed by the content's own doing, or if it is unscannable.  Each change of
 * such a row is handed to the store (store.h), if there is one, which writes it
 * behind.  At most limits.rows are kept; those that were tried only once go
 * first, the oldest of them, and each goes when nothing has happened to it for
 * cache.late_ttl.
 *
 * Any other row has only the verdict of a mail that was answered in time.  It
 * is in memory alone.  There are at most cache.entries of them; the one that
 * was used longest ago goes first.
 *
 * Which verdict answers a mail:
 *
 *   the verdict of the generation that is in service answers everybody for
 *   cache.ttl, so that the same mail to a thousand recipients is scanned once;
 *   "unscannable" does so until signatures or engine change;
 *   a verdict of any generation answers the tries that waited for it, which
 *   are those of a kept row's senders and recipients, for cache.late_ttl: else
 *   a scan that is slower than the signatures' updates would never end;
 *   it does not answer a try that was deferred after it was there, unless that
 *   was in its own generation (row_answers()).
 *
 * What the store has read is taken over when it comes, be that after the first
 * mail: a row that was made meanwhile becomes one with it (row_merge()).
 *
 * Not locked: the scanner that owns the ledger calls it with its own lock held.
 * Nothing here blocks.  `now` is monotime.h's, as are the times of the rows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/row.h"
#include "wire/key.h"
#include "wire/verdict.h"

struct config;
struct ledger;
struct store;

struct ledger_answer {
	struct verdict verdict;
	int64_t scan_time; /* ns */
	char generation[17];
	/* It holds for the tries that waited for it, or it is "unscannable", or
	 * an earlier process found it. */
	bool late;
};

struct ledger_counts {
	size_t rows;     /* that are kept */
	size_t verdicts; /* the other rows */
	size_t ready; /* kept rows with a verdict that no retry has fetched */
};

/* Aborts if memory is short.  It takes a reference to config. */
struct ledger *ledger_create(const struct config *config);
void ledger_destroy(struct ledger **ledger);

/* Goes by this snapshot from now on. */
void ledger_configure(struct ledger *ledger, const struct config *config);

/* From now on changes go to this store, which must outlive the ledger, or to
 * none (NULL). */
void ledger_attach(struct ledger *ledger, struct store *store);

/* Takes over a row that the store has read, within limits.rows.  A row that the
 * ledger has already is merged with it, once only. */
void ledger_load(struct ledger *ledger, const struct row *row);

/* Copies one kept row for the store, which frees it (row_fini()): the first,
 * or else the next after the last call; false if there is none.  Rows that are
 * added meanwhile come, too. */
bool ledger_next(struct ledger *ledger, bool first, struct row *row_r);

/* From now on each row that changes, kept or not, is also handed to this
 * function, by whoever changes it. */
typedef void ledger_heir_function(void *context, const struct row *row);
void ledger_set_heir(struct ledger *ledger, ledger_heir_function *heir,
    void *context);

/* Takes over a row of the process that was here before, which goes on for a
 * while: its state now.  Both began with the same row, so what both have
 * counted counts once (row_unite()).  A verdict that this process has found
 * itself is not replaced. */
void ledger_inherit(struct ledger *ledger, const struct row *other);

/* True and *answer_r filled in if there is a verdict that answers a try with
 * this envelope while generation is in service. */
bool ledger_lookup(struct ledger *ledger, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct ledger_answer *answer_r);

/* A try had no verdict while generation was in service: it was deferred or
 * held.  Logs an alarm when the mail has been deferred for longer than
 * alarm_after. */
void ledger_defer(struct ledger *ledger, const struct key *key,
    const struct row_try *try, const char *generation, int64_t now);

/* A final verdict (verdict_is_final()) is there. */
void ledger_verdict(struct ledger *ledger, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now);

/* A try with this envelope has had its verdict, so its sender need not come
 * back. */
void ledger_fetched(struct ledger *ledger, const struct key *key,
    const struct key *envelope);

/* Counts a failure of the content's own doing; returns how many there are in
 * this generation now. */
unsigned ledger_fail(struct ledger *ledger, const struct key *key,
    const char *generation, int64_t now);

/* How many there are. */
unsigned ledger_failures(const struct ledger *ledger, const struct key *key,
    const char *generation);

/* True if a try of this content was deferred before. */
bool ledger_was_deferred(const struct ledger *ledger, const struct key *key);

/* True if mail of this sender was deferred and may come back. */
bool ledger_awaits_sender(const struct ledger *ledger, const char *sender);

/* Says in the log, once an hour, how many verdicts are ready that no retry has
 * fetched, if there are any.  Returns when it is to be called again. */
int64_t ledger_report(struct ledger *ledger, int64_t now);

struct ledger_counts ledger_counts(const struct ledger *ledger);

#endif
