/* cache - verdicts kept in memory, by key
 *
 * A normal verdict holds for its generation and cache.ttl.  A verdict that
 * came after its reply (late) holds for cache.late_ttl across generations,
 * for tries of the same sender and recipients only: else a scan that is
 * slower than the update interval would never end.
 *
 * Failures that are the message's own doing are counted here too, for the
 * generation that they happened in.
 *
 * Bounded by cache.entries; the entry used longest ago goes first, those
 * with a late verdict after all others.  Not locked: the scanner that owns it
 * (scanner.h) calls it with its own lock held.  Nothing here blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_CACHE_H
#define SCAN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "scan/key.h"
#include "scan/verdict.h"

struct cache;
struct config;

/* A copy of one entry's verdict. */
struct cache_answer {
	struct verdict verdict;
	int64_t scan_time;	/* ns that the scan took */
	char generation[17];	/* that gave the verdict */
	bool late;		/* held for the envelope, not the generation */
};

/* Aborts if memory is short.  config must outlive it. */
struct cache *cache_create(const struct config *config);
void cache_destroy(struct cache **cache);

/* True and *answer_r filled in if there is a verdict that holds for a try
 * with this envelope while generation is in service.  now: monotime.h. */
bool cache_lookup(struct cache *cache, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct cache_answer *answer_r);

/* Keeps a final verdict (verdict_is_final()). */
void cache_store(struct cache *cache, const struct key *key,
    const struct verdict *verdict, const char *generation,
    int64_t scan_time, int64_t now);

/* Says that a try with this envelope was deferred while the verdict of key
 * was not there yet; may come before or after cache_store().  Of one key the
 * last 32 envelopes are kept. */
void cache_defer(struct cache *cache, const struct key *key,
    const struct key *envelope);

/* Counts a failure of the message's own doing in this generation; returns
 * how many there are now. */
unsigned cache_count_failure(struct cache *cache, const struct key *key,
    const char *generation);

/* Entries now, never over cache.entries. */
size_t cache_size(const struct cache *cache);

#endif
