/* lines - cuts bytes that come in pieces into lines
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_LINES_H
#define RELEASE_LINES_H

#include <stddef.h>

/* A line without its end.  Of one over LINES_ROOM - 1 bytes the rest is left
 * out; NUL bytes come as '?'. */
#define LINES_ROOM 4096
typedef void lines_function(void *context, const char *line);

struct lines {
	lines_function *take; /* or NULL: nobody wants them */
	void *context;
	size_t len;
	char line[LINES_ROOM];
};

void lines_init(struct lines *lines, lines_function *take, void *context);
void lines_feed(struct lines *lines, const char *bytes, size_t count);

/* The last line may have no end. */
void lines_finish(struct lines *lines);

#endif
