/* lockfile - the instance lock, and what can be learnt from it
 *
 * The file "lock" in state_directory is locked as long as the service runs, by
 * the supervisor, and for its whole life: the lock outlives an execve(2).  The
 * kernel says which process has the lock, so no PID file is needed to find the
 * service.  The file's text says how often it was asked to restart, and how
 * the last time went, for who waits for that.
 *
 * The process that has the lock must not open the file a second time: closing
 * that would give the lock back (fcntl(2)).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_LOCKFILE_H
#define SUPERVISOR_LOCKFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Takes the lock; 0, or -1 with errno set, EWOULDBLOCK if another process has
 * it. */
CHECK_RESULT int lockfile_take(int fd);

struct lockfile_news {
	unsigned restarts; /* that were asked for and have ended */
	bool well;         /* the last one went well */
	char text[200];    /* else why not, for people */
};

/* Both take a descriptor of the file.  Reading is false, and *news_r all 0, as
 * long as nothing was written. */
void lockfile_write(int fd, const struct lockfile_news *news);
CHECK_RESULT bool lockfile_read(int fd, struct lockfile_news *news_r);

/* The process that has the lock.  ERROR_GONE: none has it; ERROR_UNSUPPORTED:
 * one has it in a way that doesn't tell (an earlier version, or one that isn't
 * of this PID namespace). */
CHECK_RESULT enum error_code lockfile_holder(int fd, pid_t *pid_r,
    struct error *err);

#endif
