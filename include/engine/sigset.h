/* sigset - the signature files, and whether they have changed
 *
 * The signature files are those that cl_load() would read, by their suffix,
 * in the directories and files that engine.database names.
 *
 * Whether they have changed is told by a fingerprint of each one's path, size,
 * inode and modification time in nanoseconds.  (libclamav's cl_statchkdir()
 * misses a file that was removed, and a change within the same second.)  A
 * fingerprint is made without reading the files, so the supervisor can afford
 * it; it means nothing on another host.  The name that a set has on every host
 * is made of what is in the files: see contents.h.
 *
 * No libclamav here.  Any thread; may wait for a disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SIGSET_H
#define ENGINE_SIGSET_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

struct config_strings;

struct sigset {
	uint64_t fingerprint; /* equal: nothing has changed */
	uint64_t bytes;       /* of all files together */
	unsigned files;       /* 0: there is nothing to load */
};

/* ERROR_SYSTEM names the path that could not be read. */
CHECK_RESULT enum error_code sigset_read(const struct config_strings *database,
    struct sigset *sigset_r, struct error *err);

/* Is called with one signature file.  What it returns other than ERROR_NONE
 * ends the walk. */
typedef enum error_code sigset_file_function(void *context, const char *path,
    const struct stat *st, struct error *err);

/* Calls function for each signature file, in the order of database and within
 * a directory in that of the names' bytes.  Returns what function returned,
 * or ERROR_SYSTEM with the path that could not be read. */
CHECK_RESULT enum error_code sigset_each(const struct config_strings *database,
    sigset_file_function *function, void *context, struct error *err);

#endif
