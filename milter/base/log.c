/* log - syslog or standard error, one line a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

/* Written before the first thread starts, read by all afterwards. */
static struct {
	const char *ident;
	enum log_target target;
	enum log_level level;
} log_state = { "vscan-milter", LOG_TARGET_STDERR, LOG_LEVEL_INFO };

void
log_open(const char *ident, enum log_target target, int facility,
    enum log_level level)
{
	log_state.ident = ident;
	log_state.target = target;
	log_state.level = level;
	if (target == LOG_TARGET_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, facility);
}

static int
syslog_priority(enum log_level level)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_NOTICE] = LOG_NOTICE,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	return priorities[level];
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

/* One write, so that lines of several processes don't mix. */
static void
write_stderr(const char *text)
{
	char line[2304];
	struct timeval now;
	struct tm tm;
	int len;

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &tm);
	len = snprintf(line, sizeof line,
	    "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s[%d]: %s\n",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (long)now.tv_usec / 1000, log_state.ident,
	    (int)getpid(), text);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof line) {
		len = sizeof line - 1;
		line[len - 1] = '\n';
	}
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;		/* nowhere left to say so */
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	size_t used;

	if (level > log_state.level)
		return;
	strcpy(text, level_prefix(level));
	used = strlen(text);
	va_start(ap, fmt);
	vsnprintf(text + used, sizeof text - used, fmt, ap);
	va_end(ap);
	if (log_state.target == LOG_TARGET_SYSLOG)
		syslog(syslog_priority(level), "%s", text);
	else
		write_stderr(text);
}

void
log_error(enum log_level level, const char *what, const struct error *err)
{
	log_msg(level, "%s: %s", what, err->text);
}
