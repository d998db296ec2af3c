/* log_backlog - lines of the log that wait for room in the socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "log_backlog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/cond.h"
#include "base/monotime.h"

#define LAST_LINES_TIME MONOTIME_S

struct waiting {
	STAILQ_ENTRY(waiting) next;
	struct log_line line; /* there is no more of it than its text */
};

static struct {
	int sock;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t sent; /* nothing waits any more */
	STAILQ_HEAD(, waiting) lines;
	size_t count;
	uint32_t lost; /* since a line was taken */
} backlog = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* False if there is no room.  A writer that has gone takes nothing any more:
 * then the line is taken for sent. */
static bool
try_send(const struct log_line *line)
{
	return send(backlog.sock, line, log_line_length(line),
		   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	    (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

/* Sends what there is room for.  Lock held. */
static void
send_some(void)
{
	struct waiting *first;

	while ((first = STAILQ_FIRST(&backlog.lines)) != NULL &&
	    try_send(&first->line)) {
		STAILQ_REMOVE_HEAD(&backlog.lines, next);
		free(first);
		backlog.count--;
	}
	if (backlog.count == 0)
		pthread_cond_broadcast(&backlog.sent);
}

static void *
sending_thread(void *unused)
{
	struct pollfd room = { .fd = backlog.sock, .events = POLLOUT };

	(void)unused;
	pthread_mutex_lock(&backlog.lock);
	for (;;) {
		while (backlog.count == 0)
			pthread_cond_wait(&backlog.filled, &backlog.lock);
		pthread_mutex_unlock(&backlog.lock);
		poll(&room, 1, -1);
		pthread_mutex_lock(&backlog.lock);
		send_some();
	}
	return NULL;
}

/* At the end of the process. */
static void
send_last(void)
{
	int64_t until = monotime_after(LAST_LINES_TIME);

	pthread_mutex_lock(&backlog.lock);
	while (backlog.count > 0 &&
	    cond_wait_until(&backlog.sent, &backlog.lock, until))
		continue;
	pthread_mutex_unlock(&backlog.lock);
}

enum error_code
log_backlog_start(int sock, uint32_t lost, struct error *err)
{
	pthread_t thread;
	int failed;

	backlog.sock = sock;
	backlog.lost = lost;
	STAILQ_INIT(&backlog.lines);
	cond_init(&backlog.filled);
	cond_init(&backlog.sent);
	failed = pthread_create(&thread, NULL, sending_thread, NULL);
	if (failed)
		return error_sys(err, failed,
		    "starting the thread that sends lines to the log");
	pthread_detach(thread);
	atexit(send_last);
	return ERROR_NONE;
}

/* Lock held. */
static bool
enqueue(const struct log_line *line)
{
	size_t length = log_line_length(line);
	struct waiting *copy;

	if (backlog.count >= LOG_BACKLOG_LINES)
		return false;
	copy = malloc(offsetof(struct waiting, line) + length);
	if (copy == NULL)
		return false;
	memcpy(&copy->line, line, length);
	STAILQ_INSERT_TAIL(&backlog.lines, copy, next);
	backlog.count++;
	pthread_cond_signal(&backlog.filled);
	return true;
}

void
log_backlog_add(const struct log_line *line)
{
	struct log_line counting = *line;
	bool taken;

	pthread_mutex_lock(&backlog.lock);
	counting.lost = backlog.lost;
	taken = (backlog.count == 0 && try_send(&counting)) ||
	    enqueue(&counting);
	backlog.lost = taken ? 0 : backlog.lost + 1;
	pthread_mutex_unlock(&backlog.lock);
}
