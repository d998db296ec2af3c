/* tool - runs one of the MTA's programs and listens to what it says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_TOOL_H
#define RELEASE_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "release/lines.h"

struct tool {
	/* Takes its standard output; NULL: that is part of what it says. */
	lines_function *output;
	void *context;
	const char *expected; /* a text in a line that it says; or NULL */
	bool said_expected;
	bool hasty;     /* it is killed once it has said it */
	char last[200]; /* the last line that it said; printable */
};

/* Runs it, for limit at most (see command.h for the rest).  True if it ended
 * with exit status 0; else last says why not. */
bool tool_run(struct tool *tool, int64_t limit, const char *const *argv);

#endif
