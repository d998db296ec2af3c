/* store_merge - one row of two
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <string.h>

#include "ledger/store.h"

static unsigned
sum(unsigned a, unsigned b)
{
	return a > UINT_MAX - b ? UINT_MAX : a + b;
}

static void
merge_verdict(struct store_row *row, const struct store_row *older)
{
	if (row->known || !older->known)
		return;
	row->known = true;
	row->verdict = older->verdict;
	memcpy(row->generation, older->generation, sizeof row->generation);
	row->scan_time = older->scan_time;
	row->verdict_age = older->verdict_age;
	row->fetched = older->fetched && row->tries == 0;
}

/* A new generation counts anew. */
static void
merge_failures(struct store_row *row, const struct store_row *older)
{
	if (row->failures == 0) {
		row->failures = older->failures;
		memcpy(row->failed_in, older->failed_in, sizeof row->failed_in);
	} else if (strcmp(row->failed_in, older->failed_in) == 0) {
		row->failures = sum(row->failures, older->failures);
	}
}

static void
take_last_try(struct store_row *row, const struct store_row *older)
{
	row->last_age = older->last_age;
	memcpy(row->reason, older->reason, sizeof row->reason);
	memcpy(row->sender, older->sender, sizeof row->sender);
	memcpy(row->recipients, older->recipients, sizeof row->recipients);
	memcpy(row->message_id, older->message_id, sizeof row->message_id);
	memcpy(row->queue_id, older->queue_id, sizeof row->queue_id);
}

/* Where the clock was stepped the older may seem to be the younger. */
static void
merge_tries(struct store_row *row, const struct store_row *older)
{
	if (older->tries == 0)
		return;
	if (row->tries == 0)
		take_last_try(row, older);
	if (row->first_age < older->first_age &&
	    (row->tries == 0 || !older->fetched))
		row->first_age = older->first_age;
	row->tries = sum(row->tries, older->tries);
}

static bool
has_envelope(const struct store_row *row, const struct key *envelope)
{
	for (size_t i = 0; i < row->envelope_count; i++)
		if (memcmp(&row->envelopes[i], envelope, sizeof *envelope) == 0)
			return true;
	return false;
}

/* The youngest of the older ones first, each before those that are there. */
static void
merge_envelopes(struct store_row *row, const struct store_row *older)
{
	for (size_t i = older->envelope_count;
	     i > 0 && row->envelope_count < STORE_ENVELOPES; i--) {
		if (has_envelope(row, &older->envelopes[i - 1]))
			continue;
		memmove(row->envelopes + 1, row->envelopes,
		    row->envelope_count * sizeof *row->envelopes);
		row->envelopes[0] = older->envelopes[i - 1];
		row->envelope_count++;
	}
}

void
store_merge(struct store_row *row, const struct store_row *older)
{
	merge_verdict(row, older);
	merge_failures(row, older);
	merge_tries(row, older);
	merge_envelopes(row, older);
}
