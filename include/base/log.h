/* log - what a process says to the administrator, one line a call
 *
 * No process of this service writes its log itself, so that none ever waits
 * for a syslog daemon that hangs, a pipe that nobody reads, or a full or dead
 * disk.  A process of its own writes it (log_writer.h).  The others send it
 * their lines over a socket, and never wait for that either: a line for which
 * there is no room is dropped, and counted in the next one that finds room; the
 * log says there how many were lost.  The filter, of which each mail makes a
 * thread say something, keeps such lines for a while (log_keep()).
 *
 *   log_open    at the start of a process: who it is
 *   log_join    as soon as it has its end of a socket to the writer
 *   log_keep    where lines may come in bursts
 *   log_msg     from any thread
 *
 * Between log_open() and log_join() lines go to standard error, and this may
 * take as long as standard error takes.
 *
 * Libraries call syslog(3) in whatever thread they run in: libmilter in that of
 * a session, libcap-ng in the supervisor's.  The C library's syslog(3) waits
 * for the syslog daemon.  So syslog() and its relations are defined here, too.
 * The dynamic linker takes those of the program before those of the C library,
 * and the lines of libraries take the same way as ours, whatever log.target
 * is; they begin with the library's name ("libmilter: …"), or with that of the
 * program where it is linked into that.
 *
 * A value that a sender controls goes through text_field() (text.h) first, so
 * that it can't forge a field.  Control characters never reach the log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

enum log_target { LOG_TARGET_SYSLOG, LOG_TARGET_STDERR, LOG_TARGET_FILE };

/* Worse is smaller, as in syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* ident ("vscan-milter/filter") is at most 31 characters long and must outlive
 * the process's logging; lines of a lower level than level are left out.
 * Before the first thread starts. */
void log_open(const char *ident, enum log_level level);

/* What is less important than this is not logged from now on.  Any thread. */
void log_set_level(enum log_level level);

/* Lines go to the writer from now on; sock is an end that log_writer_connect()
 * gave, and is not ours to close.  If it is none (a program that was started by
 * hand), nothing changes.  Before the first thread starts. */
void log_join(int sock);

/* Lines for which the socket has no room wait in this process's memory from now
 * on, up to 4,096 of them, and a thread sends them: for a process that may have
 * threads, and whose lines come in bursts.  At exit(3) it waits for them for
 * 1 s at most.  After log_join(); without a writer nothing changes.  Before any
 * other thread starts, and once in a process. */
CHECK_RESULT enum error_code log_keep(struct error *err);

/* Lines go nowhere from now on: for a process that gives up its descriptors,
 * whose numbers will mean something else. */
void log_leave(void);

/* Keeps errno. */
void log_msg(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Logs "what: err->text". */
void log_error(enum log_level level, const char *what, const struct error *err);

#endif
