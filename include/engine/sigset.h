/* sigset - a fingerprint of the signature files
 *
 * libclamav's own cl_statchkdir() misses a removal and a change within the
 * same second, so the files are fingerprinted here: name, size, inode and
 * modification time in nanoseconds of every file that cl_load() would read
 * (by its suffix), in the directories or files that engine.database names.
 * The supervisor compares it to see that the set has changed; the engine
 * names its generation by it.  No libclamav here.  Any thread; may wait for a
 * disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SIGSET_H
#define ENGINE_SIGSET_H

#include <stdint.h>

#include "base/error.h"

struct config_strings;

struct sigset {
	uint64_t fingerprint; /* equal: nothing has changed */
	unsigned files;       /* 0: there is nothing to load */
};

/* ERROR_SYSTEM names the path that could not be read. */
CHECK_RESULT enum error_code sigset_read(const struct config_strings *database,
    struct sigset *sigset_r, struct error *err);

#endif
