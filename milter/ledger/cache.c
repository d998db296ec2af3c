/* cache - verdicts kept in memory, by key
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "config/config.h"

struct entry {
	struct key key;
	struct verdict verdict;
	char generation[17];
	int64_t scan_time;
	int64_t stored_at;
	struct entry *prev, *next; /* the one used longest ago first */
	UT_hash_handle hh;
};

struct cache {
	const struct config *config;
	struct entry *by_key;
	struct entry *by_use;
};

struct cache *
cache_create(const struct config *config)
{
	struct cache *cache = calloc(1, sizeof *cache);

	if (cache == NULL)
		abort();
	cache->config = config_ref(config);
	return cache;
}

static void
drop(struct cache *cache, struct entry *entry)
{
	DL_DELETE(cache->by_use, entry);
	HASH_DEL(cache->by_key, entry);
	free(entry);
}

void
cache_configure(struct cache *cache, const struct config *config)
{
	config_replace(&cache->config, config);
}

void
cache_destroy(struct cache **cache)
{
	while ((*cache)->by_use != NULL)
		drop(*cache, (*cache)->by_use);
	config_unref(&(*cache)->config);
	free(*cache);
	*cache = NULL;
}

static struct entry *
find(struct cache *cache, const struct key *key)
{
	struct entry *entry;

	HASH_FIND(hh, cache->by_key, key, sizeof *key, entry);
	return entry;
}

static void
touch(struct cache *cache, struct entry *entry)
{
	DL_DELETE(cache->by_use, entry);
	DL_APPEND(cache->by_use, entry);
}

static struct entry *
make(struct cache *cache, const struct key *key)
{
	struct entry *entry;

	while (cache_size(cache) >= cache->config->cache_entries)
		drop(cache, cache->by_use);
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		abort();
	entry->key = *key;
	HASH_ADD(hh, cache->by_key, key, sizeof entry->key, entry);
	DL_APPEND(cache->by_use, entry);
	return entry;
}

bool
cache_lookup(struct cache *cache, const struct key *key, const char *generation,
    int64_t now, struct cache_answer *answer_r)
{
	struct entry *entry = find(cache, key);

	if (entry == NULL || strcmp(entry->generation, generation) != 0 ||
	    now - entry->stored_at >= cache->config->cache_ttl)
		return false;
	touch(cache, entry);
	answer_r->verdict = entry->verdict;
	answer_r->scan_time = entry->scan_time;
	return true;
}

void
cache_store(struct cache *cache, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now)
{
	struct entry *entry = find(cache, key);

	if (entry == NULL)
		entry = make(cache, key);
	else
		touch(cache, entry);
	entry->verdict = *verdict;
	entry->scan_time = scan_time;
	entry->stored_at = now;
	snprintf(entry->generation, sizeof entry->generation, "%s", generation);
}

size_t
cache_size(const struct cache *cache)
{
	return HASH_COUNT(cache->by_key);
}
