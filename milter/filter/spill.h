/* spill - a message's bytes on their way between memory and disk
 *
 * Each function may wait for a disk: only the pool's own thread calls them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_SPILL_H
#define FILTER_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Which directory a path stands for; all zeros for none. */
struct spill_place {
	dev_t device;
	ino_t inode;
};

struct spill_place spill_place_of(const char *directory);

/* True if directory is there, and is another one than place. */
bool spill_place_is_other(const struct spill_place *place,
    const char *directory);

/* Tries whether directory takes a file of some size. */
CHECK_RESULT enum error_code spill_probe(const char *directory,
    struct error *err);

/* Copies up to len bytes at offset from memory to disk and frees them in
 * memory.  *disk is opened in directory if it is -1.  *done_r bytes were
 * copied, at least one unless it failed. */
CHECK_RESULT enum error_code spill_out(int memory, int *disk,
    const char *directory, uint64_t offset, size_t len, size_t *done_r,
    struct error *err);

/* Copies the first len bytes back. */
CHECK_RESULT enum error_code spill_back(int memory, int disk, uint64_t len,
    struct error *err);

#endif
