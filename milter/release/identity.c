/* identity - is it the mail that was meant?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/identity.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wire/release.h"

#define BLANKS " \t"

void
identity_init(struct identity *identity, const struct release_mail *meant)
{
	memset(identity, 0, sizeof *identity);
	identity->meant = meant;
}

static bool
is_status(const char *line)
{
	static const char name[] = "X-Virus-Status";

	if (strncasecmp(line, name, sizeof name - 1) != 0)
		return false;
	line += sizeof name - 1;
	return line[strspn(line, BLANKS)] == ':';
}

/* True if the word stands by itself: a part of a longer number is no mark. */
static bool
has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)) != NULL; at++)
		if ((at == line || !isalnum((unsigned char)at[-1])) &&
		    !isalnum((unsigned char)at[len]))
			return true;
	return false;
}

void
identity_take_header(struct identity *identity, const char *line)
{
	if (line[0] != ' ' && line[0] != '\t')
		identity->in_status = is_status(line);
	if (identity->in_status && has_word(line, identity->meant->mark))
		identity->marked = true;
}

/* a - b, or 0 if b is greater. */
static uint64_t
excess(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static bool
size_is_plausible(uint64_t found, uint64_t meant)
{
	/* meant is INT64_MAX at most, so twice that fits. */
	return excess(found, meant * 2) <= IDENTITY_SIZE_MARGIN &&
	    excess(meant / 2, found) <= IDENTITY_SIZE_MARGIN;
}

static bool
time_is_plausible(int64_t found, int64_t meant)
{
	int64_t apart;

	if (__builtin_sub_overflow(found, meant, &apart))
		return false;
	return apart <= IDENTITY_TIME_MARGIN;
}

bool
identity_holds(const struct identity *identity, char *why, size_t size)
{
	const struct release_mail *meant = identity->meant;

	why[0] = '\0';
	if (!identity->marked)
		snprintf(why, size, "it doesn't carry the mark");
	else if (!identity->has_size ||
	    !size_is_plausible(identity->size, meant->size))
		snprintf(why, size,
		    "it has the mark, but a size of %" PRIu64
		    " and not of about %" PRIu64,
		    identity->size, meant->size);
	else if (!identity->has_arrival ||
	    !time_is_plausible(identity->arrived_at, meant->arrived_at))
		snprintf(why, size,
		    "it has the mark, but came at %" PRId64
		    " and not at about %" PRId64,
		    identity->arrived_at, meant->arrived_at);
	return why[0] == '\0';
}
