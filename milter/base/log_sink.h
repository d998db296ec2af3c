/* log_sink - where the lines of the log end: syslog, standard error or a file
 *
 * The writer's process only; its functions wait for as long as it takes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log_writer.h"
#include "log_line.h"

struct log_sink {
	const struct log_options *options;
	int fd;           /* -1: not connected to the syslog daemon */
	size_t lost;      /* lines since one could be written */
	int lost_because; /* errno of the last */
};

/* A regular file that is ours alone to write, in a directory that is ours,
 * made with mode 0640 if it isn't there. */
CHECK_RESULT enum error_code log_sink_open_file(const char *path, int *fd_r,
    struct error *err);

/* fd: the file, or -1. */
void log_sink_init(struct log_sink *sink, const struct log_options *options,
    int fd);

/* Writes one line, of the process pid. */
void log_sink_write(struct log_sink *sink, const struct log_line *line,
    pid_t pid);

#endif
