/* ledger - what is known of mail that was deferred, or that failed
 *
 * A row for each content of which a try was answered "later", or whose scan
 * failed by its own doing.  It keeps
 *
 *   the late verdict, which answers a retry of the same sender and recipients
 *   for cache.late_ttl, whatever the generation: else a scan that is slower
 *   than the update interval would never end;
 *   the failures of a generation, and "unscannable", which they lead to and
 *   which holds for everybody until signatures or engine change;
 *   the story of the mail: tries, times, reason, who it is from and for.
 *
 * It is all in memory, bounded by limits.rows: rows that were tried once only
 * go first, the oldest of them.  Ages are kept by the monotonic clock.  Each
 * change is handed to the store (store.h), if there is one, which writes it
 * behind.  What the store has read is taken over when it comes, be that after
 * the first mail: a row that was made meanwhile becomes one with it.
 *
 * Not locked: the scanner that owns it calls it with its own lock held.
 * Nothing here blocks.  `now` is monotime.h's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/key.h"
#include "wire/verdict.h"

struct config;
struct ledger;
struct store;
struct store_row;

/* One try of a mail, as the MTA told it; strings may be NULL. */
struct ledger_try {
	struct key envelope; /* key_of_envelope() */
	const char *sender;
	const char *recipients; /* separated by blanks */
	const char *message_id;
	const char *queue_id;
};

struct ledger_answer {
	struct verdict verdict;
	int64_t scan_time; /* ns */
	char generation[17];
};

struct ledger_counts {
	size_t rows;
	size_t ready; /* have a verdict that no retry has fetched */
};

/* Aborts if memory is short.  It takes a reference to config. */
struct ledger *ledger_create(const struct config *config);
void ledger_destroy(struct ledger **ledger);

/* Goes by this snapshot from now on. */
void ledger_configure(struct ledger *ledger, const struct config *config);

/* From now on changes go to this store, which must outlive the ledger, or to
 * none (NULL). */
void ledger_attach(struct ledger *ledger, struct store *store);

/* Takes over a row that the store has read, within limits.rows.  One that is
 * here already is merged with it (store_merge()), once only. */
void ledger_load(struct ledger *ledger, const struct store_row *row);

/* Copies one row for the store: the first, or else the next after the last
 * call; false if there is none.  Rows that are added meanwhile come, too. */
bool ledger_next(struct ledger *ledger, bool first, int64_t now,
    struct store_row *row_r);

/* From now on each row that changes is also handed to this function, as the
 * store has it, by whoever changes it. */
typedef void ledger_heir_function(void *context, const struct store_row *row);
void ledger_set_heir(struct ledger *ledger, ledger_heir_function *heir,
    void *context);

/* Takes over a row of the process that was here before, which goes on for a
 * while: its state now.  Both began with the same row, so what both have
 * counted counts once. */
void ledger_inherit(struct ledger *ledger, const struct store_row *row);

/* True and *answer_r filled in if there is a verdict that holds for a try
 * with this envelope while generation is in service. */
bool ledger_lookup(struct ledger *ledger, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct ledger_answer *answer_r);

/* A try was answered "later", for this reason (one word).  Logs an alarm when
 * the mail has been deferred for longer than alarm_after. */
void ledger_defer(struct ledger *ledger, const struct key *key,
    const struct ledger_try *try, const char *reason, int64_t now);

/* A final verdict (verdict_is_final()) is there; kept if a try waits for it,
 * or if it is VERDICT_UNSCANNABLE. */
void ledger_verdict(struct ledger *ledger, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now);

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
