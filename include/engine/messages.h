/* messages - what libclamav prints, as data
 *
 * libclamav reports some faults by its return value and some by a line on
 * standard error only: a failed allocation while loading, a part of a mail
 * that could not be saved.  So every line is taken here and counted.
 *
 * libclamav hands its callback no pointer of ours, so there is one collection
 * for the process; a forked worker has its own copy.  Only one thread may use
 * it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_MESSAGES_H
#define ENGINE_MESSAGES_H

#include <stdbool.h>

struct messages {
	unsigned warnings;
	unsigned errors;
	bool allocation_failed; /* an error that speaks of memory */
	char file_error[256];   /* the first error that names a file */
	char last_error[256];   /* the last one; "" if there is none */
};

/* Takes libclamav's messages from now on.  Before cl_init(). */
void messages_install(void);

/* Forgets what has been counted.  The next log_limit warnings and errors are
 * logged as they come.  A worker passes 0, since its input decides what
 * libclamav prints. */
void messages_reset(unsigned log_limit);

/* What has come since messages_reset(). */
const struct messages *messages_get(void);

#endif
