/* landlock - a process shuts itself out of the file system, but for some places
 *
 * Landlock takes neither root nor a namespace.  Linux has it since 5.13, where
 * it is switched on.  Its version 1 is about reading, writing and making files;
 * with 2 a file can be moved between directories (before, that always fails); 3
 * adds the cutting of files, 4 TCP, 5 devices, 6 abstract Unix sockets and
 * signals.  Everything that the kernel's version knows is used.  No version
 * keeps a process from asking for a file's name, size and mode, or from
 * connecting to a Unix socket that has a path.
 *
 * It holds for the calling thread and what it starts, for good, and they can
 * mount nothing any more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct landlock_place {
	const char *path; /* a file, or a directory with all below */
	bool write;       /* not only read: make, change, move, remove */
};

struct landlock_fence {
	const struct landlock_place *places;
	size_t count;
	uint16_t port; /* TCP may connect to it; 0: to none */
	bool abstract; /* abstract Unix sockets outside, too */
};

/* The kernel's version; 0 if there is no Landlock. */
int landlock_version(void);

/* Puts the fence up.  A place that doesn't exist is left out.  version is the
 * kernel's, or an older one that is to be used instead; 0 is ERROR_UNSUPPORTED.
 * no_new_privs must be set.  On failure nothing has changed. */
CHECK_RESULT enum error_code landlock_enter(const struct landlock_fence *fence,
    int version, struct error *err);

#endif
