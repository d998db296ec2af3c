/* ledger - what is known of mail that was deferred, or that failed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "ledger_heap.h"
#include "ledger_row.h"
#include "ledger/store.h"

#define REPORT_INTERVAL (3600 * MONOTIME_S)

/* A sender's rows, counted: asked at MAIL, before there is a key. */
struct sender {
	struct key digest;
	unsigned rows;
	UT_hash_handle hh;
};

struct ledger {
	const struct config *config;
	struct store *store;
	ledger_heir_function *heir;
	void *heir_context;
	struct ledger_row *by_key;
	struct ledger_row *next;     /* for ledger_next() */
	struct ledger_heap lone;     /* tried at most once */
	struct ledger_heap returned; /* tried again */
	uint64_t touched;            /* so often, all rows together */
	struct sender *senders;
	size_t ready;
	int64_t report_at; /* 0: not set yet */
};

struct ledger *
ledger_create(const struct config *config)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);

	if (ledger == NULL)
		abort();
	ledger->config = config_ref(config);
	return ledger;
}

static struct ledger_heap *
heap_of(struct ledger *ledger, const struct ledger_row *row)
{
	return row->tries > 1 ? &ledger->returned : &ledger->lone;
}

static struct key
digest_of_sender(const char *sender)
{
	return key_of_envelope(sender != NULL ? sender : "", NULL, 0);
}

static struct sender *
find_sender(const struct ledger *ledger, const struct key *digest)
{
	struct sender *sender;

	HASH_FIND(hh, ledger->senders, digest, sizeof *digest, sender);
	return sender;
}

static void
count_sender(struct ledger *ledger, const char *name)
{
	struct key digest = digest_of_sender(name);
	struct sender *sender = find_sender(ledger, &digest);

	if (sender == NULL) {
		sender = calloc(1, sizeof *sender);
		if (sender == NULL)
			abort();
		sender->digest = digest;
		HASH_ADD(hh, ledger->senders, digest, sizeof digest, sender);
	}
	sender->rows++;
}

static void
discount_sender(struct ledger *ledger, const char *name)
{
	struct key digest = digest_of_sender(name);
	struct sender *sender = find_sender(ledger, &digest);

	if (sender == NULL || --sender->rows > 0)
		return;
	HASH_DEL(ledger->senders, sender);
	free(sender);
}

static bool
is_ready(const struct ledger_row *row)
{
	return row->known && !row->fetched && row->tries > 0;
}

/* Takes a row out, to be changed or freed. */
static void
take_out(struct ledger *ledger, struct ledger_row *row)
{
	ledger->ready -= is_ready(row);
	if (row->tries > 0)
		discount_sender(ledger, row->sender);
	ledger_heap_remove(heap_of(ledger, row), row);
}

static void
put_in(struct ledger *ledger, struct ledger_row *row)
{
	ledger_heap_add(heap_of(ledger, row), row);
	if (row->tries > 0)
		count_sender(ledger, row->sender);
	ledger->ready += is_ready(row);
}

/* The same after a change, which makes it the youngest. */
static void
put_back(struct ledger *ledger, struct ledger_row *row, int64_t now)
{
	row->touched_at = now;
	row->touched_nth = ++ledger->touched;
	put_in(ledger, row);
}

/* Removes a row from memory; the store keeps it. */
static void
forget(struct ledger *ledger, struct ledger_row *row)
{
	take_out(ledger, row);
	if (ledger->next == row)
		ledger->next = row->hh.next;
	HASH_DEL(ledger->by_key, row);
	ledger_row_free(row);
}

static void
drop(struct ledger *ledger, struct ledger_row *row)
{
	if (ledger->store != NULL)
		store_delete(ledger->store, &row->key);
	forget(ledger, row);
}

void
ledger_configure(struct ledger *ledger, const struct config *config)
{
	config_replace(&ledger->config, config);
}

void
ledger_destroy(struct ledger **ledger)
{
	struct ledger_row *row, *next;

	HASH_ITER (hh, (*ledger)->by_key, row, next)
		forget(*ledger, row);
	ledger_heap_fini(&(*ledger)->lone);
	ledger_heap_fini(&(*ledger)->returned);
	config_unref(&(*ledger)->config);
	free(*ledger);
	*ledger = NULL;
}

static void
save(struct ledger *ledger, const struct ledger_row *row, int64_t now)
{
	struct store_row copy;

	if (ledger->store == NULL && ledger->heir == NULL)
		return;
	ledger_row_save(row, now, &copy);
	if (ledger->store != NULL)
		store_put(ledger->store, &copy);
	if (ledger->heir != NULL)
		ledger->heir(ledger->heir_context, &copy);
}

