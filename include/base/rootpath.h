/* rootpath - the paths by which root makes and opens files of this service
 *
 * Whoever can write to a directory can put a link, a FIFO or another directory
 * in the place of what root expects there, also between two system calls.  So
 * a path is walked by descriptors, from / to its end, and nothing is used that
 * lies in a directory that another account than root can write to.  A sticky
 * directory such as /tmp is passed all the same, since nobody can replace
 * there what is root's; but no symbolic link in it is followed.
 *
 * These functions refuse nothing of that to a process that isn't root: it has
 * no rights that another account would lack.  They never wait for a FIFO or
 * device.
 *
 * In each call "what" names the path in messages: "pid_file".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_ROOTPATH_H
#define BASE_ROOTPATH_H

#include <sys/types.h>

#include "base/error.h"

/* Opens a directory.  Whose it is itself is the caller's to judge. */
CHECK_RESULT enum error_code rootpath_open_directory(const char *what,
    const char *path, int *fd_r, struct error *err);

/* As root, makes the directory with mode 0755 and gives it to the account, if
 * it isn't there; those above it have to be there.  Then, and as any other
 * account, it is opened as by rootpath_open_directory(). */
CHECK_RESULT enum error_code rootpath_make_directory(const char *what,
    const char *path, uid_t uid, gid_t gid, int *fd_r, struct error *err);

/* Opens a file for writing, and makes it with mode 0644 if it isn't there.
 * What was in it is still in it.  ERROR_INPUT if it is something else than a
 * file, has a second name, or belongs to another account. */
CHECK_RESULT enum error_code rootpath_open_file(const char *what,
    const char *path, int *fd_r, struct error *err);

/* ERROR_INPUT unless the directory is root's and nobody else can write to it,
 * not even as in /tmp.  The message says how to mend that. */
CHECK_RESULT enum error_code rootpath_check_is_roots(const char *what,
    const char *path, int directory, struct error *err);

#endif
