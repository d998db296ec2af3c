/* fuzz_mta_queue - what an MTA shows of its queue, as the release service
 * reads it
 *
 * Some of it is a sender's: headers.  With them he must not pass his mail off
 * as another, whose mark he doesn't know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "wire/release.h"
#include "release/answer.h"
#include "release/identity.h"
#include "release/lines.h"
#include "release/mqueue.h"
#include "release/postcat.h"
#include "release/qf.h"

#define MARK "0123456789abcdef0123456789abcdef"

static const struct release_mail meant = {
	.queue_id = "4F2C1A0B",
	.mark = MARK,
	.size = 1000000,
	.arrived_at = 1795590894, /* Wed Nov 25 07:14:54 2026 */
};

/* The text that is read, and what came out of it. */
struct text {
	const char *bytes;
	size_t size;
	size_t lines;
	size_t taken; /* bytes of them, with their ends */
};

void
fuzz_begin(void)
{
}

/* --- lines --- */

static void
count_line(void *context, const char *line)
{
	struct text *text = context;

	assert(strlen(line) < LINES_ROOM && strchr(line, '\n') == NULL);
	text->lines++;
	text->taken += strlen(line) + 1;
}

/* In pieces of that size; 0: at once. */
static void
feed(const struct text *text, size_t piece, lines_function *take, void *context)
{
	struct lines lines;

	lines_init(&lines, take, context);
	for (size_t at = 0; at < text->size; at += piece) {
		size_t left = text->size - at;

		if (piece == 0 || piece > left)
			piece = left;
		lines_feed(&lines, text->bytes + at, piece);
	}
	lines_finish(&lines);
}

static void
check_lines(struct text *text)
{
	size_t ends = 0;

	for (size_t i = 0; i < text->size; i++)
		ends += text->bytes[i] == '\n';
	feed(text, 0, count_line, text);
	assert(text->lines == ends || text->lines == ends + 1);
	assert(text->taken <= text->size + 1);
}

/* --- whose mail it is --- */

static bool
contains(const struct text *text, const char *what)
{
	return memmem(text->bytes, text->size, what, strlen(what)) != NULL;
}

/* The header's name in any case. */
static bool
contains_status(const struct text *text)
{
	static const char name[] = "X-Virus-Status";

	for (size_t i = 0; i + sizeof name - 1 <= text->size; i++)
		if (strncasecmp(text->bytes + i, name, sizeof name - 1) == 0)
			return true;
	return false;
}

static void
check_identity(const struct identity *identity, const struct text *text)
{
	char why[160];
	bool holds = identity_holds(identity, why, sizeof why);
	struct release_reply reply;

	assert(holds == (why[0] == '\0'));
	assert(fuzz_is_line(why, sizeof why - 1));
	if (identity->marked)
		assert(contains(text, MARK) && contains_status(text));
	if (holds) {
		assert(identity->marked);
		assert(identity->has_size && identity->has_arrival);
		assert(identity->size <= 3 * meant.size);
		assert(identity->arrived_at <=
		    meant.arrived_at + IDENTITY_TIME_MARGIN);
	}
	answer(&reply, holds ? RELEASE_DONE : RELEASE_OTHER, "%s", why);
	assert(fuzz_is_line(reply.text, sizeof reply.text - 1));
}

static void
check_same(const struct identity *a, const struct identity *b)
{
	assert(a->marked == b->marked && a->has_size == b->has_size &&
	    a->has_arrival == b->has_arrival && a->size == b->size &&
	    a->arrived_at == b->arrived_at);
}

/* --- Postfix --- */

static void
try_postcat(const struct text *text, size_t piece)
{
	struct postcat once, pieces;

	postcat_init(&once, &meant);
	feed(text, 0, postcat_take_line, &once);
	postcat_init(&pieces, &meant);
	feed(text, piece, postcat_take_line, &pieces);
	check_same(&once.identity, &pieces.identity);
	assert(memchr(once.queue, '\0', sizeof once.queue) != NULL);
	assert(strchr(once.queue, '/') == NULL);
	if (once.section < POSTCAT_HEADER)
		assert(!once.identity.marked);
	check_identity(&once.identity, text);
}

/* Headers of a sender, between what Postfix itself says: queue, size and time
 * are Postfix's, whatever the headers are. */
static void
try_header(const struct text *text)
{
	static const char before[] =
	    "*** ENVELOPE RECORDS hold/4F2C1A0B ***\n"
	    "message_size:         1000000             713               2\n"
	    "message_arrival_time: Wed Nov 25 07:14:54 2026\n"
	    "*** MESSAGE CONTENTS hold/4F2C1A0B ***\n";
	struct text whole = { .size = sizeof before - 1 + text->size };
	char *bytes = malloc(whole.size);
	struct postcat seen;
	char why[160];

	assert(bytes != NULL);
	memcpy(bytes, before, sizeof before - 1);
	memcpy(bytes + sizeof before - 1, text->bytes, text->size);
	whole.bytes = bytes;
	postcat_init(&seen, &meant);
	feed(&whole, 0, postcat_take_line, &seen);
	assert(strcmp(seen.queue, "hold") == 0);
	assert(seen.identity.size == 1000000);
	assert(seen.identity.arrived_at == meant.arrived_at);
	assert(identity_holds(&seen.identity, why, sizeof why) ==
	    seen.identity.marked);
	check_identity(&seen.identity, &whole);
	free(bytes);
}

/* --- Sendmail --- */

static void
try_qf(const struct text *text, size_t piece)
{
	struct qf once, pieces;

	qf_init(&once, &meant);
	feed(text, 0, qf_take_line, &once);
	qf_init(&pieces, &meant);
	feed(text, piece, qf_take_line, &pieces);
	check_same(&once.identity, &pieces.identity);
	assert(once.complete == pieces.complete);
	assert(once.identity.size <= text->size + 1);
	check_identity(&once.identity, text);
}

static void
take_pattern(void *context, const char *pattern)
{
	const struct text *text = context;

	assert(pattern[0] == '/');
	assert(pattern >= text->bytes &&
	    pattern + strlen(pattern) <= text->bytes + text->size);
}

static void
try_path(const char *directory, const char *queue_id)
{
	struct mqueue_directory place = { .path = (char *)(uintptr_t)directory,
		.has_qf = true };
	char path[256];

	if (mqueue_path(&place, MQUEUE_QUARANTINED, queue_id, path,
		sizeof path))
		assert(strlen(path) ==
		    strlen(directory) + strlen("/qf/hf") + strlen(queue_id));
}

static void
try_cf(char *cf)
{
	struct text text = { .bytes = cf, .size = strlen(cf) };

	try_path(cf, meant.queue_id);
	mqueue_parse(cf, take_pattern, &text);
}

void
fuzz_one(struct fuzz_input *in)
{
	unsigned what = fuzz_choice(in, 4);
	size_t piece = 1 + (size_t)fuzz_number(in) % 64;
	struct text text = { .size = in->left };
	char *bytes = fuzz_rest(in);

	text.bytes = bytes;
	check_lines(&text);
	if (what == 0)
		try_postcat(&text, piece);
	else if (what == 1)
		try_header(&text);
	else if (what == 2)
		try_qf(&text, piece);
	else
		try_cf(bytes);
	free(bytes);
}
