/* source - the text of a configuration file, made fit for libconfuse
 *
 * libconfuse 3.3 knows the grammar, but its scanner can't be shown just any
 * bytes.  It counts two or three lines for each comment; it takes an
 * unclosed section for a closed one and names the end of the file for an
 * unclosed string; it drops characters that it doesn't know; it replaces
 * ${NAME} by the environment's value, or silently by nothing; it doesn't
 * call back for an empty list.  So the text is read whole and prepared here:
 * comments become blanks, an empty list becomes SOURCE_EMPTY_LIST, and what
 * libconfuse would misread is a mistake with its line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Stands for {} in the prepared text.  No file can hold it: control
 * characters and escapes for them are mistakes. */
#define SOURCE_EMPTY_LIST '\001'

#define SOURCE_MAX ((size_t)1 << 20) /* bytes in a file */
#define SOURCE_DEPTH 2               /* a list in a section */

struct source {
	char *text; /* NUL-terminated */
	size_t len;
	size_t pos; /* what is being prepared; all before it is done */
	unsigned line;
	unsigned open[SOURCE_DEPTH]; /* the lines of open braces */
	unsigned depth;
	char before;           /* the token before: its character, or 'a' */
	char *empty_list;      /* the '{' before, if it begins a list */
	unsigned mistake_line; /* 0: there is none */
	char mistake[200];
};

/* Reads the file behind fd from its beginning, whatever the offset; name is
 * for messages.  The offset of a file that can be sought stays untouched,
 * so processes that share it may read at the same time.  After success
 * source_fini() is due. */
CHECK_RESULT enum error_code source_read(struct source *source, int fd,
    const char *name, struct error *err);

/* Prepares the text.  False if there is a mistake: the text then ends where
 * that is. */
bool source_prepare(struct source *source);

void source_fini(struct source *source);

#endif
