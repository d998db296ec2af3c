/* cache - verdicts kept in memory, by key
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "config/config.h"

#define ENVELOPES_MAX 32

struct entry {
	struct key key;
	bool known;		/* verdict, generation and times are set */
	struct verdict verdict;
	char generation[17];
	int64_t scan_time;
	int64_t stored_at;
	unsigned failures;	/* in failed_in */
	char failed_in[17];
	struct key *envelopes;	/* tries that were deferred, oldest first */
	size_t envelope_count;
	struct entry *prev, *next;	/* in plain or late, oldest first */
	UT_hash_handle hh;
};

struct cache {
	const struct config *config;
	struct entry *by_key;
	struct entry *plain;	/* nobody was deferred */
	struct entry *late;	/* somebody was: these go last */
};

struct cache *
cache_create(const struct config *config)
{
	struct cache *cache = calloc(1, sizeof *cache);

	if (cache == NULL)
		abort();
	cache->config = config;
	return cache;
}

static struct entry **
list_of(struct cache *cache, const struct entry *entry)
{
	return entry->envelope_count > 0 ? &cache->late : &cache->plain;
}

static void
drop(struct cache *cache, struct entry *entry)
{
	struct entry **list = list_of(cache, entry);

	DL_DELETE(*list, entry);
	HASH_DEL(cache->by_key, entry);
	free(entry->envelopes);
	free(entry);
}

void
cache_destroy(struct cache **cache)
{
	struct entry *entry, *next;

	HASH_ITER(hh, (*cache)->by_key, entry, next)
		drop(*cache, entry);
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

/* To the young end of its list. */
static void
touch(struct cache *cache, struct entry *entry)
{
	struct entry **list = list_of(cache, entry);

	DL_DELETE(*list, entry);
	DL_APPEND(*list, entry);
}

static struct entry *
find_or_make(struct cache *cache, const struct key *key)
{
	struct entry *entry = find(cache, key);

	if (entry != NULL) {
		touch(cache, entry);
		return entry;
	}
	while (cache_size(cache) >= cache->config->cache_entries)
		drop(cache, cache->plain != NULL ? cache->plain : cache->late);
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		abort();
	entry->key = *key;
	HASH_ADD(hh, cache->by_key, key, sizeof entry->key, entry);
	DL_APPEND(cache->plain, entry);
	return entry;
}

static bool
was_deferred(const struct entry *entry, const struct key *envelope)
{
	for (size_t i = 0; i < entry->envelope_count; i++)
		if (memcmp(&entry->envelopes[i], envelope,
		    sizeof *envelope) == 0)
			return true;
	return false;
}

/* Unscannable is final until signatures or engine change, whoever asks. */
static bool
holds_for_generation(const struct cache *cache, const struct entry *entry,
    const char *generation, int64_t age)
{
	int64_t ttl = entry->verdict.kind == VERDICT_UNSCANNABLE
	    ? cache->config->cache_late_ttl : cache->config->cache_ttl;

	return age < ttl && strcmp(entry->generation, generation) == 0;
}

static bool
holds_for_envelope(const struct cache *cache, const struct entry *entry,
    const struct key *envelope, int64_t age)
{
	return entry->verdict.kind != VERDICT_UNSCANNABLE &&
	    age < cache->config->cache_late_ttl &&
	    was_deferred(entry, envelope);
}

bool
cache_lookup(struct cache *cache, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct cache_answer *answer_r)
{
	struct entry *entry = find(cache, key);
	bool normal;

	if (entry == NULL || !entry->known)
		return false;
	normal = holds_for_generation(cache, entry, generation,
	    now - entry->stored_at);
	if (!normal && !holds_for_envelope(cache, entry, envelope,
	    now - entry->stored_at))
		return false;
	touch(cache, entry);
	answer_r->verdict = entry->verdict;
	answer_r->scan_time = entry->scan_time;
	memcpy(answer_r->generation, entry->generation,
	    sizeof answer_r->generation);
	answer_r->late = !normal;
	return true;
}

void
cache_store(struct cache *cache, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now)
{
	struct entry *entry = find_or_make(cache, key);

	entry->known = true;
	entry->verdict = *verdict;
	entry->scan_time = scan_time;
	entry->stored_at = now;
	snprintf(entry->generation, sizeof entry->generation, "%s",
	    generation);
}

void
cache_defer(struct cache *cache, const struct key *key,
    const struct key *envelope)
{
	struct entry *entry = find_or_make(cache, key);

	if (was_deferred(entry, envelope))
		return;
	if (entry->envelopes == NULL) {
		entry->envelopes = calloc(ENVELOPES_MAX, sizeof *envelope);
		if (entry->envelopes == NULL)
			abort();
	}
	if (entry->envelope_count == ENVELOPES_MAX)
		memmove(entry->envelopes, entry->envelopes + 1,
		    --entry->envelope_count * sizeof *envelope);
	if (entry->envelope_count == 0) {
		DL_DELETE(cache->plain, entry);
		DL_APPEND(cache->late, entry);
	}
	entry->envelopes[entry->envelope_count++] = *envelope;
}

unsigned
cache_count_failure(struct cache *cache, const struct key *key,
    const char *generation)
{
	struct entry *entry = find_or_make(cache, key);

	if (strcmp(entry->failed_in, generation) != 0)
		entry->failures = 0;
	snprintf(entry->failed_in, sizeof entry->failed_in, "%s", generation);
	return ++entry->failures;
}

size_t
cache_size(const struct cache *cache)
{
	return HASH_COUNT(cache->by_key);
}
