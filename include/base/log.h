/* log - syslog or standard error, one line a call
 *
 * Opened once, before the first thread; log_msg() may then be called from
 * any thread.  A value that a sender controls goes through text_field()
 * (text.h) first, so that it can't forge a line or a field.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

struct error;

enum log_target { LOG_TARGET_SYSLOG, LOG_TARGET_STDERR };

/* Worse is smaller, as in syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* ident ("vscan-milter/filter") must outlive the process's logging; facility
 * is syslog(3)'s.  Before this call lines go to standard error. */
void log_open(const char *ident, enum log_target target, int facility,
    enum log_level level);

void log_msg(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Logs "what: err->text". */
void log_error(enum log_level level, const char *what,
    const struct error *err);

#endif
