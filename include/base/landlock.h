/* landlock - a process shuts itself out of the file system, but for some places
 *
 * No account and no namespace is needed for it (Linux 5.13, where Landlock is
 * switched on).  Later versions of it know more: moving between directories
 * (2; before, that always fails), cutting files (3), TCP (4), devices (5),
 * abstract Unix sockets and signals (6).  What the kernel's version knows is
 * used.  Of no version is looking at a file's name, size and mode, and
 * connecting to a Unix socket that has a path.
 *
 * For the calling thread and what it starts, for good.  Within it no mount is
 * possible any more.
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

/* A place that isn't there is left out.  version is the kernel's or an older
 * one that is to be used; 0 is ERROR_UNSUPPORTED.  no_new_privs must be set.
 * On failure nothing has changed. */
CHECK_RESULT enum error_code landlock_enter(const struct landlock_fence *fence,
    int version, struct error *err);

#endif
