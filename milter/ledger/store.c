/* store - what must outlast a restart, written behind to one SQLite file
 *
 * Rows wait in a table by key, in which a newer row replaces an older one of
 * the same content.  The thread takes the whole table away as its batch, and
 * writes it without holding the lock.  Rows that could not be written stay in
 * the batch for the next attempt; the thread takes no other batch before.
 *
 * While the file is being read the thread takes no batch: the ledger merges the
 * rows that wait with those that are read, and hands them over again.  If the
 * store is closed before all is read, the thread merges the rest by itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger/store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cond.h"
#include "base/log.h"
#include "base/monotime.h"
#include "store_internal.h"

#define RETRY (60 * MONOTIME_S)
#define RETRY_BUSY MONOTIME_S
#define SLICE 1000 /* rows in one transaction */

/* A row that waits to be written, or removed. */
struct item {
	struct key key;
	bool removed; /* else row is to be written */
	struct row row;
	struct store_moment moment; /* when it was handed over */
	UT_hash_handle hh;
};

struct store {
	char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;    /* for the thread */
	pthread_cond_t changed; /* for store_wait() and store_close() */
	struct store_reader reader;

	/* Under the lock: */
	bool is_read;
	bool has_tried;   /* to read it, once at least */
	bool was_awaited; /* store_wait() has waited in vain */
	bool calls;       /* the reader is being called */
	struct item *pending;
	int64_t pending_since; /* the oldest of them */
	size_t batch_count;
	size_t limit;
	uint64_t dropped;
	bool has_file;
	enum store_trouble trouble; /* of the last attempt */
	int64_t tried_at;
	int64_t retry;
	bool stopping;
	int64_t until;
	bool has_ended;
	bool abandoned; /* the thread is to free the store */

	/* The thread's own: */
	struct store_file *file;
	struct item *batch;
	bool owes_all; /* all rows of the ledger are to be written */
	uint64_t dropped_logged;
	uint64_t dropped_made_up;
};

static void
item_free(struct item *item)
{
	if (item == NULL)
		return;
	row_fini(&item->row);
	free(item);
}

static void
free_items(struct item **items)
{
	struct item *item, *next;

	HASH_ITER (hh, *items, item, next) {
		HASH_DEL(*items, item);
		item_free(item);
	}
}

static void
destroy(struct store *store)
{
	store_file_close(&store->file);
	free_items(&store->pending);
	free_items(&store->batch);
	pthread_cond_destroy(&store->wake);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->lock);
	free(store->path);
	free(store);
}

/* Lock held. */
static size_t
count_waiting(const struct store *store)
{
	return HASH_COUNT(store->pending) + store->batch_count;
}

/* Keeps item, or drops it; returns the item that the caller has to free.  Lock
 * held. */
static struct item *
enter(struct store *store, struct item *item)
{
	struct item *old;

	HASH_FIND(hh, store->pending, &item->key, sizeof item->key, old);
	if (old == NULL && count_waiting(store) >= store->limit) {
		store->dropped++;
		return item;
	}
	if (store->pending == NULL) {
		store->pending_since = monotime_now();
		pthread_cond_signal(&store->wake);
	}
	if (old != NULL)
		HASH_DEL(store->pending, old);
	HASH_ADD(hh, store->pending, key, sizeof item->key, item);
	return old;
}

/* row is NULL if it is to be removed.  Memory is taken and given back without
 * the lock. */
static void
hand_over(struct store *store, const struct key *key, const struct row *row)
{
	struct item *item = calloc(1, sizeof *item), *spare;

	if (item == NULL)
		abort();
	item->key = *key;
	item->moment = store_moment_now(store->reader.max_step);
	item->removed = row == NULL;
	if (row != NULL)
		item->row = row_copy(row);
	pthread_mutex_lock(&store->lock);
	spare = enter(store, item);
	pthread_mutex_unlock(&store->lock);
	item_free(spare);
}

void
store_put(struct store *store, const struct row *row)
{
	hand_over(store, &row->key, row);
}

void
store_delete(struct store *store, const struct key *key)
{
	hand_over(store, key, NULL);
}

struct store_state
store_state(struct store *store)
{
	struct store_state state;

	pthread_mutex_lock(&store->lock);
	state.pending = count_waiting(store);
	state.dropped = store->dropped;
	state.has_file = store->has_file;
	state.is_read = store->is_read;
	pthread_mutex_unlock(&store->lock);
	return state;
}