static struct ledger_row *
find(const struct ledger *ledger, const struct key *key)
{
	struct ledger_row *row;

	HASH_FIND(hh, ledger->by_key, key, sizeof *key, row);
	return row;
}

/* What nobody has asked for in all that time. */
static bool
has_expired(const struct ledger *ledger, const struct ledger_row *row,
    int64_t now)
{
	return now - row->touched_at > ledger->config->cache_late_ttl;
}

static void
drop_expired(struct ledger *ledger, struct ledger_heap *heap, int64_t now)
{
	struct ledger_row *row;

	while ((row = ledger_heap_oldest(heap)) != NULL &&
	    has_expired(ledger, row, now))
		drop(ledger, row);
}

static void
make_room(struct ledger *ledger, int64_t now, size_t wanted)
{
	drop_expired(ledger, &ledger->lone, now);
	drop_expired(ledger, &ledger->returned, now);
	while (
	    HASH_COUNT(ledger->by_key) + wanted > ledger->config->limits_rows)
		drop(ledger,
		    ledger_heap_oldest(ledger->lone.count > 0
			    ? &ledger->lone
			    : &ledger->returned));
}

static void
add(struct ledger *ledger, struct ledger_row *row)
{
	HASH_ADD(hh, ledger->by_key, key, sizeof row->key, row);
	row->touched_nth = ++ledger->touched;
	put_in(ledger, row);
}

static struct ledger_row *
find_or_make(struct ledger *ledger, const struct key *key, int64_t now)
{
	struct ledger_row *row = find(ledger, key);

	if (row != NULL)
		return row;
	make_room(ledger, now, 1);
	row = ledger_row_make(key, now);
	add(ledger, row);
	return row;
}

void
ledger_attach(struct ledger *ledger, struct store *store)
{
	ledger->store = store;
}

void
ledger_set_heir(struct ledger *ledger, ledger_heir_function *heir,
    void *context)
{
	ledger->heir = heir;
	ledger->heir_context = context;
}

/* What is too much, or has expired, is deleted in the store as well. */
void
ledger_load(struct ledger *ledger, const struct store_row *saved)
{
	struct ledger_row *old = find(ledger, &saved->key), *row;
	int64_t now = monotime_now();

	if (old != NULL && old->merged)
		return;
	if (old == NULL) {
		add(ledger, ledger_row_load(saved, now));
		make_room(ledger, now, 0);
		return;
	}
	row = ledger_row_merge(old, saved, now);
	forget(ledger, old);
	add(ledger, row);
	save(ledger, row, now);
}

/* Rows stand in the order in which they were added. */
bool
ledger_next(struct ledger *ledger, bool first, int64_t now,
    struct store_row *row_r)
{
	const struct ledger_row *row = first ? ledger->by_key : ledger->next;

	if (row == NULL)
		return false;
	ledger_row_save(row, now, row_r);
	ledger->next = row->hh.next;
	return true;
}

static unsigned
beyond(unsigned count, unsigned known)
{
	return count > known ? count - known : 0;
}

/* What the row of the other process has that ours doesn't. */
static struct store_row
surplus(const struct store_row *other, const struct store_row *ours)
{
	struct store_row more = *other;

	more.tries = beyond(other->tries, ours->tries);
	if (strcmp(other->failed_in, ours->failed_in) == 0)
		more.failures = beyond(other->failures, ours->failures);
	return more;
}

void
ledger_inherit(struct ledger *ledger, const struct store_row *other)
{
	struct ledger_row *old = find(ledger, &other->key), *row;
	struct store_row ours, more;
	int64_t now = monotime_now();

	if (old == NULL) {
		row = ledger_row_load(other, now);
	} else {
		ledger_row_save(old, now, &ours);
		more = surplus(other, &ours);
		if (other->known && other->verdict_age < ours.verdict_age)
			ours.known = false;
		store_merge(&ours, &more);
		row = ledger_row_load(&ours, now);
		row->alarmed = old->alarmed;
		forget(ledger, old);
	}
	add(ledger, row);
	save(ledger, row, now);
	make_room(ledger, now, 0);
}

