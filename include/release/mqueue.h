/* mqueue - where a Sendmail keeps its mail
 *
 * Read from its sendmail.cf: the option QueueDirectory, and P= of each queue
 * group (a Q line).  Each is a directory or, with a "*" at its end, all those
 * whose names begin so; in each there may be "qf", "df" and "xf" for the files
 * of these kinds.  It is Sendmail's own reading of them (its multiqueue_cache()
 * and queuename()).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_MQUEUE_H
#define RELEASE_MQUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define MQUEUE_DIRECTORIES 4096

/* The letters that the names of files begin with, before "f" and the queue
 * ID. */
enum mqueue_letter {
	MQUEUE_QUARANTINED = 'h',
	MQUEUE_NORMAL = 'q',
	MQUEUE_DATA = 'd',
	MQUEUE_TRANSCRIPT = 'x',
};

struct mqueue_directory {
	char *path;
	bool has_qf; /* a directory of its own for h and q */
	bool has_df;
	bool has_xf;
};

struct mqueue {
	size_t count;
	struct mqueue_directory *directories;
};

/* Finds the directories that are there now.  ERROR_INPUT if the file has
 * none; mqueue_close() ends it in any case. */
CHECK_RESULT enum error_code mqueue_open(struct mqueue *mqueue, const char *cf,
    struct error *err);
void mqueue_close(struct mqueue *mqueue);

/* The path of a mail's file.  False if that is too long. */
bool mqueue_path(const struct mqueue_directory *directory,
    enum mqueue_letter letter, const char *queue_id, char *path, size_t size);

/* The directory in which files of that letter are. */
bool mqueue_directory_of(const struct mqueue_directory *directory,
    enum mqueue_letter letter, char *path, size_t size);

/* --- its pure part --- */

typedef void mqueue_function(void *context, const char *pattern);

/* Hands over what the text of a sendmail.cf names, each an absolute path
 * that may end with "*".  Cuts the text. */
void mqueue_parse(char *text, mqueue_function *take, void *context);

#endif
