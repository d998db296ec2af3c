/* log_process - what the writer of the log does
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "log_process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/monotime.h"
#include "base/text.h"

/* That wait to be written, of one process. */
#define SOURCE_LINES 2048
/* For the lines that are left when the service has ended. */
#define LAST_LINES_TIME MONOTIME_S

struct queued {
	STAILQ_ENTRY(queued) next;
	size_t source;
	pid_t pid;
	struct log_line line; /* there is no more of it than its text */
};

struct source {
	int fd;         /* -1: the place is free */
	size_t queued;  /* lock held */
	size_t dropped; /* since one was queued */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t written;
	STAILQ_HEAD(, queued) lines;
	bool busy; /* a line is being written */
	struct source sources[LOG_WRITER_SOURCES];
	struct log_sink *sink;
} process = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Writes the first line; lock held, given up meanwhile. */
static void
write_first(void)
{
	struct queued *first = STAILQ_FIRST(&process.lines);

	STAILQ_REMOVE_HEAD(&process.lines, next);
	process.sources[first->source].queued--;
	process.busy = true;
	pthread_mutex_unlock(&process.lock);
	log_sink_write(process.sink, &first->line, first->pid);
	free(first);
	pthread_mutex_lock(&process.lock);
	process.busy = false;
	if (STAILQ_EMPTY(&process.lines))
		pthread_cond_broadcast(&process.written);
}

static void *
writing_thread(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&process.lock);
	for (;;) {
		if (STAILQ_EMPTY(&process.lines))
			pthread_cond_wait(&process.filled, &process.lock);
		else
			write_first();
	}
	return NULL;
}

/* False if there is no room for it. */
static bool
enqueue(size_t source, const struct log_line *line, pid_t pid)
{
	size_t length = log_line_length(line);
	struct queued *copy;

	if (process.sources[source].queued >= SOURCE_LINES)
		return false;
	copy = malloc(offsetof(struct queued, line) + length);
	if (copy == NULL)
		return false;
	memcpy(&copy->line, line, length);
	copy->source = source;
	copy->pid = pid;
	process.sources[source].queued++;
	STAILQ_INSERT_TAIL(&process.lines, copy, next);
	pthread_cond_signal(&process.filled);
	return true;
}

static bool
enqueue_dropped(size_t source, const struct log_line *next, pid_t pid)
{
	struct log_line line = { .wall = next->wall,
		.level = LOG_LEVEL_WARNING };

	memcpy(line.ident, next->ident, sizeof line.ident);
	snprintf(line.text, sizeof line.text,
	    "warning: %zu log lines were dropped",
	    process.sources[source].dropped);
	return enqueue(source, &line, pid);
}

static void
take_line(size_t source, const struct log_line *line, pid_t pid)
{
	struct source *from = &process.sources[source];

	pthread_mutex_lock(&process.lock);
	from->dropped += line->lost;
	if (from->dropped > 0 && enqueue_dropped(source, line, pid))
		from->dropped = 0;
	if (from->dropped > 0 || !enqueue(source, line, pid))
		from->dropped++;
	pthread_mutex_unlock(&process.lock);
}

/* The sender may be one that was taken over. */
static bool
make_sound(struct log_line *line, size_t length)
{
	if (length <= offsetof(struct log_line, text) ||
	    length > sizeof *line || line->level > LOG_LEVEL_DEBUG ||
	    line->wall < 0)
		return false;
	((char *)line)[length - 1] = '\0';
	line->ident[sizeof line->ident - 1] = '\0';
	for (char *c = line->ident; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	text_line(line->text, sizeof line->text, line->text);
	return true;
}

/* What comes beside the bytes: who sent them, and a descriptor. */
static void
read_control(struct msghdr *msg, pid_t *pid_r, int *fd_r)
{
	struct cmsghdr *cmsg;
	struct ucred sender;

	*pid_r = 0;
	*fd_r = -1;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&sender, CMSG_DATA(cmsg), sizeof sender);
			*pid_r = sender.pid;
		} else if (cmsg->cmsg_type == SCM_RIGHTS) {
			memcpy(fd_r, CMSG_DATA(cmsg), sizeof *fd_r);
		}
	}
}

static void
add_source(int fd)
{
	for (size_t i = 1; i < LOG_WRITER_SOURCES; i++)
		if (process.sources[i].fd < 0) {
			process.sources[i].fd = fd;
			process.sources[i].dropped = 0;
			return;
		}
	fd_close(&fd);
}

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

/* Takes one message in; false if there is none.  Only the first source's may
 * bring a descriptor: there is no room for those of others, and the kernel
 * closes them. */
static bool
receive(size_t source)
{
	struct log_line line;
	struct iovec iov = { .iov_base = &line, .iov_len = sizeof line };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = source == 0
		    ? sizeof control.room
		    : CMSG_LEN(sizeof(struct ucred)) };
	ssize_t n;
	pid_t pid;
	int fd;

	n = recvmsg(process.sources[source].fd, &msg,
	    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR;
	/* With credentials it is an empty message, without the end. */
	if (n == 0 && msg.msg_controllen == 0) {
		fd_close(&process.sources[source].fd);
		return false;
	}
	read_control(&msg, &pid, &fd);
	if (fd >= 0 && (size_t)n >= offsetof(struct log_line, text) &&
	    line.level == LOG_LINE_CONNECT)
		add_source(fd);
	else if (fd >= 0)
		fd_close(&fd);
	else if (make_sound(&line, (size_t)n))
		take_line(source, &line, pid);
	return true;
}

/* One message of each at a time, so that no source keeps the others waiting.
 * False once all have ended. */
static bool
receive_round(void)
{
	struct pollfd fds[LOG_WRITER_SOURCES];
	bool any = false;

	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++) {
		fds[i] = (struct pollfd){ .fd = process.sources[i].fd,
			.events = POLLIN };
		any = any || fds[i].fd >= 0;
	}
	if (!any)
		return false;
	if (poll(fds, LOG_WRITER_SOURCES, -1) < 0)
		return true;
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		if (fds[i].fd >= 0 && fds[i].revents != 0)
			receive(i);
	return true;
}

static void
wait_written(int64_t until)
{
	pthread_mutex_lock(&process.lock);
	while ((process.busy || !STAILQ_EMPTY(&process.lines)) &&
	    cond_wait_until(&process.written, &process.lock, until))
		continue;
	pthread_mutex_unlock(&process.lock);
}

void
log_process_run(struct log_sink *sink, const int *sources, size_t count)
{
	pthread_t thread;

	process.sink = sink;
	STAILQ_INIT(&process.lines);
	cond_init(&process.filled);
	cond_init(&process.written);
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		process.sources[i].fd = i < count ? sources[i] : -1;
	if (pthread_create(&thread, NULL, writing_thread, NULL) != 0)
		_exit(1);
	while (receive_round())
		continue;
	wait_written(monotime_after(LAST_LINES_TIME));
	_exit(0);
}
