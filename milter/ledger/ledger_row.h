/* ledger_row - one row of the ledger, in memory and as the store has it
 *
 * Owned by the ledger, under its caller's lock.  Rows are many, so strings
 * and envelopes take what they need.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_LEDGER_ROW_H
#define LEDGER_LEDGER_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "wire/key.h"
#include "ledger/ledger.h"
#include "wire/verdict.h"

struct store_row;

/* Times are points on the monotonic clock. */
struct ledger_row {
	struct key key;
	bool known;   /* verdict and what belongs to it is set */
	bool fetched; /* a retry has had the verdict */
	bool alarmed;
	bool merged; /* with what the store has, if anything */
	struct verdict verdict;
	char generation[17];
	int64_t scan_time;
	int64_t verdict_at;
	unsigned failures; /* in failed_in */
	char failed_in[17];
	unsigned tries;
	int64_t first_at;
	int64_t last_at;
	int64_t touched_at;
	char reason[64];
	char *sender, *recipients, *message_id, *queue_id; /* last try's */
	struct key *envelopes;                             /* oldest first */
	size_t envelope_count;
	uint64_t touched_nth; /* of all: tells rows of one time apart */
	size_t place;         /* in its ledger_heap.h */
	UT_hash_handle hh;
};

/* Aborts if memory is short. */
struct ledger_row *ledger_row_make(const struct key *key, int64_t now);
void ledger_row_free(struct ledger_row *row);

/* Notes a try that was deferred. */
void ledger_row_try(struct ledger_row *row, const struct ledger_try *try,
    const char *reason, int64_t now);

bool ledger_row_has_envelope(const struct ledger_row *row,
    const struct key *envelope);

/* To and from the store: ages instead of times. */
void ledger_row_save(const struct ledger_row *row, int64_t now,
    struct store_row *saved_r);
struct ledger_row *ledger_row_load(const struct store_row *saved, int64_t now);

/* A row in the place of row, which has what is saved of the same content as
 * well (store_merge()); row stays as it is. */
struct ledger_row *ledger_row_merge(const struct ledger_row *row,
    const struct store_row *saved, int64_t now);

#endif
