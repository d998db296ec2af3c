/* cache - verdicts kept in memory, by key
 *
 * A verdict here holds for its generation and cache.ttl, whoever asks: the
 * same mail to a thousand recipients is scanned once.  What must hold for
 * longer is in the ledger (ledger.h).
 *
 * Bounded by cache.entries; the entry used longest ago goes first.  Not
 * locked: the scanner that owns it calls it with its own lock held.  Nothing
 * here blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_CACHE_H
#define LEDGER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/key.h"
#include "wire/verdict.h"

struct cache;
struct config;

/* A copy of one entry. */
struct cache_answer {
	struct verdict verdict;
	int64_t scan_time; /* ns that the scan took */
};

/* Aborts if memory is short.  It takes a reference to config. */
struct cache *cache_create(const struct config *config);
void cache_destroy(struct cache **cache);

/* Goes by this snapshot from now on. */
void cache_configure(struct cache *cache, const struct config *config);

/* True and *answer_r filled in if there is a verdict that holds while
 * generation is in service.  now: monotime.h. */
bool cache_lookup(struct cache *cache, const struct key *key,
    const char *generation, int64_t now, struct cache_answer *answer_r);

/* Keeps a final verdict (verdict_is_final()). */
void cache_store(struct cache *cache, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now);

/* Entries now, never over cache.entries. */
size_t cache_size(const struct cache *cache);

#endif