void
store_set_limits(struct store *store, size_t pending, int64_t retry)
{
	pthread_mutex_lock(&store->lock);
	store->limit = pending;
	store->retry = retry;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->lock);
}

/* To be called before the reader is; false if that must not be called: its
 * owner is gone, or wants no more rows since it closes the store. */
static bool
begin_call(struct store *store, bool gives_rows)
{
	bool allowed;

	pthread_mutex_lock(&store->lock);
	allowed = gives_rows ? !store->abandoned : !store->stopping;
	store->calls = allowed;
	pthread_mutex_unlock(&store->lock);
	return allowed;
}

static void
end_call(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	store->calls = false;
	if (store->stopping)
		pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

/* False when the store is to be closed. */
static bool
deliver(void *context, const struct row *row)
{
	struct store *store = context;

	if (!begin_call(store, false))
		return false;
	store->reader.each(store->reader.context, row);
	end_call(store);
	return true;
}

static bool
next_row(struct store *store, bool first, struct row *row_r)
{
	bool there;

	if (store->reader.next == NULL || !begin_call(store, true))
		return false;
	there = store->reader.next(store->reader.context, first, row_r);
	end_call(store);
	return there;
}

/* The thread alone changes this, so it needs no lock to ask. */
static void
set_read(struct store *store)
{
	bool late;

	pthread_mutex_lock(&store->lock);
	store->is_read = !store->stopping;
	late = store->was_awaited && store->is_read;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (late)
		log_msg(LOG_LEVEL_NOTICE,
		    "store %s: the file has been read at last", store->path);
}

/* Opens the file; reads it if that has not been done. */
static enum store_trouble
open_file(struct store *store, struct error *err)
{
	enum store_trouble trouble;

	trouble = store_file_open(store->path, &store->file, err);
	if (trouble == STORE_WELL && !store->is_read) {
		trouble = store_file_read(store->file, store->reader.max_step,
		    deliver, store, err);
		if (trouble == STORE_WELL)
			set_read(store);
	}
	if (trouble == STORE_WELL)
		trouble = store_file_writable(store->file, err);
	if (trouble != STORE_WELL)
		store_file_close(&store->file);
	return trouble;
}

/* The first count items of the batch are on disk. */
static void
shorten_batch(struct store *store, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct item *item = store->batch;

		HASH_DEL(store->batch, item);
		item_free(item);
	}
	pthread_mutex_lock(&store->lock);
	store->batch_count -= count;
	pthread_mutex_unlock(&store->lock);
}

/* Writes one row, after it was merged with the one in the file if the ledger
 * has not read that.  The row remains the caller's. */
static enum store_trouble
write_row(struct store *store, struct row *row,
    const struct store_moment *moment, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;

	if (!store->is_read && !row->merged)
		trouble = store_file_merge(store->file, row, moment, err);
	if (trouble == STORE_WELL)
		trouble = store_file_put(store->file, row, moment, err);
	return trouble;
}

/* A slice that fails may be written again, so what is merged is a copy. */
static enum store_trouble
write_item(struct store *store, const struct item *item, struct error *err)
{
	enum store_trouble trouble;
	struct row row;

	if (item->removed)
		return store_file_delete(store->file, &item->key, err);
	row = row_copy(&item->row);
	trouble = write_row(store, &row, &item->moment, err);
	row_fini(&row);
	return trouble;
}

/* Writes the beginning of the batch, or nothing. */
static enum store_trouble
write_slice(struct store *store, struct error *err)
{
	enum store_trouble trouble = store_file_begin(store->file, err);
	const struct item *item = store->batch;
	size_t count;

	for (count = 0; trouble == STORE_WELL && item != NULL && count < SLICE;
	     count++) {
		trouble = write_item(store, item, err);
		item = item->hh.next;
	}
	if (trouble == STORE_WELL)
		trouble = store_file_commit(store->file, err);
	if (trouble == STORE_WELL)
		shorten_batch(store, count);
	else
		store_file_rollback(store->file);
	return trouble;
}

static bool
is_late(struct store *store)
{
	bool late;

	pthread_mutex_lock(&store->lock);
	late = store->stopping && monotime_now() >= store->until;
	pthread_mutex_unlock(&store->lock);
	return late;
}

static enum store_trouble
write_batch(struct store *store, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;

	while (trouble == STORE_WELL && store->batch != NULL && !is_late(store))
		trouble = write_slice(store, err);
	return trouble;
}

