/* postcat - reads what Postfix's "postcat -eh -q ID" prints
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/postcat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Returns what follows prefix, or NULL if line doesn't begin with it. */
static const char *
behind(const char *line, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(line, prefix, len) == 0 ? line + len : NULL;
}

void
postcat_init(struct postcat *postcat, const struct release_mail *meant)
{
	memset(postcat, 0, sizeof *postcat);
	identity_init(&postcat->identity, meant);
}

/* The line has "hold/4F2C1A0B ***"; where queues are hashed there are
 * directories between the two. */
static void
take_path(struct postcat *postcat, const char *path)
{
	size_t len = strcspn(path, "/");

	if (path[len] == '/' && len < sizeof postcat->queue) {
		memcpy(postcat->queue, path, len);
		postcat->queue[len] = '\0';
	}
}

/* Reads a time as asctime(3) writes it, in UTC. */
static void
take_time(struct identity *identity, const char *text)
{
	struct tm tm = { .tm_isdst = 0 };

	if (strptime(text, "%a %b %e %H:%M:%S %Y", &tm) != NULL) {
		identity->arrived_at = timegm(&tm);
		identity->has_arrival = true;
	}
}

/* While a mail is being written, blanks stand in the place of its size. */
static void
take_envelope(struct postcat *postcat, const char *line)
{
	struct identity *identity = &postcat->identity;
	const char *value;

	value = behind(line, "message_size:");
	if (value != NULL && !identity->has_size &&
	    sscanf(value, "%" SCNu64, &identity->size) == 1)
		identity->has_size = true;
	value = behind(line, "message_arrival_time: ");
	if (value != NULL && !identity->has_arrival)
		take_time(identity, value);
}

void
postcat_take_line(void *context, const char *line)
{
	struct postcat *postcat = context;
	const char *path;

	switch (postcat->section) {
	case POSTCAT_BEGIN:
		path = behind(line, "*** ENVELOPE RECORDS ");
		if (path == NULL)
			return;
		take_path(postcat, path);
		postcat->section = POSTCAT_ENVELOPE;
		return;
	case POSTCAT_ENVELOPE:
		if (behind(line, "*** MESSAGE CONTENTS ") != NULL)
			postcat->section = POSTCAT_HEADER;
		else
			take_envelope(postcat, line);
		return;
	case POSTCAT_HEADER:
		if (behind(line, "*** HEADER EXTRACTED ") != NULL)
			postcat->section = POSTCAT_END;
		else
			identity_take_header(&postcat->identity, line);
		return;
	case POSTCAT_END:
		return;
	}
}
