/* command - runs one of the MTA's programs, within bounds
 *
 * The program is started without a shell, with an environment of ours (a fixed
 * PATH, UTC, and the C locale, so that what it prints can be parsed).  It
 * inherits /dev/null as its input and a pipe for each of its outputs, and no
 * other descriptor.  It runs in a session of its own, which is killed when its
 * time is up.  Its output is handed on line by line and kept nowhere.
 *
 * Single-threaded.  A program that hangs in the kernel, on a dead disk,
 * outlives SIGKILL: it is left behind, and a later command_run() reaps it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_COMMAND_H
#define RELEASE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "release/lines.h"

struct command {
	const char *const *argv; /* ends with NULL; [0] is in PATH */
	int64_t limit;           /* how long it may run */
	lines_function *output;
	lines_function *complaint; /* its standard error */
	void *context;             /* for both */
	/* When one of them sets this, the program is of no more use and is
	 * killed; NULL: it runs to its end. */
	const bool *enough;
};

/* Runs it to its end.  ERROR_NONE: *status_r is as wait(2) has it.
 * ERROR_TIMEOUT: it was killed. */
CHECK_RESULT enum error_code command_run(const struct command *command,
    int *status_r, struct error *err);

#endif