/* Writes a slice of the ledger's rows, the first ones or the next; *more_r:
 * there are others. */
static enum store_trouble
write_ledger_slice(struct store *store, bool first, bool *more_r,
    struct error *err)
{
	enum store_trouble trouble = store_file_begin(store->file, err);
	struct store_moment moment;
	struct row row;

	*more_r = true;
	for (size_t i = 0; trouble == STORE_WELL && i < SLICE; i++) {
		*more_r = next_row(store, first && i == 0, &row);
		if (!*more_r)
			break;
		moment = store_moment_now(store->reader.max_step);
		trouble = write_row(store, &row, &moment, err);
		row_fini(&row);
	}
	if (trouble == STORE_WELL)
		trouble = store_file_commit(store->file, err);
	if (trouble != STORE_WELL)
		store_file_rollback(store->file);
	return trouble;
}

/* Writes all rows of the ledger.  What changes meanwhile is handed over as
 * ever, and written after it.  After trouble it is begun again. */
static enum store_trouble
write_ledger(struct store *store, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;
	bool first = true, more = true;

	while (trouble == STORE_WELL && more && !is_late(store)) {
		trouble = write_ledger_slice(store, first, &more, err);
		first = false;
	}
	store->owes_all = trouble != STORE_WELL || more;
	return trouble;
}

/* What had to be dropped is made up for by writing all. */
static void
take_batch(struct store *store)
{
	if (store->batch != NULL)
		return;
	pthread_mutex_lock(&store->lock);
	if (store->dropped != store->dropped_made_up)
		store->owes_all = true;
	store->dropped_made_up = store->dropped;
	store->batch = store->pending;
	store->batch_count = HASH_COUNT(store->batch);
	store->pending = NULL;
	pthread_mutex_unlock(&store->lock);
}

/* Opens the file if it isn't open, and writes.  A file that somebody has moved
 * away is left alone, and another is begun.  A file that is open has been read,
 * unless the store is being closed. */
static enum store_trouble
attempt(struct store *store, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;

	if (store->file != NULL && !store_file_stands(store->file)) {
		store_file_close(&store->file);
		store->owes_all = true;
	}
	if (store->file == NULL)
		trouble = open_file(store, err);
	if (trouble == STORE_WELL)
		trouble = write_batch(store, err);
	if (trouble == STORE_WELL) {
		take_batch(store);
		trouble = write_batch(store, err);
	}
	if (trouble == STORE_WELL && store->owes_all)
		trouble = write_ledger(store, err);
	if (trouble != STORE_WELL && trouble != STORE_BUSY)
		store_file_close(&store->file);
	return trouble;
}

static bool
set_aside(struct store *store, const struct error *err)
{
	unsigned n = store_file_set_aside(store->path);

	if (n == 0)
		return false;
	log_msg(LOG_LEVEL_ERROR,
	    "store %s: %s; it is %s.bad-%u now, and a new one is begun "
	    "from memory",
	    store->path, err->text, store->path, n);
	return true;
}

/* Tells the log once what is wrong, and once that all is well again. */
static void
log_change(struct store *store, enum store_trouble before,
    enum store_trouble now, const struct error *err)
{
	if (now == before)
		return;
	if (now == STORE_WELL)
		log_msg(LOG_LEVEL_NOTICE, "store %s: it can be written again",
		    store->path);
	else if (now == STORE_BUSY)
		log_msg(LOG_LEVEL_WARNING,
		    "store %s: %s; what is to be written waits in memory",
		    store->path, err->text);
	else
		log_msg(LOG_LEVEL_ERROR,
		    "store %s: %s; it is tried again "
		    "every minute, and until then a restart forgets mail "
		    "that was deferred",
		    store->path, err->text);
}

static void
log_dropped(struct store *store, uint64_t dropped)
{
	if (dropped == store->dropped_logged)
		return;
	log_msg(LOG_LEVEL_ERROR,
	    "store %s: %" PRIu64 " rows were dropped, "
	    "since too many wait to be written",
	    store->path, dropped - store->dropped_logged);
	store->dropped_logged = dropped;
}

