/* row - what is known of one content: its verdict, its failures, its tries
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ledger/row.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* " and 4294967295 more" */
#define MORE_SIZE 24

const size_t row_text_size[ROW_TEXTS] = {
	[ROW_REASON] = 64,
	[ROW_SENDER] = 256,
	[ROW_RECIPIENTS] = ROW_TEXT_MAX,
	[ROW_MESSAGE_ID] = 256,
	[ROW_QUEUE_ID] = 64,
};

void
row_fini(struct row *row)
{
	for (int i = 0; i < ROW_TEXTS; i++)
		free(row->text[i]);
	free(row->envelopes);
}

static char *
copy_of(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

struct row
row_copy(const struct row *row)
{
	struct row copy = *row;

	for (int i = 0; i < ROW_TEXTS; i++)
		copy.text[i] = copy_of(row->text[i]);
	copy.envelopes = NULL;
	copy.envelope_count = 0;
	for (size_t i = 0; i < row->envelope_count; i++)
		row_add_envelope(&copy, &row->envelopes[i].digest,
		    row->envelopes[i].generation);
	return copy;
}

const char *
row_text(const struct row *row, enum row_text which)
{
	return row->text[which] != NULL ? row->text[which] : "";
}

void
row_copy_text(struct row *row, enum row_text which, const char *value)
{
	free(row->text[which]);
	row->text[which] = copy_of(value);
}

void
row_set_text(struct row *row, enum row_text which, const char *value)
{
	char text[ROW_TEXT_MAX];

	row_copy_text(row, which, text_line(text, row_text_size[which], value));
}

static struct row_envelope *
find_envelope(const struct row *row, const struct key *envelope)
{
	for (size_t i = 0; i < row->envelope_count; i++)
		if (memcmp(&row->envelopes[i].digest, envelope,
			sizeof *envelope) == 0)
			return &row->envelopes[i];
	return NULL;
}

bool
row_has_envelope(const struct row *row, const struct key *envelope)
{
	return find_envelope(row, envelope) != NULL;
}

static void
set_generation(char generation[ROW_GENERATION_SIZE], const char *name)
{
	snprintf(generation, ROW_GENERATION_SIZE, "%s", name);
}

/* Puts an envelope before the one at place, or at the end. */
static void
insert_envelope(struct row *row, size_t place, const struct key *envelope,
    const char *generation)
{
	row->envelopes = reallocarray(row->envelopes, row->envelope_count + 1,
	    sizeof *row->envelopes);
	if (row->envelopes == NULL)
		abort();
	memmove(row->envelopes + place + 1, row->envelopes + place,
	    (row->envelope_count - place) * sizeof *row->envelopes);
	row->envelopes[place].digest = *envelope;
	set_generation(row->envelopes[place].generation, generation);
	row->envelope_count++;
}

void
row_add_envelope(struct row *row, const struct key *envelope,
    const char *generation)
{
	if (row_has_envelope(row, envelope))
		return;
	if (row->envelope_count == ROW_ENVELOPES)
		memmove(row->envelopes, row->envelopes + 1,
		    --row->envelope_count * sizeof *row->envelopes);
	insert_envelope(row, row->envelope_count, envelope, generation);
}

/* --- the verdict, and whom it answers --- */

void
row_answer_all(struct row *row)
{
	for (size_t i = 0; i < row->envelope_count; i++)
		set_generation(row->envelopes[i].generation, row->generation);
}

void
row_set_verdict(struct row *row, const struct verdict *verdict,
    const char *generation, int64_t scan_time, int64_t now)
{
	row->known = true;
	row->verdict = *verdict;
	set_generation(row->generation, generation);
	row->scan_time = scan_time;
	row->verdict_at = now;
	row_answer_all(row);
}

static bool
answers(const struct row *row, const struct row_envelope *envelope)
{
	return row->known && envelope != NULL &&
	    strcmp(envelope->generation, row->generation) == 0;
}

bool
row_answers(const struct row *row, const struct key *envelope)
{
	return answers(row, find_envelope(row, envelope));
}

bool
row_answers_any(const struct row *row)
{
	for (size_t i = 0; i < row->envelope_count; i++)
		if (answers(row, &row->envelopes[i]))
			return true;
	return false;
}

/* --- tries --- */

/* Whole addresses, as many as there is room for, and how many there are
 * besides. */
static void
set_recipients(struct row *row, const struct row_try *try)
{
	char text[ROW_TEXT_MAX];
	size_t used = 0, i;

	text[0] = '\0';
	for (i = 0; i < try->recipient_count; i++) {
		const char *one = try->recipients[i];

		if (used + 1 + strlen(one) + MORE_SIZE > sizeof text)
			break;
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s%s", i > 0 ? " " : "", one);
	}
	if (i < try->recipient_count)
		snprintf(text + used, sizeof text - used, "%sand %zu more",
		    i > 0 ? " " : "", try->recipient_count - i);
	row_set_text(row, ROW_RECIPIENTS, text);
}

/* What was fetched and is deferred again is a new story. */
void
row_try(struct row *row, const struct row_try *try, const char *generation,
    int64_t now)
{
	if (!try->held && (row->tries++ == 0 || row->fetched))
		row->first_at = now;
	row->fetched = try->held;
	row->last_at = now;
	row_set_text(row, ROW_REASON, try->reason);
	row_set_text(row, ROW_SENDER, try->sender);
	set_recipients(row, try);
	row_set_text(row, ROW_MESSAGE_ID, try->message_id);
	row_set_text(row, ROW_QUEUE_ID, try->queue_id);
	row_add_envelope(row, &try->envelope, generation);
}

bool
row_is_kept(const struct row *row)
{
	return row->tries > 0 || row->failures > 0 || row->envelope_count > 0 ||
	    (row->known && row->verdict.kind == VERDICT_UNSCANNABLE);
}

/* --- one row of two --- */

static unsigned
sum(unsigned a, unsigned b)
{
	return a > UINT_MAX - b ? UINT_MAX : a + b;
}

static void
take_verdict(struct row *row, const struct row *other)
{
	row->known = other->known;
	row->verdict = other->verdict;
	set_generation(row->generation, other->generation);
	row->scan_time = other->scan_time;
	row->verdict_at = other->verdict_at;
}

/* A new generation counts anew. */
static void
merge_failures(struct row *row, const struct row *older)
{
	if (row->failures == 0) {
		row->failures = older->failures;
		memcpy(row->failed_in, older->failed_in, sizeof row->failed_in);
	} else if (strcmp(row->failed_in, older->failed_in) == 0) {
		row->failures = sum(row->failures, older->failures);
	}
}

static void
take_last_try(struct row *row, const struct row *older)
{
	row->last_at = older->last_at;
	for (int i = 0; i < ROW_TEXTS; i++)
		row_copy_text(row, (enum row_text)i, older->text[i]);
}

/* Where the clock was stepped the older may seem to be the younger.  A row that
 * is fetched without a try is of a mail that is held. */
static void
merge_tries(struct row *row, const struct row *older)
{
	bool has_try = row->tries > 0 || row->fetched;

	if (!has_try)
		row->fetched = older->fetched;
	if (older->tries == 0)
		return;
	if (!has_try)
		take_last_try(row, older);
	if (row->first_at > older->first_at &&
	    (row->tries == 0 || !older->fetched))
		row->first_at = older->first_at;
	row->tries = sum(row->tries, older->tries);
}

/* The youngest of the older ones first, each before those that are there.  Of
 * an envelope that both have the older row knows what it was deferred in. */
static void
merge_envelopes(struct row *row, const struct row *older)
{
	for (size_t i = older->envelope_count; i > 0; i--) {
		const struct row_envelope *from = &older->envelopes[i - 1];
		struct row_envelope *to = find_envelope(row, &from->digest);

		if (to != NULL)
			set_generation(to->generation, from->generation);
		else if (row->envelope_count < ROW_ENVELOPES)
			insert_envelope(row, 0, &from->digest,
			    from->generation);
	}
}

static void
merge_story(struct row *row, const struct row *older)
{
	merge_failures(row, older);
	merge_tries(row, older);
	merge_envelopes(row, older);
}

/* All that the older row has was there before anything in row was: a verdict in
 * row came while the older row's envelopes waited. */
void
row_merge(struct row *row, const struct row *older)
{
	struct row past = row_copy(older);

	if (row->known) {
		take_verdict(&past, row);
		row_answer_all(&past);
	} else if (past.known) {
		take_verdict(row, &past);
	}
	merge_story(row, &past);
	row_fini(&past);
}

/* The verdict of yielding gives way to the other one, which answers whom that
 * one has answered.  Both agree about each envelope then. */
static void
yield_verdict(struct row *yielding, struct row *standing)
{
	for (size_t i = 0; i < yielding->envelope_count; i++) {
		struct row_envelope *mine = &yielding->envelopes[i];
		struct row_envelope *other = find_envelope(standing,
		    &mine->digest);

		if (answers(yielding, mine)) {
			set_generation(mine->generation, standing->generation);
			if (other != NULL)
				*other = *mine;
		} else if (other != NULL) {
			*mine = *other;
		}
	}
	take_verdict(yielding, standing);
}

static unsigned
larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

void
row_unite(struct row *row, const struct row *former, bool keeps_verdict)
{
	struct row other = row_copy(former), later;
	unsigned tries = larger(row->tries, former->tries);
	unsigned failures = larger(row->failures, former->failures);
	bool same_failures = strcmp(row->failed_in, former->failed_in) == 0;

	if (row->known && (keeps_verdict || !other.known))
		yield_verdict(&other, row);
	else
		yield_verdict(row, &other);
	if (other.last_at >= row->last_at) {
		later = other;
		other = *row;
		*row = later;
	}
	merge_story(row, &other);
	row->tries = tries;
	if (same_failures)
		row->failures = failures;
	row->merged = true;
	row_fini(&other);
}
