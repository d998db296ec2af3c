/* log_process - what the writer of the log does
 *
 * Its first thread takes lines in from all sockets, and never waits for
 * anything else.  Its second writes them, and waits for whatever it must.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_PROCESS_H
#define BASE_LOG_PROCESS_H

#include <stddef.h>

#include "log_sink.h"

/* Never returns: the process ends soon after the last source has.  sources are
 * reading ends with SO_PASSCRED; the first belongs to the process that started
 * this one, and only that may bring others. */
void log_process_run(struct log_sink *sink, const int *sources, size_t count)
    __attribute__((noreturn));

#endif
