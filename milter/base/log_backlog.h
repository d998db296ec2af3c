/* log_backlog - lines of the log that wait for room in the socket
 *
 * How much a socket takes is the administrator's setting for the whole machine
 * (net.core.wmem_max), and by default it is about 500 lines: a process with
 * many threads says as many while the writer waits for its turn on a processor.
 * A process that starts a backlog keeps up to LOG_BACKLOG_LINES more in its
 * memory, and a thread of its own sends them as soon as there is room.  Nobody
 * who says a line waits for that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_BACKLOG_H
#define BASE_LOG_BACKLOG_H

#include <stdint.h>

#include "base/error.h"
#include "log_line.h"

#define LOG_BACKLOG_LINES 4096

/* Starts the thread, which lasts as long as the process; exit(3) waits for
 * what it has, for 1 s at most.  sock stays the caller's.  lost counts the
 * lines that were lost before this.  Once in a process. */
CHECK_RESULT enum error_code log_backlog_start(int sock, uint32_t lost,
    struct error *err);

/* Sends a line after all that wait, or has it wait, too.  Where there is no
 * room in memory either it is lost, and counted in the next one.  Any
 * thread. */
void log_backlog_add(const struct log_line *line);

#endif
