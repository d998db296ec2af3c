/* ledger_row - one row of the ledger, in memory and as the store has it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ledger/store.h"

struct ledger_row *
ledger_row_make(const struct key *key, int64_t now)
{
	struct ledger_row *row = calloc(1, sizeof *row);

	if (row == NULL)
		abort();
	row->key = *key;
	row->first_at = row->last_at = row->touched_at = now;
	return row;
}

void
ledger_row_free(struct ledger_row *row)
{
	free(row->sender);
	free(row->recipients);
	free(row->message_id);
	free(row->queue_id);
	free(row->envelopes);
	free(row);
}

static void
set_string(char **string, const char *value)
{
	free(*string);
	*string = strdup(value != NULL ? value : "");
	if (*string == NULL)
		abort();
}

bool
ledger_row_has_envelope(const struct ledger_row *row,
    const struct key *envelope)
{
	for (size_t i = 0; i < row->envelope_count; i++)
		if (memcmp(&row->envelopes[i], envelope, sizeof *envelope) == 0)
			return true;
	return false;
}

static void
add_envelope(struct ledger_row *row, const struct key *envelope)
{
	if (ledger_row_has_envelope(row, envelope))
		return;
	if (row->envelope_count == STORE_ENVELOPES)
		memmove(row->envelopes, row->envelopes + 1,
		    --row->envelope_count * sizeof *envelope);
	row->envelopes = reallocarray(row->envelopes, row->envelope_count + 1,
	    sizeof *envelope);
	if (row->envelopes == NULL)
		abort();
	row->envelopes[row->envelope_count++] = *envelope;
}

void
ledger_row_try(struct ledger_row *row, const struct ledger_try *try,
    const char *reason, int64_t now)
{
	/* What had its answer and is deferred again is a new story. */
	if (row->tries++ == 0 || row->fetched) {
		row->first_at = now;
		row->alarmed = false;
	}
	row->fetched = false;
	row->last_at = now;
	snprintf(row->reason, sizeof row->reason, "%s", reason);
	set_string(&row->sender, try->sender);
	set_string(&row->recipients, try->recipients);
	set_string(&row->message_id, try->message_id);
	set_string(&row->queue_id, try->queue_id);
	add_envelope(row, &try->envelope);
}

/* Somebody may look at the file in a terminal. */
static void
copy_string(char *out, size_t size, const char *string)
{
	text_line(out, size, string);
}

void
ledger_row_save(const struct ledger_row *row, int64_t now,
    struct store_row *saved_r)
{
	memset(saved_r, 0, sizeof *saved_r);
	saved_r->key = row->key;
	saved_r->merged = row->merged;
	saved_r->known = row->known;
	saved_r->verdict = row->verdict;
	memcpy(saved_r->generation, row->generation,
	    sizeof saved_r->generation);
	saved_r->scan_time = row->scan_time;
	saved_r->verdict_age = row->known ? now - row->verdict_at : 0;
	saved_r->fetched = row->fetched;
	saved_r->failures = row->failures;
	memcpy(saved_r->failed_in, row->failed_in, sizeof saved_r->failed_in);
	saved_r->tries = row->tries;
	saved_r->first_age = now - row->first_at;
	saved_r->last_age = now - row->last_at;
	memcpy(saved_r->reason, row->reason, sizeof saved_r->reason);
	copy_string(saved_r->sender, sizeof saved_r->sender, row->sender);
	copy_string(saved_r->recipients, sizeof saved_r->recipients,
	    row->recipients);
	copy_string(saved_r->message_id, sizeof saved_r->message_id,
	    row->message_id);
	copy_string(saved_r->queue_id, sizeof saved_r->queue_id, row->queue_id);
	saved_r->envelope_count = row->envelope_count;
	if (row->envelope_count > 0)
		memcpy(saved_r->envelopes, row->envelopes,
		    row->envelope_count * sizeof *row->envelopes);
}

struct ledger_row *
ledger_row_load(const struct store_row *saved, int64_t now)
{
	struct ledger_row *row = ledger_row_make(&saved->key, now);

	row->merged = true;
	row->known = saved->known;
	row->verdict = saved->verdict;
	memcpy(row->generation, saved->generation, sizeof row->generation);
	row->scan_time = saved->scan_time;
	row->verdict_at = now - saved->verdict_age;
	row->fetched = saved->fetched;
	row->failures = saved->failures;
	memcpy(row->failed_in, saved->failed_in, sizeof row->failed_in);
	row->tries = saved->tries;
	row->first_at = now - saved->first_age;
	row->last_at = now - saved->last_age;
	row->touched_at = row->known && row->verdict_at > row->last_at
	    ? row->verdict_at
	    : row->last_at;
	memcpy(row->reason, saved->reason, sizeof row->reason);
	set_string(&row->sender, saved->sender);
	set_string(&row->recipients, saved->recipients);
	set_string(&row->message_id, saved->message_id);
	set_string(&row->queue_id, saved->queue_id);
	for (size_t i = 0; i < saved->envelope_count; i++)
		add_envelope(row, &saved->envelopes[i]);
	return row;
}

struct ledger_row *
ledger_row_merge(const struct ledger_row *row, const struct store_row *saved,
    int64_t now)
{
	struct ledger_row *merged;
	struct store_row both;

	ledger_row_save(row, now, &both);
	store_merge(&both, saved);
	merged = ledger_row_load(&both, now);
	merged->alarmed = row->alarmed;
	return merged;
}
