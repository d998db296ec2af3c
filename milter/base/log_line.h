/* log_line - one line of the log, on its way from the process that says it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_LINE_IDENT_SIZE 32
#define LOG_LINE_TEXT_SIZE 2048

/* The level of a message that is none of the log: it brings the reading end of
 * another process's socket.  Only the process that starts the writer sends
 * it. */
#define LOG_LINE_CONNECT 99

/* Sent up to the NUL of its text. */
struct log_line {
	int64_t wall;   /* monotime_wall() when it was said */
	uint32_t level; /* enum log_level, or LOG_LINE_CONNECT */
	uint32_t lost;  /* so many could not be sent before it */
	char ident[LOG_LINE_IDENT_SIZE];
	char text[LOG_LINE_TEXT_SIZE];
};

/* The line as standard error and a file have it, with its newline:
 * "2001-02-03T04:05:06.789Z ident[pid]: text". */
#define LOG_LINE_FORMATTED_SIZE (LOG_LINE_TEXT_SIZE + 128)
size_t log_line_format(const struct log_line *line, pid_t pid,
    char out[LOG_LINE_FORMATTED_SIZE]);

/* The bytes of it that are sent. */
size_t log_line_length(const struct log_line *line);

#endif