/* Unscannable is final until signatures or engine change, whoever asks. */
static bool
holds(const struct ledger *ledger, const struct ledger_row *row,
    const struct key *envelope, const char *generation, int64_t now)
{
	if (!row->known)
		return false;
	if (row->verdict.kind == VERDICT_UNSCANNABLE)
		return strcmp(row->generation, generation) == 0;
	return now - row->verdict_at < ledger->config->cache_late_ttl &&
	    ledger_row_has_envelope(row, envelope);
}

/* Noted once, so that a restart doesn't wait for this retry again. */
static void
note_fetched(struct ledger *ledger, struct ledger_row *row, int64_t now)
{
	if (row->fetched)
		return;
	ledger->ready -= is_ready(row);
	row->fetched = true;
	save(ledger, row, now);
}

bool
ledger_lookup(struct ledger *ledger, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct ledger_answer *answer_r)
{
	struct ledger_row *row = find(ledger, key);

	if (row == NULL || !holds(ledger, row, envelope, generation, now))
		return false;
	note_fetched(ledger, row, now);
	answer_r->verdict = row->verdict;
	answer_r->scan_time = row->scan_time;
	memcpy(answer_r->generation, row->generation,
	    sizeof answer_r->generation);
	return true;
}

static void
raise_alarm(struct ledger *ledger, struct ledger_row *row, int64_t now)
{
	char key[KEY_SHORT_SIZE];

	if (row->alarmed || now - row->first_at < ledger->config->alarm_after)
		return;
	row->alarmed = true;
	log_msg(LOG_LEVEL_ERROR,
	    "mail deferred for %lld minutes: key=%s, "
	    "tries=%u, reason=%s",
	    (long long)((now - row->first_at) / (60 * MONOTIME_S)),
	    key_short(&row->key, key), row->tries, row->reason);
}

void
ledger_defer(struct ledger *ledger, const struct key *key,
    const struct ledger_try *try, const char *reason, int64_t now)
{
	struct ledger_row *row = find_or_make(ledger, key, now);

	take_out(ledger, row);
	ledger_row_try(row, try, reason, now);
	put_back(ledger, row, now);
	raise_alarm(ledger, row, now);
	save(ledger, row, now);
}

void
ledger_verdict(struct ledger *ledger, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now)
{
	struct ledger_row *row = find(ledger, key);

	if (row == NULL && verdict->kind == VERDICT_UNSCANNABLE)
		row = find_or_make(ledger, key, now);
	if (row == NULL)
		return;
	take_out(ledger, row);
	row->known = true;
	row->fetched = false;
	row->verdict = *verdict;
	row->scan_time = scan_time;
	row->verdict_at = now;
	snprintf(row->generation, sizeof row->generation, "%s", generation);
	put_back(ledger, row, now);
	save(ledger, row, now);
}

unsigned
ledger_fail(struct ledger *ledger, const struct key *key,
    const char *generation, int64_t now)
{
	struct ledger_row *row = find_or_make(ledger, key, now);

	take_out(ledger, row);
	if (strcmp(row->failed_in, generation) != 0)
		row->failures = 0;
	snprintf(row->failed_in, sizeof row->failed_in, "%s", generation);
	row->failures++;
	put_back(ledger, row, now);
	save(ledger, row, now);
	return row->failures;
}

unsigned
ledger_failures(const struct ledger *ledger, const struct key *key,
    const char *generation)
{
	const struct ledger_row *row = find(ledger, key);

	if (row == NULL || strcmp(row->failed_in, generation) != 0)
		return 0;
	return row->failures;
}

bool
ledger_was_deferred(const struct ledger *ledger, const struct key *key)
{
	const struct ledger_row *row = find(ledger, key);

	return row != NULL && row->tries > 0;
}

bool
ledger_awaits_sender(const struct ledger *ledger, const char *sender)
{
	struct key digest = digest_of_sender(sender);

	return find_sender(ledger, &digest) != NULL;
}

int64_t
ledger_report(struct ledger *ledger, int64_t now)
{
	if (ledger->report_at != 0 && now < ledger->report_at)
		return ledger->report_at;
	if (ledger->report_at != 0 && ledger->ready > 0)
		log_msg(LOG_LEVEL_NOTICE,
		    "verdicts that are ready, but whose "
		    "senders have not come back: %zu (vscanctl deferred "
		    "lists them)",
		    ledger->ready);
	ledger->report_at = now + REPORT_INTERVAL;
	return ledger->report_at;
}

struct ledger_counts
ledger_counts(const struct ledger *ledger)
{
	struct ledger_counts counts = {
		.rows = HASH_COUNT(ledger->by_key),
		.ready = ledger->ready,
	};

	return counts;
}
