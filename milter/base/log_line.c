/* log_line - one line of the log, on its way from the process that says it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/monotime.h"

size_t
log_line_format(const struct log_line *line, pid_t pid,
    char out[LOG_LINE_FORMATTED_SIZE])
{
	time_t seconds = (time_t)(line->wall / MONOTIME_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return (size_t)snprintf(out, LOG_LINE_FORMATTED_SIZE,
	    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %.31s[%d]: %.2047s\n",
	    (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (int)(line->wall % MONOTIME_S / MONOTIME_MS),
	    line->ident, (int)pid, line->text);
}

size_t
log_line_length(const struct log_line *line)
{
	return offsetof(struct log_line, text) + strlen(line->text) + 1;
}
