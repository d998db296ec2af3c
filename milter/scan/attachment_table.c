/* attachment_table - parts of mails that were scanned whole and found clean
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/attachment_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "config/config.h"

struct entry {
	struct key key;
	/* The scan that has it in work; NULL once it is known. */
	const struct attachment_list *in_work;
	bool overdue;    /* somebody has waited for that in vain */
	uint64_t worker; /* that vouched for it */
	int64_t kept_at;
	struct entry *prev, *next; /* the one used longest ago first */
	UT_hash_handle hh;
};

struct attachment_table {
	pthread_mutex_t lock; /* all below */
	const struct config *config;
	struct entry *by_key;
	struct entry *by_use;
	uint64_t workers; /* numbers given away */
};

struct attachment_table *
attachment_table_create(const struct config *config)
{
	struct attachment_table *set = calloc(1, sizeof *set);

	if (set == NULL)
		abort();
	set->config = config_ref(config);
	pthread_mutex_init(&set->lock, NULL);
	return set;
}

static void
drop(struct attachment_table *set, struct entry *entry)
{
	DL_DELETE(set->by_use, entry);
	HASH_DEL(set->by_key, entry);
	free(entry);
}

void
attachment_table_configure(struct attachment_table *set,
    const struct config *config)
{
	pthread_mutex_lock(&set->lock);
	config_replace(&set->config, config);
	pthread_mutex_unlock(&set->lock);
}

void
attachment_table_destroy(struct attachment_table **set)
{
	while ((*set)->by_use != NULL)
		drop(*set, (*set)->by_use);
	config_unref(&(*set)->config);
	pthread_mutex_destroy(&(*set)->lock);
	free(*set);
	*set = NULL;
}

uint64_t
attachment_table_worker(struct attachment_table *set)
{
	uint64_t worker;

	pthread_mutex_lock(&set->lock);
	worker = ++set->workers;
	pthread_mutex_unlock(&set->lock);
	return worker;
}

static struct entry *
find(struct attachment_table *set, const struct key *key)
{
	struct entry *entry;

	HASH_FIND(hh, set->by_key, key, sizeof *key, entry);
	return entry;
}

/* An entry that is known, but too old, counts as none. */
static struct entry *
find_valid(struct attachment_table *set, const struct key *key, int64_t now)
{
	struct entry *entry = find(set, key);

	if (entry != NULL && entry->in_work == NULL &&
	    now - entry->kept_at >= set->config->cache_attachment_ttl) {
		drop(set, entry);
		entry = NULL;
	}
	return entry;
}

/* Puts a part in work for this scan. */
static void
take_on(struct attachment_table *set, struct attachment_list *list,
    const struct key *key)
{
	struct entry *entry;

	if (set->config->cache_attachments == 0 ||
	    list->count >= WIRE_ATTACHMENTS_MAX)
		return;
	while (HASH_COUNT(set->by_key) >= set->config->cache_attachments)
		drop(set, set->by_use);
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		abort();
	entry->key = *key;
	entry->in_work = list;
	HASH_ADD(hh, set->by_key, key, sizeof entry->key, entry);
	DL_APPEND(set->by_use, entry);
	list->keys[list->count++] = *key;
}

enum attachment_answer
attachment_table_ask(struct attachment_table *set, struct attachment_list *list,
    const struct key *key, bool patient, int64_t now)
{
	enum attachment_answer answer = ATTACHMENT_UNKNOWN;
	struct entry *entry;

	pthread_mutex_lock(&set->lock);
	entry = find_valid(set, key, now);
	if (entry == NULL) {
		take_on(set, list, key);
	} else if (entry->in_work == NULL) {
		DL_DELETE(set->by_use, entry);
		DL_APPEND(set->by_use, entry);
		answer = ATTACHMENT_KNOWN;
	} else if (entry->in_work != list) {
		entry->overdue |= !patient;
		if (!entry->overdue && list->count == 0)
			answer = ATTACHMENT_BUSY;
	}
	pthread_mutex_unlock(&set->lock);
	return answer;
}

void
attachment_table_end(struct attachment_table *set, struct attachment_list *list,
    bool clean, int64_t now)
{
	struct entry *entry;
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < list->count; i++) {
		entry = find(set, &list->keys[i]);
		/* It may have been driven out, and be in work for others. */
		if (entry == NULL || entry->in_work != list)
			continue;
		entry->in_work = NULL;
		entry->worker = list->worker;
		entry->kept_at = now;
		if (!clean)
			drop(set, entry);
	}
	list->count = 0;
	pthread_mutex_unlock(&set->lock);
}

void
attachment_table_revoke(struct attachment_table *set, uint64_t worker)
{
	struct entry *entry, *next;

	pthread_mutex_lock(&set->lock);
	DL_FOREACH_SAFE(set->by_use, entry, next)
	if (entry->in_work == NULL && entry->worker == worker)
		drop(set, entry);
	pthread_mutex_unlock(&set->lock);
}

size_t
attachment_table_size(struct attachment_table *set)
{
	size_t size;

	pthread_mutex_lock(&set->lock);
	size = HASH_COUNT(set->by_key);
	pthread_mutex_unlock(&set->lock);
	return size;
}
