/* log - syslog or standard error, one line a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/cond.h"
#include "base/error.h"
#include "base/monotime.h"

#define QUEUE_LINES 4096

/* Written before the first thread starts, read by all afterwards; but the level
 * may change. */
static struct {
	const char *ident;
	enum log_target target;
	_Atomic(enum log_level) level;
} log_state = { "vscan-milter", LOG_TARGET_STDERR, LOG_LEVEL_INFO };

/* One line on its way to the writing thread. */
struct line {
	enum log_level level;
	char *text;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t written;
	struct line lines[QUEUE_LINES]; /* a ring */
	size_t first;
	size_t count;
	size_t dropped; /* since the last line that was queued */
	bool busy;      /* a line is being written */
	bool running;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER };

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

void
log_set_level(enum log_level level)
{
	log_state.level = level;
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
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (long)now.tv_usec / 1000, log_state.ident, (int)getpid(),
	    text);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof line) {
		len = sizeof line - 1;
		line[len - 1] = '\n';
	}
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nowhere left to say so */
}

static void
write_line(enum log_level level, const char *text)
{
	if (log_state.target == LOG_TARGET_SYSLOG)
		syslog(syslog_priority(level), "%s", text);
	else
		write_stderr(text);
}

static void
report_dropped(size_t dropped)
{
	char text[64];

	if (dropped == 0)
		return;
	snprintf(text, sizeof text, "warning: %zu log lines were dropped",
	    dropped);
	write_line(LOG_LEVEL_WARNING, text);
}

/* Writes the first line of the queue; lock held, given up meanwhile. */
static void
write_first(void)
{
	struct line line = queue.lines[queue.first];
	size_t dropped = queue.dropped;

	queue.first = (queue.first + 1) % QUEUE_LINES;
	queue.count--;
	queue.dropped = 0;
	queue.busy = true;
	pthread_mutex_unlock(&queue.lock);
	write_line(line.level, line.text);
	report_dropped(dropped);
	free(line.text);
	pthread_mutex_lock(&queue.lock);
	queue.busy = false;
	if (queue.count == 0)
		pthread_cond_broadcast(&queue.written);
}

static void *
log_thread(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		if (queue.count > 0)
			write_first();
		else
			pthread_cond_wait(&queue.filled, &queue.lock);
	}
	return NULL;
}

enum error_code
log_start_thread(struct error *err)
{
	pthread_t thread;
	int failed;

	cond_init(&queue.filled);
	cond_init(&queue.written);
	failed = pthread_create(&thread, NULL, log_thread, NULL);
	if (failed)
		return error_sys(err, failed, "starting the log thread");
	pthread_detach(thread);
	queue.running = true;
	return ERROR_NONE;
}

void
log_flush(int64_t until)
{
	if (!queue.running)
		return;
	pthread_mutex_lock(&queue.lock);
	while ((queue.count > 0 || queue.busy) &&
	    cond_wait_until(&queue.written, &queue.lock, until))
		continue;
	pthread_mutex_unlock(&queue.lock);
}

static void
enqueue(enum log_level level, const char *text)
{
	char *copy = strdup(text);

	pthread_mutex_lock(&queue.lock);
	if (copy != NULL && queue.count < QUEUE_LINES) {
		queue.lines[(queue.first + queue.count++) % QUEUE_LINES] =
		    (struct line){ .level = level, .text = copy };
		copy = NULL;
		pthread_cond_signal(&queue.filled);
	} else {
		queue.dropped++;
	}
	pthread_mutex_unlock(&queue.lock);
	free(copy);
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
	if (queue.running)
		enqueue(level, text);
	else
		write_line(level, text);
}

void
log_error(enum log_level level, const char *what, const struct error *err)
{
	log_msg(level, "%s: %s", what, err->text);
}
