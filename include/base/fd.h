/* fd - descriptors: memory files, spill files, what a child inherits
 *
 * Every descriptor that this program opens is close-on-exec.  What a child is
 * to have is given to it by fd_move_to(), after fork.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Closes *fd if it is open (>= 0) and sets it to -1. */
void fd_close(int *fd);

/* An empty memory file that can be sealed. */
CHECK_RESULT enum error_code fd_memory(const char *name, int *fd_r,
    struct error *err);

/* Seals a memory file against growing, shrinking and writing, so that a
 * reader may map it without fear of SIGBUS or change. */
CHECK_RESULT enum error_code fd_seal(int fd, struct error *err);

/* A nameless file in directory, opened read-write with mode 0600.  Where the
 * file system knows O_TMPFILE, linkat(2) can give it a name later. */
CHECK_RESULT enum error_code fd_spill(const char *directory, int *fd_r,
    struct error *err);

/* Opens the same file a second time, for reading only.  A reader that isn't
 * trusted is handed this one, since a spill file can't be sealed. */
CHECK_RESULT enum error_code fd_reopen_readonly(int fd, int *fd_r,
    struct error *err);

/* Writes all of it, at offset. */
CHECK_RESULT enum error_code fd_write_at(int fd, const void *data, size_t len,
    uint64_t offset, struct error *err);

/* The rest of a file or stream, NUL-terminated, for free(); ERROR_LIMIT if
 * it is over 4 MB.  name stands in messages. */
#define FD_TEXT_MAX (4 * 1024 * 1024)
CHECK_RESULT enum error_code fd_read_text(int fd, const char *name,
    char **text_r, struct error *err);

/* Makes fd known as target without close-on-exec.  For use between fork and
 * exec. */
CHECK_RESULT enum error_code fd_move_to(int fd, int target, struct error *err);

/* Closes every descriptor from lowest upwards. */
void fd_close_from(int lowest);

#endif
