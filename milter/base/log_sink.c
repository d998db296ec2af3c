/* log_sink - where the lines of the log end: syslog, standard error or a file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"

#define SYSLOG_SOCKET "/dev/log"
#define CONNECT_PAUSE_MS 200
/* What every syslog daemon takes. */
#define SYSLOG_SHORT 1000

/* Whoever else may write to the directory could have us write elsewhere: only
 * a group may, as in /var/log. */
static enum error_code
check_directory(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	struct stat st;

	snprintf(directory, sizeof directory, "%.*s",
	    slash > path ? (int)(slash - path) : 1, path);
	if (stat(directory, &st) < 0)
		return error_sys(err, errno, "%s", directory);
	if (st.st_uid != geteuid() || (st.st_mode & S_IWOTH) != 0)
		return error_set(err, ERROR_INPUT,
		    "%s, where log.file is to be, must be a directory of uid "
		    "%u that others can't write to",
		    directory, (unsigned)geteuid());
	return ERROR_NONE;
}

enum error_code
log_sink_open_file(const char *path, int *fd_r, struct error *err)
{
	struct stat st;
	enum error_code code;

	*fd_r = -1;
	code = check_directory(path, err);
	if (code != ERROR_NONE)
		return code;
	/* O_NONBLOCK: a FIFO must not have us wait for its reader. */
	*fd_r = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		O_CLOEXEC,
	    0640);
	if (*fd_r < 0 || fstat(*fd_r, &st) < 0) {
		code = error_sys(err, errno, "opening log.file %s", path);
		fd_close(fd_r);
		return code;
	}
	if (S_ISREG(st.st_mode) && st.st_nlink == 1)
		return ERROR_NONE;
	fd_close(fd_r);
	return error_set(err, ERROR_INPUT,
	    "log.file %s is no regular file, or has a second name", path);
}

void
log_sink_init(struct log_sink *sink, const struct log_options *options, int fd)
{
	memset(sink, 0, sizeof *sink);
	sink->options = options;
	sink->fd = options->target == LOG_TARGET_STDERR ? STDERR_FILENO : fd;
}

/* False if the file has been renamed or removed since it was opened. */
static bool
is_current(const struct log_sink *sink)
{
	struct stat ours, named;

	return fstat(sink->fd, &ours) == 0 &&
	    lstat(sink->options->path, &named) == 0 &&
	    ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Where it can't be opened, the old one is better than none. */
static void
follow_name(struct log_sink *sink)
{
	struct error err;
	int fd;

	if (is_current(sink) ||
	    log_sink_open_file(sink->options->path, &fd, &err) != ERROR_NONE)
		return;
	fd_close(&sink->fd);
	sink->fd = fd;
}

/* All of it; a terminal or pipe that somebody else has set to O_NONBLOCK is
 * waited for. */
static int
write_all(int fd, const char *text, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&room, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return n < 0 ? errno : EIO;
		}
	}
	return 0;
}

static int
write_stream(struct log_sink *sink, const struct log_line *line, pid_t pid)
{
	char text[LOG_LINE_FORMATTED_SIZE];
	size_t len = log_line_format(line, pid, text);

	return write_all(sink->fd, text, len);
}

/* One attempt; a syslog daemon that listens to streams is an old one. */
static void
connect_syslog(struct log_sink *sink)
{
	static const struct sockaddr_un address = { AF_UNIX, SYSLOG_SOCKET };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	for (size_t i = 0; i < 2 && sink->fd < 0; i++) {
		sink->fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
		if (sink->fd >= 0 &&
		    connect(sink->fd, (const struct sockaddr *)&address,
			sizeof address) < 0)
			fd_close(&sink->fd);
	}
}

static size_t
format_syslog(const struct log_sink *sink, const struct log_line *line,
    pid_t pid, char out[LOG_LINE_FORMATTED_SIZE])
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_NOTICE] = LOG_NOTICE,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};
	time_t seconds = (time_t)(line->wall / MONOTIME_S);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		strftime(when, sizeof when, "%h %e %T", &tm);
	return (size_t)snprintf(out, LOG_LINE_FORMATTED_SIZE,
	    "<%d>%s %.31s[%d]: %.2047s",
	    sink->options->facility | priorities[line->level], when,
	    line->ident, (int)pid, line->text);
}

/* The NUL ends a line in a stream, and is no part of a datagram. */
static bool
send_syslog(struct log_sink *sink, const char *text, size_t len)
{
	socklen_t size = sizeof(int);
	int type = SOCK_DGRAM;
	ssize_t n;

	getsockopt(sink->fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (type == SOCK_STREAM)
		return write_all(sink->fd, text, len + 1) == 0;
	do
		n = send(sink->fd, text, len, MSG_NOSIGNAL);
	while (n < 0 && (errno == EINTR || errno == ENOBUFS));
	if (n < 0 && errno == EMSGSIZE && len > SYSLOG_SHORT)
		n = send(sink->fd, text, SYSLOG_SHORT, MSG_NOSIGNAL);
	return n >= 0;
}

/* A daemon that is being started anew misses no line. */
static void
write_syslog(struct log_sink *sink, const struct log_line *line, pid_t pid)
{
	char text[LOG_LINE_FORMATTED_SIZE];
	size_t len = format_syslog(sink, line, pid, text);

	for (;;) {
		if (sink->fd < 0)
			connect_syslog(sink);
		if (sink->fd >= 0 && send_syslog(sink, text, len))
			return;
		fd_close(&sink->fd);
		poll(NULL, 0, CONNECT_PAUSE_MS);
	}
}

/* After lines that could not be written, before the first that can. */
static void
report_lost(struct log_sink *sink, const struct log_line *next)
{
	struct log_line line = { .wall = next->wall };
	size_t lost = sink->lost;

	if (lost == 0)
		return;
	sink->lost = 0;
	snprintf(line.ident, sizeof line.ident, "vscan-log");
	snprintf(line.text, sizeof line.text,
	    "warning: %zu log lines could not be written: %s", lost,
	    strerror(sink->lost_because));
	if (write_stream(sink, &line, getpid()) != 0)
		sink->lost = lost;
}

void
log_sink_write(struct log_sink *sink, const struct log_line *line, pid_t pid)
{
	int failed;

	if (sink->options->target == LOG_TARGET_SYSLOG) {
		write_syslog(sink, line, pid);
		return;
	}
	if (sink->options->target == LOG_TARGET_FILE)
		follow_name(sink);
	report_lost(sink, line);
	failed = write_stream(sink, line, pid);
	if (failed == 0)
		return;
	sink->lost++;
	sink->lost_because = failed;
}
