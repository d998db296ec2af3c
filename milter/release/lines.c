/* lines - cuts bytes that come in pieces into lines
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/lines.h"

void
lines_init(struct lines *lines, lines_function *take, void *context)
{
	lines->take = take;
	lines->context = context;
	lines->len = 0;
}

static void
end_line(struct lines *lines)
{
	lines->line[lines->len] = '\0';
	lines->len = 0;
	if (lines->take != NULL)
		lines->take(lines->context, lines->line);
}

void
lines_feed(struct lines *lines, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] == '\n')
			end_line(lines);
		else if (lines->len < sizeof lines->line - 1)
			lines->line[lines->len++] = bytes[i] == '\0' ? '?'
								     : bytes[i];
}

void
lines_finish(struct lines *lines)
{
	if (lines->len > 0)
		end_line(lines);
}
