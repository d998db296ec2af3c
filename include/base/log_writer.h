/* log_writer - the process that writes the log of a service
 *
 * It may wait for a syslog daemon, a pipe or a disk for as long as that takes,
 * since nothing waits for it: the service's other processes send it their lines
 * (log.h) over a socket each, so that none can crowd out or silence another.
 * It takes them in at once, keeps up to 2,048 of each process, and drops what
 * comes beyond, which the log says later.  The PID in a line is the kernel's
 * word, and that of the outer PID namespace.
 *
 * The process that starts the others starts the writer first.  The writer's
 * name is vscan-log.  It keeps the account, but as root no capability; it
 * ignores signals that are meant for a whole process group, and ends when the
 * last of the processes that it writes for has ended, or has let go of its
 * socket: what it still has then it writes within one second.  If it dies it is
 * started again, and lines wait in the sockets meanwhile.
 *
 * A file is opened anew when it was renamed or removed, so that rotating it
 * takes no more than a new name for the old one.
 *
 * Single-threaded; none of these waits for the log, but log_writer_stop(),
 * which waits for 2 s at most.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_WRITER_H
#define BASE_LOG_WRITER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"

/* Its own process, the filter and two engines; and those that are gone, until
 * that is noticed. */
#define LOG_WRITER_SOURCES 16

struct log_options {
	enum log_target target;
	int facility;     /* syslog(3)'s LOG_MAIL, … */
	const char *path; /* of LOG_TARGET_FILE; is copied */
	bool confined;    /* with a filter for its system calls */
};

struct log_writer {
	struct log_options options;      /* path is our own */
	pid_t pid;                       /* 0: none */
	int64_t started_at;              /* monotime.h */
	int own;                         /* what this process sends to */
	int file;                        /* of LOG_TARGET_FILE, or -1 */
	int sources[LOG_WRITER_SOURCES]; /* reading ends, or -1; first: own */
};

/* Opens the file, starts the writer, and joins it (log_join()).  ERROR_INPUT
 * or ERROR_SYSTEM if the file can't be opened or isn't safe to write to. */
CHECK_RESULT enum error_code log_writer_start(struct log_writer *writer,
    const struct log_options *options, struct error *err);

/* An end for the log_join() of another process; the caller closes it. */
CHECK_RESULT enum error_code log_writer_connect(struct log_writer *writer,
    int *end_r, struct error *err);

/* Starts the writer again if it has died.  Whether somebody else has reaped it
 * does not matter. */
void log_writer_check(struct log_writer *writer);

/* Lets go of it, and waits until it has written what is there and has ended,
 * for 2 s at most: where the log is stuck, or another process that it writes
 * for lives on, it is left behind and ends by itself.  Lines go nowhere
 * then. */
void log_writer_stop(struct log_writer *writer);

#endif