/* Writes what there is to write, to a new file if need be. */
static void
work(struct store *store)
{
	enum store_trouble before, trouble;
	struct error err;
	uint64_t dropped;

	trouble = attempt(store, &err);
	if (trouble == STORE_BAD && set_aside(store, &err)) {
		set_read(store);
		store->owes_all = true;
		trouble = attempt(store, &err);
	}
	pthread_mutex_lock(&store->lock);
	store->has_tried = true;
	pthread_cond_broadcast(&store->changed);
	before = store->trouble;
	store->trouble = trouble;
	store->tried_at = monotime_now();
	store->has_file = store->file != NULL;
	dropped = store->dropped;
	pthread_mutex_unlock(&store->lock);
	log_change(store, before, trouble, &err);
	log_dropped(store, dropped);
}

/* When the thread has something to do next.  Lock held. */
static int64_t
due(const struct store *store)
{
	if (store->trouble == STORE_BUSY)
		return store->tried_at + RETRY_BUSY;
	if (store->trouble != STORE_WELL)
		return store->tried_at + store->retry;
	if (store->pending == NULL)
		return MONOTIME_NEVER;
	return store->pending_since + STORE_DELAY / 2;
}

/* False when the store is to be closed. */
static bool
wait_for_work(struct store *store)
{
	int64_t until;
	bool more;

	pthread_mutex_lock(&store->lock);
	while (!store->stopping && (until = due(store)) > monotime_now())
		cond_wait_until(&store->wake, &store->lock, until);
	more = !store->stopping;
	pthread_mutex_unlock(&store->lock);
	return more;
}

static void *
store_thread(void *context)
{
	struct store *store = context;
	bool abandoned;
	size_t left;

	do
		work(store);
	while (wait_for_work(store));
	if (store_state(store).pending > 0 || store->owes_all)
		work(store);
	store_file_close(&store->file);
	left = store_state(store).pending;
	if (left > 0)
		log_msg(LOG_LEVEL_ERROR,
		    "store %s: %zu rows were not "
		    "written",
		    store->path, left);
	pthread_mutex_lock(&store->lock);
	store->has_ended = true;
	abandoned = store->abandoned;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (abandoned)
		destroy(store);
	return NULL;
}

static struct store *
create(const char *path)
{
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL || (store->path = strdup(path)) == NULL)
		abort();
	store->limit = STORE_PENDING;
	store->retry = RETRY;
	pthread_mutex_init(&store->lock, NULL);
	cond_init(&store->wake);
	cond_init(&store->changed);
	return store;
}

enum error_code
store_open(const char *path, const struct store_reader *reader,
    struct store **store_r, struct error *err)
{
	struct store *store = create(path);
	int failed;

	store->reader = *reader;
	failed = pthread_create(&store->thread, NULL, store_thread, store);
	if (failed) {
		destroy(store);
		return error_sys(err, failed, "starting the store's thread");
	}
	*store_r = store;
	return ERROR_NONE;
}

void
store_wait(struct store *store, int64_t until)
{
	bool in_vain;

	pthread_mutex_lock(&store->lock);
	while (!store->is_read && !store->has_tried &&
	    cond_wait_until(&store->changed, &store->lock, until))
		continue;
	in_vain = !store->is_read && !store->has_tried;
	store->was_awaited = in_vain;
	pthread_mutex_unlock(&store->lock);
	if (in_vain)
		log_msg(LOG_LEVEL_ERROR,
		    "store %s: the disk hangs or is "
		    "slow; until it is read, nothing is known of mail that "
		    "was deferred before",
		    store->path);
}

/* A thread that hangs in the disk can't be ended.  The thread and the store are
 * left behind on purpose: should the disk come back, the thread frees both. */
void
store_close(struct store **closed, int64_t until)
{
	struct store *store = *closed;
	pthread_t thread = store->thread;
	bool ended;
	size_t left;

	*closed = NULL;
	pthread_mutex_lock(&store->lock);
	store->stopping = true;
	store->until = until;
	pthread_cond_signal(&store->wake);
	while (!store->has_ended &&
	    cond_wait_until(&store->changed, &store->lock, until))
		continue;
	while (store->calls)
		pthread_cond_wait(&store->changed, &store->lock);
	ended = store->has_ended;
	store->abandoned = !ended;
	left = count_waiting(store);
	pthread_mutex_unlock(&store->lock);
	if (ended) {
		pthread_join(thread, NULL);
		destroy(store);
		return;
	}
	pthread_detach(thread);
	log_msg(LOG_LEVEL_ERROR,
	    "store: the disk hangs, %zu rows may not "
	    "have been written",
	    left);
}
