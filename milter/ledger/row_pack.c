/* row_pack - a row as bytes
 *
 * Each field has a tag and a length, of two bytes each, and a value; numbers
 * have eight bytes.  The least significant byte comes first.  A tag is never
 * given to another field; a reader passes over those that it doesn't know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "ledger/row.h"

#define HEAD 4 /* bytes before each value */
#define NUMBER 8
#define TIME_MAX ((int64_t)1 << 61) /* ns: 73 years */

enum tag {
	TAG_KEY = 1,
	TAG_VERDICT, /* its name; with the next four, or none of them */
	TAG_VIRUS,
	TAG_GENERATION,
	TAG_SCAN_TIME,
	TAG_VERDICT_AT,
	TAG_FAILURES,
	TAG_FAILED_IN,
	TAG_TRIES,
	TAG_FETCHED,
	TAG_FIRST_AT,
	TAG_LAST_AT,
	TAG_ENVELOPE,    /* one for each; its digest */
	TAG_WAITS_FOR,   /* the generation of the envelope before it */
	TAG_SCANS_BEGUN, /* keys; these two stand alone, without a row */
	TAG_SCANS_ENDED,
	TAG_TEXT = 32, /* and the next ones: enum row_text */
};

struct output {
	unsigned char *at;
	size_t used;
};

static void
put_bytes(struct output *out, unsigned tag, const void *value, size_t len)
{
	unsigned char head[HEAD] = {
		(unsigned char)tag,
		(unsigned char)(tag >> 8),
		(unsigned char)len,
		(unsigned char)(len >> 8),
	};

	assert(out->used + HEAD + len <= ROW_PACKED_MAX);
	memcpy(out->at + out->used, head, HEAD);
	memcpy(out->at + out->used + HEAD, value, len);
	out->used += HEAD + len;
}

static void
put_text(struct output *out, unsigned tag, const char *text)
{
	put_bytes(out, tag, text, strlen(text));
}

static void
put_number(struct output *out, unsigned tag, int64_t number)
{
	unsigned char bytes[NUMBER];

	for (int i = 0; i < NUMBER; i++)
		bytes[i] = (unsigned char)((uint64_t)number >> (8 * i));
	put_bytes(out, tag, bytes, sizeof bytes);
}

size_t
row_pack(const struct row *row, unsigned char data[ROW_PACKED_MAX])
{
	struct output out = { .at = data };

	put_bytes(&out, TAG_KEY, &row->key, sizeof row->key);
	if (row->known) {
		put_text(&out, TAG_VERDICT,
		    verdict_kind_name(row->verdict.kind));
		put_text(&out, TAG_VIRUS, row->verdict.name);
		put_text(&out, TAG_GENERATION, row->generation);
		put_number(&out, TAG_SCAN_TIME, row->scan_time);
		put_number(&out, TAG_VERDICT_AT, row->verdict_at);
	}
	put_number(&out, TAG_FAILURES, row->failures);
	put_text(&out, TAG_FAILED_IN, row->failed_in);
	put_number(&out, TAG_TRIES, row->tries);
	put_number(&out, TAG_FETCHED, row->fetched);
	put_number(&out, TAG_FIRST_AT, row->first_at);
	put_number(&out, TAG_LAST_AT, row->last_at);
	for (unsigned i = 0; i < ROW_TEXTS; i++)
		put_text(&out, TAG_TEXT + i, row_text(row, (enum row_text)i));
	for (size_t i = 0; i < row->envelope_count; i++) {
		const struct row_envelope *envelope = &row->envelopes[i];

		put_bytes(&out, TAG_ENVELOPE, &envelope->digest,
		    sizeof envelope->digest);
		put_text(&out, TAG_WAITS_FOR, envelope->generation);
	}
	return out.used;
}

struct field {
	unsigned tag;
	const unsigned char *value;
	size_t len;
};

static bool
get_bytes(const struct field *field, void *out, size_t size)
{
	if (field->len != size)
		return false;
	memcpy(out, field->value, size);
	return true;
}

static bool
get_text(const struct field *field, char *out, size_t size)
{
	if (field->len >= size ||
	    memchr(field->value, '\0', field->len) != NULL)
		return false;
	memcpy(out, field->value, field->len);
	out[field->len] = '\0';
	return true;
}

/* As a signature's name, or "". */
static bool
get_name(const struct field *field, char *out, size_t size)
{
	return get_text(field, out, size) &&
	    (out[0] == '\0' || text_is_signature_name(out));
}

static bool
get_number(const struct field *field, int64_t *number_r)
{
	uint64_t number = 0;

	if (field->len != NUMBER)
		return false;
	for (int i = 0; i < NUMBER; i++)
		number |= (uint64_t)field->value[i] << (8 * i);
	*number_r = (int64_t)number;
	return true;
}

/* Of times no difference may overflow. */
static bool
get_time(const struct field *field, int64_t *time_r)
{
	return get_number(field, time_r) && *time_r > -TIME_MAX &&
	    *time_r < TIME_MAX;
}

static bool
get_count(const struct field *field, unsigned *count_r)
{
	int64_t number;

	if (!get_number(field, &number) || number < 0 || number > UINT_MAX)
		return false;
	*count_r = (unsigned)number;
	return true;
}

