/* ledger - the verdicts that are known, and the mail that was deferred
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/monotime.h"
#include "base/text.h"
#include "config/config.h"
#include "ledger/store.h"
#include "ledger_heap.h"

#define REPORT_INTERVAL (3600 * MONOTIME_S)

/* How many kept rows a sender has: asked at MAIL, before there is a key. */
struct sender {
	struct key digest;
	unsigned rows;
	UT_hash_handle hh;
};

struct ledger {
	const struct config *config;
	struct store *store;
	ledger_heir_function *heir; /* or NULL */
	void *heir_context;
	struct ledger_entry *by_key;
	struct ledger_entry *next;   /* for ledger_next() */
	struct ledger_heap verdicts; /* rows that are not kept */
	struct ledger_heap lone;     /* kept, tried at most once */
	struct ledger_heap returned; /* kept, tried again */
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

void
ledger_configure(struct ledger *ledger, const struct config *config)
{
	config_replace(&ledger->config, config);
}

/* --- the senders of kept rows --- */

/* Of a sender as its row has it. */
static struct key
digest_of_sender(const char *sender)
{
	char text[ROW_TEXT_MAX];

	text_line(text, row_text_size[ROW_SENDER], sender);
	return key_of_envelope(text, NULL, 0);
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

/* --- rows that come, change and go --- */

static struct ledger_heap *
heap_of(struct ledger *ledger, const struct row *row)
{
	if (!row_is_kept(row))
		return &ledger->verdicts;
	return row->tries > 1 ? &ledger->returned : &ledger->lone;
}

static bool
is_ready(const struct row *row)
{
	return row_answers_any(row) && !row->fetched && row->tries > 0;
}

/* Takes an entry out of all but the table, to be changed or freed. */
static void
take_out(struct ledger *ledger, struct ledger_entry *entry)
{
	ledger->ready -= is_ready(&entry->row);
	if (entry->row.tries > 0)
		discount_sender(ledger, row_text(&entry->row, ROW_SENDER));
	ledger_heap_remove(heap_of(ledger, &entry->row), entry);
}

static void
put_in(struct ledger *ledger, struct ledger_entry *entry)
{
	ledger_heap_add(heap_of(ledger, &entry->row), entry);
	if (entry->row.tries > 0)
		count_sender(ledger, row_text(&entry->row, ROW_SENDER));
	ledger->ready += is_ready(&entry->row);
}

static void
save(struct ledger *ledger, const struct row *row)
{
	if (ledger->store != NULL && row_is_kept(row))
		store_put(ledger->store, row);
	if (ledger->heir != NULL)
		ledger->heir(ledger->heir_context, row);
}

/* Removes an entry that was taken out. */
static void
forget(struct ledger *ledger, struct ledger_entry *entry)
{
	if (ledger->next == entry)
		ledger->next = entry->hh.next;
	HASH_DEL(ledger->by_key, entry);
	row_fini(&entry->row);
	free(entry);
}

/* Removes the oldest entry of a heap. */
static void
drop_oldest(struct ledger *ledger, struct ledger_heap *heap)
{
	struct ledger_entry *entry = ledger_heap_oldest(heap);

	if (ledger->store != NULL && row_is_kept(&entry->row))
		store_delete(ledger->store, &entry->row.key);
	take_out(ledger, entry);
	forget(ledger, entry);
}

/* Removes what nothing has happened to in all that time. */
static void
drop_expired(struct ledger *ledger, struct ledger_heap *heap, int64_t now)
{
	const struct ledger_entry *entry;

	while ((entry = ledger_heap_oldest(heap)) != NULL &&
	    now - entry->touched_at > ledger->config->cache_late_ttl)
		drop_oldest(ledger, heap);
}

/* Makes room for as many rows that are not kept. */
static void
make_verdict_room(struct ledger *ledger, size_t wanted)
{
	while (ledger->verdicts.count + wanted > ledger->config->cache_entries)
		drop_oldest(ledger, &ledger->verdicts);
}

/* Makes room for as many kept rows. */
static void
make_room(struct ledger *ledger, int64_t now, size_t wanted)
{
	struct ledger_heap *lone = &ledger->lone, *returned = &ledger->returned;

	drop_expired(ledger, lone, now);
	drop_expired(ledger, returned, now);
	while (lone->count + returned->count + wanted >
	    ledger->config->limits_rows)
		drop_oldest(ledger, lone->count > 0 ? lone : returned);
}

/* Puts an entry in after a change, which makes it the youngest. */
static void
put_back(struct ledger *ledger, struct ledger_entry *entry, int64_t now)
{
	entry->touched_at = now;
	entry->touched_nth = ++ledger->touched;
	if (row_is_kept(&entry->row))
		make_room(ledger, now, 1);
	else
		make_verdict_room(ledger, 1);
	put_in(ledger, entry);
	save(ledger, &entry->row);
}

static struct ledger_entry *
find(const struct ledger *ledger, const struct key *key)
{
	struct ledger_entry *entry;

	HASH_FIND(hh, ledger->by_key, key, sizeof *key, entry);
	return entry;
}

static struct ledger_entry *
add_entry(struct ledger *ledger, const struct row *row)
{
	struct ledger_entry *entry = calloc(1, sizeof *entry);

	if (entry == NULL)
		abort();
	entry->row = row_copy(row);
	HASH_ADD(hh, ledger->by_key, row.key, sizeof entry->row.key, entry);
	return entry;
}

/* Finds an entry or makes one; it is taken out, for put_back(). */
static struct ledger_entry *
take_or_make(struct ledger *ledger, const struct key *key, int64_t now)
{
	struct ledger_entry *entry = find(ledger, key);
	struct row row = { .key = *key, .first_at = now, .last_at = now };

	if (entry != NULL)
		take_out(ledger, entry);
	else
		entry = add_entry(ledger, &row);
	return entry;
}

void
ledger_destroy(struct ledger **ledger)
{
	struct ledger_entry *entry, *next;

	HASH_ITER (hh, (*ledger)->by_key, entry, next) {
		take_out(*ledger, entry);
		forget(*ledger, entry);
	}
	ledger_heap_fini(&(*ledger)->verdicts);
	ledger_heap_fini(&(*ledger)->lone);
	ledger_heap_fini(&(*ledger)->returned);
	config_unref(&(*ledger)->config);
	free(*ledger);
	*ledger = NULL;
}

/* --- the store --- */

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

/* A row that was read is as old as the last thing that happened to it. */
static int64_t
touched_at(const struct row *row)
{
	return row->known && row->verdict_at > row->last_at ? row->verdict_at
							    : row->last_at;
}

static void
put_read(struct ledger *ledger, struct ledger_entry *entry)
{
	entry->touched_at = touched_at(&entry->row);
	entry->touched_nth = ++ledger->touched;
	put_in(ledger, entry);
}

/* Rows that are too many, or have expired, are deleted in the store as
 * well. */
void
ledger_load(struct ledger *ledger, const struct row *saved)
{
	struct ledger_entry *entry = find(ledger, &saved->key);
	bool is_new = entry == NULL;

	if (!is_new && entry->row.merged)
		return;
	if (is_new)
		entry = add_entry(ledger, saved);
	else
		take_out(ledger, entry);
	entry->from_store |= !entry->row.known || is_new;
	if (!is_new)
		row_merge(&entry->row, saved);
	entry->row.merged = true;
	put_read(ledger, entry);
	if (!is_new)
		save(ledger, &entry->row);
	make_room(ledger, monotime_now(), 0);
}

/* True if the entry's verdict, where it has one, is not to give way to that of
 * the process before: this process has found it itself, with signatures that
 * are at least as new, or it is the later of two that the other has found. */
static bool
keeps_verdict(const struct ledger_entry *entry, const struct row *other)
{
	return !entry->from_store || entry->row.verdict_at >= other->verdict_at;
}

void
ledger_inherit(struct ledger *ledger, const struct row *other)
{
	struct ledger_entry *entry = find(ledger, &other->key);
	bool keeps;

	if (entry == NULL) {
		entry = add_entry(ledger, other);
		entry->from_store = true;
		entry->row.merged = true;
	} else {
		take_out(ledger, entry);
		keeps = keeps_verdict(entry, other);
		entry->from_store |= other->known &&
		    !(keeps && entry->row.known);
		row_unite(&entry->row, other, keeps);
	}
	put_read(ledger, entry);
	save(ledger, &entry->row);
	make_room(ledger, monotime_now(), 0);
	make_verdict_room(ledger, 0);
}

/* Entries stand in the table in the order in which they were added. */
bool
ledger_next(struct ledger *ledger, bool first, struct row *row_r)
{
	struct ledger_entry *entry = first ? ledger->by_key : ledger->next;

	while (entry != NULL && !row_is_kept(&entry->row))
		entry = entry->hh.next;
	ledger->next = entry != NULL ? entry->hh.next : NULL;
	if (entry == NULL)
		return false;
	*row_r = row_copy(&entry->row);
	return true;
}

/* --- verdicts --- */

/* Whether the row's verdict answers everybody. */
static bool
is_current(const struct ledger *ledger, const struct row *row,
    const char *generation, int64_t now)
{
	return row->known && strcmp(row->generation, generation) == 0 &&
	    (row->verdict.kind == VERDICT_UNSCANNABLE ||
		now - row->verdict_at < ledger->config->cache_ttl);
}

/* Whether it answers this envelope, which has waited for it. */
static bool
was_awaited(const struct ledger *ledger, const struct row *row,
    const struct key *envelope, int64_t now)
{
	return row->verdict.kind != VERDICT_UNSCANNABLE &&
	    row_answers(row, envelope) &&
	    now - row->verdict_at < ledger->config->cache_late_ttl;
}

/* Noted once, so that a restart doesn't wait for this retry again. */
static void
note_fetched(struct ledger *ledger, struct row *row, const struct key *envelope)
{
	if (row->fetched || !row_has_envelope(row, envelope))
		return;
	ledger->ready -= is_ready(row);
	row->fetched = true;
	save(ledger, row);
}

void
ledger_fetched(struct ledger *ledger, const struct key *key,
    const struct key *envelope)
{
	struct ledger_entry *entry = find(ledger, key);

	if (entry != NULL)
		note_fetched(ledger, &entry->row, envelope);
}

/* A row that isn't kept is younger for having been used. */
static void
touch(struct ledger *ledger, struct ledger_entry *entry, int64_t now)
{
	if (row_is_kept(&entry->row))
		return;
	take_out(ledger, entry);
	put_back(ledger, entry, now);
}

bool
ledger_lookup(struct ledger *ledger, const struct key *key,
    const struct key *envelope, const char *generation, int64_t now,
    struct ledger_answer *answer_r)
{
	struct ledger_entry *entry = find(ledger, key);
	const struct row *row;
	bool current;

	if (entry == NULL)
		return false;
	row = &entry->row;
	current = is_current(ledger, row, generation, now);
	if (!current && !was_awaited(ledger, row, envelope, now))
		return false;
	note_fetched(ledger, &entry->row, envelope);
	touch(ledger, entry, now);
	answer_r->verdict = row->verdict;
	answer_r->scan_time = row->scan_time;
	memcpy(answer_r->generation, row->generation,
	    sizeof answer_r->generation);
	answer_r->late = !current || entry->from_store ||
	    row->verdict.kind == VERDICT_UNSCANNABLE;
	return true;
}

void
ledger_verdict(struct ledger *ledger, const struct key *key,
    const struct verdict *verdict, const char *generation, int64_t scan_time,
    int64_t now)
{
	struct ledger_entry *entry = take_or_make(ledger, key, now);

	row_set_verdict(&entry->row, verdict, generation, scan_time, now);
	entry->from_store = false;
	put_back(ledger, entry, now);
}

/* --- tries and failures --- */

static void
raise_alarm(struct ledger *ledger, struct ledger_entry *entry, int64_t now)
{
	const struct row *row = &entry->row;
	char key[KEY_SHORT_SIZE], reason[ROW_TEXT_MAX];

	if (row->fetched || entry->alarmed ||
	    now - row->first_at < ledger->config->alarm_after)
		return;
	entry->alarmed = true;
	log_msg(LOG_LEVEL_ERROR,
	    "mail deferred for %lld minutes: key=%s, tries=%u, reason=%s",
	    (long long)((now - row->first_at) / (60 * MONOTIME_S)),
	    key_short(&row->key, key), row->tries,
	    text_field(reason, row_text_size[ROW_REASON],
		row_text(row, ROW_REASON)));
}

/* A verdict that nobody has waited for, and that no longer answers everybody,
 * must not answer this try when it comes back.  One that others have waited for
 * stays for them. */
void
ledger_defer(struct ledger *ledger, const struct key *key,
    const struct row_try *try, const char *generation, int64_t now)
{
	struct ledger_entry *entry = take_or_make(ledger, key, now);
	struct row *row = &entry->row;

	if (row->envelope_count == 0)
		row->known = is_current(ledger, row, generation, now);
	row_try(row, try, generation, now);
	if (row->first_at == now)
		entry->alarmed = false;
	put_back(ledger, entry, now);
	raise_alarm(ledger, entry, now);
}

unsigned
ledger_fail(struct ledger *ledger, const struct key *key,
    const char *generation, int64_t now)
{
	struct ledger_entry *entry = take_or_make(ledger, key, now);
	struct row *row = &entry->row;

	if (strcmp(row->failed_in, generation) != 0)
		row->failures = 0;
	snprintf(row->failed_in, sizeof row->failed_in, "%s", generation);
	row->failures++;
	put_back(ledger, entry, now);
	return row->failures;
}

unsigned
ledger_failures(const struct ledger *ledger, const struct key *key,
    const char *generation)
{
	const struct ledger_entry *entry = find(ledger, key);

	if (entry == NULL || strcmp(entry->row.failed_in, generation) != 0)
		return 0;
	return entry->row.failures;
}

bool
ledger_was_deferred(const struct ledger *ledger, const struct key *key)
{
	const struct ledger_entry *entry = find(ledger, key);

	return entry != NULL && entry->row.tries > 0;
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
		    "verdicts that are ready, but whose senders have not come "
		    "back: %zu (vscanctl deferred lists them)",
		    ledger->ready);
	ledger->report_at = now + REPORT_INTERVAL;
	return ledger->report_at;
}

struct ledger_counts
ledger_counts(const struct ledger *ledger)
{
	struct ledger_counts counts = {
		.rows = ledger->lone.count + ledger->returned.count,
		.verdicts = ledger->verdicts.count,
		.ready = ledger->ready,
	};

	return counts;
}
