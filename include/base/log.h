/* log - syslog or standard error, one line a call
 *
 * Opened once, before the first thread; log_msg() may then be called from
 * any thread.  A process that must not wait for its log (a syslog daemon that
 * hangs, a pipe nobody reads) hands the writing to a thread of its own by
 * log_start_thread(); then log_msg() never blocks, and what can't be kept
 * until it is written is dropped and counted.
 *
 * A value that a sender controls goes through text_field() (text.h) first, so
 * that it can't forge a line or a field.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

enum log_target { LOG_TARGET_SYSLOG, LOG_TARGET_STDERR };

/* Worse is smaller, as in syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* ident ("vscan-milter/filter") must outlive the process's logging; facility
 * is syslog(3)'s.  Before this call lines go to standard error. */
void log_open(const char *ident, enum log_target target, int facility,
    enum log_level level);

/* What is less important than this is not logged from now on.  Any thread. */
void log_set_level(enum log_level level);

void log_msg(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Starts the thread that writes from now on, for as long as the process
 * lives.  At most 4096 lines wait for it. */
CHECK_RESULT enum error_code log_start_thread(struct error *err);

/* Waits until all lines are written, or until (monotime.h).  Without the
 * thread there is nothing to wait for. */
void log_flush(int64_t until);

/* Logs "what: err->text". */
void log_error(enum log_level level, const char *what, const struct error *err);

#endif