/* A verdict that this version doesn't know is of no use to it. */
static bool
get_verdict(const struct field *field, struct row *row)
{
	char name[32];

	if (!get_text(field, name, sizeof name))
		return false;
	for (int kind = 0; kind < VERDICT_KINDS; kind++) {
		row->verdict.kind = (enum verdict_kind)kind;
		if (strcmp(name, verdict_kind_name(row->verdict.kind)) == 0 &&
		    verdict_is_final(&row->verdict))
			row->known = true;
		if (row->known)
			return true;
	}
	return true;
}

static bool
get_envelope(const struct field *field, struct row *row)
{
	struct key envelope;

	if (!get_bytes(field, &envelope, sizeof envelope))
		return false;
	row_add_envelope(row, &envelope, "");
	return true;
}

static bool
get_generation(const struct field *field, struct row *row)
{
	struct row_envelope *last;

	if (row->envelope_count == 0)
		return false;
	last = &row->envelopes[row->envelope_count - 1];
	return get_name(field, last->generation, sizeof last->generation);
}

static bool
get_row_text(const struct field *field, struct row *row)
{
	unsigned which = field->tag - TAG_TEXT;
	char text[ROW_TEXT_MAX];

	if (which >= ROW_TEXTS)
		return true;
	if (!get_text(field, text, row_text_size[which]))
		return false;
	row_set_text(row, (enum row_text)which, text);
	return true;
}

static bool
get_field(const struct field *field, struct row *row)
{
	unsigned truth = 0;
	bool good;

	switch (field->tag) {
	case TAG_KEY:
		return get_bytes(field, &row->key, sizeof row->key);
	case TAG_VERDICT:
		return get_verdict(field, row);
	case TAG_VIRUS:
		return get_name(field, row->verdict.name,
		    sizeof row->verdict.name);
	case TAG_GENERATION:
		return get_name(field, row->generation, sizeof row->generation);
	case TAG_SCAN_TIME:
		return get_time(field, &row->scan_time);
	case TAG_VERDICT_AT:
		return get_time(field, &row->verdict_at);
	case TAG_FAILURES:
		return get_count(field, &row->failures);
	case TAG_FAILED_IN:
		return get_name(field, row->failed_in, sizeof row->failed_in);
	case TAG_TRIES:
		return get_count(field, &row->tries);
	case TAG_FETCHED:
		good = get_count(field, &truth) && truth <= 1;
		row->fetched = truth != 0;
		return good;
	case TAG_FIRST_AT:
		return get_time(field, &row->first_at);
	case TAG_LAST_AT:
		return get_time(field, &row->last_at);
	case TAG_ENVELOPE:
		return get_envelope(field, row);
	case TAG_WAITS_FOR:
		return get_generation(field, row);
	default:
		return field->tag < TAG_TEXT || get_row_text(field, row);
	}
}

/* Splits the next field off; false if there is none, or not all of it. */
static bool
next_field(const unsigned char *data, size_t len, size_t *at,
    struct field *field_r)
{
	const unsigned char *head = data + *at;

	if (len - *at < HEAD)
		return false;
	field_r->tag = head[0] | (unsigned)head[1] << 8;
	field_r->len = head[2] | (size_t)head[3] << 8;
	field_r->value = head + HEAD;
	*at += HEAD;
	if (len - *at < field_r->len)
		return false;
	*at += field_r->len;
	return true;
}

bool
row_unpack(const unsigned char *data, size_t len, struct row *row_r)
{
	bool good = true, has_key = false, has_generations = false;
	struct field field;
	size_t at = 0;

	memset(row_r, 0, sizeof *row_r);
	while (good && at < len) {
		good = next_field(data, len, &at, &field) &&
		    get_field(&field, row_r);
		has_key |= good && field.tag == TAG_KEY;
		has_generations |= good && field.tag == TAG_WAITS_FOR;
	}
	if (good && !has_generations)
		row_answer_all(row_r);
	if (good && has_key)
		return true;
	row_fini(row_r);
	return false;
}

size_t
row_pack_scans(const struct row_scans *scans,
    unsigned char data[ROW_PACKED_MAX])
{
	struct output out = { .at = data };

	put_bytes(&out, scans->ended ? TAG_SCANS_ENDED : TAG_SCANS_BEGUN,
	    scans->keys, scans->count * sizeof scans->keys[0]);
	return out.used;
}

bool
row_unpack_scans(const unsigned char *data, size_t len,
    struct row_scans *scans_r)
{
	struct field field;
	size_t at = 0;

	if (!next_field(data, len, &at, &field) || at != len ||
	    (field.tag != TAG_SCANS_BEGUN && field.tag != TAG_SCANS_ENDED) ||
	    field.len > sizeof scans_r->keys ||
	    field.len % sizeof scans_r->keys[0] != 0)
		return false;
	scans_r->ended = field.tag == TAG_SCANS_ENDED;
	scans_r->count = field.len / sizeof scans_r->keys[0];
	memcpy(scans_r->keys, field.value, field.len);
	return true;
}
