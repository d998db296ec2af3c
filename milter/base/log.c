/* log - what a process says to the administrator, one line a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/log.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/monotime.h"
#include "base/sendqueue.h"
#include "base/seqpacket.h"
#include "log_line.h"

#define KEPT_LINES 4096
#define LAST_LINES_TIME MONOTIME_S

enum way { WAY_STDERR, WAY_WRITER, WAY_QUEUE, WAY_NOWHERE };

/* Written before the first thread starts, read by all afterwards; but the level
 * may change. */
static struct {
	const char *ident;
	_Atomic(enum log_level) level;
	enum way way;
	int sock;
} log_state = { "vscan-milter", LOG_LEVEL_INFO, WAY_STDERR, -1 };

static atomic_uint dropped;   /* lines, since one was sent or kept */
static struct sendqueue kept; /* lines that wait */

void
log_open(const char *ident, enum log_level level)
{
	log_state.ident = ident;
	log_state.level = level;
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

void
log_join(int sock)
{
	if (!seqpacket_is_end(sock))
		return;
	log_state.sock = sock;
	atomic_store(&dropped, 0);
	log_state.way = WAY_WRITER;
}

/* At the end of the process. */
static void
send_last(void)
{
	struct error err;

	if (sendqueue_flush(&kept, monotime_after(LAST_LINES_TIME), &err) !=
	    ERROR_NONE)
		return; /* nowhere left to say so */
}

enum error_code
log_keep(struct error *err)
{
	enum error_code code;

	if (log_state.way != WAY_WRITER)
		return ERROR_NONE;
	code = sendqueue_start(&kept, log_state.sock, KEPT_LINES, err);
	if (code != ERROR_NONE)
		return code;
	log_state.way = WAY_QUEUE;
	atexit(send_last);
	return ERROR_NONE;
}

void
log_leave(void)
{
	log_state.way = WAY_NOWHERE;
}

/* Postfix's manner: the words "error:" and "warning:" are in the line. */
static const char *
level_prefix(enum log_level level)
{
	if (level == LOG_LEVEL_ERROR)
		return "error: ";
	if (level == LOG_LEVEL_WARNING)
		return "warning: ";
	return "";
}

static void __attribute__((format(printf, 3, 0))) compose(struct log_line *line,
    enum log_level level, const char *fmt, va_list ap)
{
	size_t used;

	memset(line, 0, offsetof(struct log_line, text));
	line->wall = monotime_wall();
	line->level = level;
	strncpy(line->ident, log_state.ident, sizeof line->ident - 1);
	strcpy(line->text, level_prefix(level));
	used = strlen(line->text);
	if (vsnprintf(line->text + used, sizeof line->text - used, fmt, ap) < 0)
		line->text[used] = '\0';
}

static bool
send_line(const struct log_line *line)
{
	if (log_state.way == WAY_QUEUE)
		return sendqueue_add(&kept, line, log_line_length(line),
			   NULL) == ERROR_NONE;
	return send(log_state.sock, line, log_line_length(line),
		   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* The count goes with the line, so that it is lost no sooner than that. */
static void
hand_to_writer(struct log_line *line)
{
	line->lost = (uint32_t)atomic_exchange(&dropped, 0);
	if (!send_line(line))
		atomic_fetch_add(&dropped, line->lost + 1);
}

/* One write, so that lines of several processes don't mix. */
static void
write_stderr(const struct log_line *line)
{
	char text[LOG_LINE_FORMATTED_SIZE];
	size_t len = log_line_format(line, getpid(), text);

	if (write(STDERR_FILENO, text, len) < 0)
		return; /* nowhere left to say so */
}

static void __attribute__((format(printf, 2, 0)))
log_args(enum log_level level, const char *fmt, va_list ap)
{
	int saved = errno;
	struct log_line line;

	if (level > log_state.level || log_state.way == WAY_NOWHERE)
		return;
	compose(&line, level, fmt, ap);
	if (log_state.way == WAY_STDERR)
		write_stderr(&line);
	else
		hand_to_writer(&line);
	errno = saved;
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_args(level, fmt, ap);
	va_end(ap);
}

void
log_error(enum log_level level, const char *what, const struct error *err)
{
	log_msg(level, "%s: %s", what, err->text);
}

/* What the C library would do for libraries.  The names in the assembler's
 * words, for <syslog.h> has inline functions of these names. */
void log_openlog(const char *ident, int option, int facility) __asm__(
    "openlog");
void log_closelog(void) __asm__("closelog");
void log_vsyslog(int priority, const char *fmt, va_list ap) __asm__("vsyslog")
    __attribute__((format(printf, 2, 0)));
void log_syslog(int priority, const char *fmt, ...) __asm__("syslog")
    __attribute__((format(printf, 2, 3)));
void log_vsyslog_chk(int priority, int flag, const char *fmt,
    va_list ap) __asm__("__vsyslog_chk") __attribute__((format(printf, 3, 0)));
void log_syslog_chk(int priority, int flag, const char *fmt, ...) __asm__(
    "__syslog_chk") __attribute__((format(printf, 3, 4)));

/* syslog(3)'s eight levels. */
static enum log_level
level_of_priority(int priority)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR,
		LOG_LEVEL_ERROR, LOG_LEVEL_ERROR, LOG_LEVEL_ERROR,
		LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO,
		LOG_LEVEL_DEBUG };

	return levels[priority & 7];
}

/* "/usr/lib/libmilter.so.1.0.1" is "libmilter"; returns its length. */
static int
library_name(const void *caller, const char **name_r)
{
	const char *slash;
	Dl_info info;

	*name_r = "a library";
	if (dladdr(caller, &info) != 0 && info.dli_fname != NULL) {
		slash = strrchr(info.dli_fname, '/');
		*name_r = slash != NULL ? slash + 1 : info.dli_fname;
	}
	return (int)(strstr(*name_r, ".so") != NULL
		? strstr(*name_r, ".so") - *name_r
		: (ptrdiff_t)strlen(*name_r));
}

static void __attribute__((format(printf, 3, 0)))
log_for_library(const void *caller, int priority, const char *fmt, va_list ap)
{
	int saved = errno;
	char text[LOG_LINE_TEXT_SIZE];
	const char *name;
	int len, name_len;

	/* %m is errno, before anything else touches it. */
	len = vsnprintf(text, sizeof text, fmt, ap);
	if (len < 0)
		return;
	if (len > 0 && (size_t)len < sizeof text && text[len - 1] == '\n')
		text[len - 1] = '\0';
	name_len = library_name(caller, &name);
	log_msg(level_of_priority(priority), "%.*s: %s", name_len, name, text);
	errno = saved;
}

void
log_openlog(const char *ident, int option, int facility)
{
	(void)ident;
	(void)option;
	(void)facility;
}

void
log_closelog(void)
{
}

void
log_vsyslog(int priority, const char *fmt, va_list ap)
{
	log_for_library(__builtin_return_address(0), priority, fmt, ap);
}

void
log_syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_for_library(__builtin_return_address(0), priority, fmt, ap);
	va_end(ap);
}

void
log_vsyslog_chk(int priority, int flag, const char *fmt, va_list ap)
{
	(void)flag;
	log_for_library(__builtin_return_address(0), priority, fmt, ap);
}

void
log_syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	log_for_library(__builtin_return_address(0), priority, fmt, ap);
	va_end(ap);
}
