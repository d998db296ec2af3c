/* messages - what libclamav prints, as data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/messages.h"

#include <clamav.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

static struct {
	struct messages seen;
	unsigned log_left;
} collected;

/* In libclamav's words: "Can't allocate memory for …", "cli_malloc: …". */
static bool
is_allocation_failure(const char *text)
{
	return strcasestr(text, "alloc") != NULL ||
	    strcasestr(text, "out of memory") != NULL;
}

static void
note_error(const char *text)
{
	struct messages *seen = &collected.seen;

	seen->errors++;
	if (is_allocation_failure(text))
		seen->allocation_failed = true;
	snprintf(seen->last_error, sizeof seen->last_error, "%s", text);
	if (seen->file_error[0] == '\0' && strchr(text, '/') != NULL)
		snprintf(seen->file_error, sizeof seen->file_error, "%s", text);
}

static void
take(enum cl_msg severity, const char *full, const char *msg, void *context)
{
	char line[256], text[256];

	(void)full;
	(void)context;
	if (severity < CL_MSG_WARN)
		return;
	snprintf(line, sizeof line, "%.*s", (int)strcspn(msg, "\n"), msg);
	text_line(text, sizeof text, line);
	if (severity >= CL_MSG_ERROR)
		note_error(text);
	else
		collected.seen.warnings++;
	if (collected.log_left > 0) {
		collected.log_left--;
		log_msg(LOG_LEVEL_WARNING, "libclamav: %s", text);
	}
}

void
messages_install(void)
{
	cl_set_clcb_msg(take);
}

void
messages_reset(unsigned log_limit)
{
	memset(&collected, 0, sizeof collected);
	collected.log_left = log_limit;
}

const struct messages *
messages_get(void)
{
	return &collected.seen;
}
