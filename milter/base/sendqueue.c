/* sendqueue - messages that wait for room in a socket, and are sent in order
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/sendqueue.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cond.h"
#include "base/seqpacket.h"

/* Where poll(2) says that the socket has room, but the kernel has no memory. */
#define MEMORY_PAUSE_MS 10

/* So many messages are sent at a time: whoever adds one waits for the lock, and
 * may hold another lock meanwhile. */
#define BATCH 32

struct sendqueue_message {
	STAILQ_ENTRY(sendqueue_message) next;
	size_t len;
	unsigned char data[];
};

/* True if a later try may succeed. */
static bool
may_wait(enum error_code code, const struct error *err)
{
	return code == ERROR_LIMIT ||
	    (code == ERROR_SYSTEM &&
		(err->sys_errno == ENOBUFS || err->sys_errno == ENOMEM));
}

static enum error_code
pass_on(const struct error *reason, struct error *err)
{
	if (err != NULL)
		*err = *reason;
	return reason->code;
}

/* False if the first message has to go on waiting.  Lock held. */
static bool
send_first(struct sendqueue *queue)
{
	struct sendqueue_message *first = STAILQ_FIRST(&queue->messages);
	struct error err;
	enum error_code code = seqpacket_send(queue->sock, first->data,
	    first->len, -1, &err);

	if (code != ERROR_NONE && may_wait(code, &err))
		return false;
	if (code != ERROR_NONE && queue->failure.code == ERROR_NONE)
		queue->failure = err;
	STAILQ_REMOVE_HEAD(&queue->messages, next);
	free(first);
	queue->count--;
	return true;
}

/* Sends what there is room for, but no more than BATCH; returns how many
 * messages that was.  Lock held. */
static size_t
send_some(struct sendqueue *queue)
{
	size_t sent = 0;

	while (queue->count > 0 && sent < BATCH && send_first(queue))
		sent++;
	if (queue->count == 0)
		pthread_cond_broadcast(&queue->emptied);
	return sent;
}

static void *
sending_thread(void *context)
{
	struct sendqueue *queue = context;
	struct pollfd room = { .fd = queue->sock, .events = POLLOUT };
	size_t sent;

	for (;;) {
		pthread_mutex_lock(&queue->lock);
		while (queue->count == 0)
			pthread_cond_wait(&queue->filled, &queue->lock);
		pthread_mutex_unlock(&queue->lock);
		poll(&room, 1, -1);
		pthread_mutex_lock(&queue->lock);
		sent = send_some(queue);
		pthread_mutex_unlock(&queue->lock);
		if (sent == 0)
			poll(NULL, 0, MEMORY_PAUSE_MS);
	}
	return NULL;
}

enum error_code
sendqueue_start(struct sendqueue *queue, int sock, size_t limit,
    struct error *err)
{
	pthread_t thread;
	int failed;

	memset(queue, 0, sizeof *queue);
	queue->sock = sock;
	queue->limit = limit;
	pthread_mutex_init(&queue->lock, NULL);
	cond_init(&queue->filled);
	cond_init(&queue->emptied);
	STAILQ_INIT(&queue->messages);
	failed = pthread_create(&thread, NULL, sending_thread, queue);
	if (failed)
		return error_sys(err, failed,
		    "starting the thread that sends what waits for room in a "
		    "socket");
	pthread_detach(thread);
	return ERROR_NONE;
}

/* Lock held. */
static enum error_code
keep(struct sendqueue *queue, const void *data, size_t len, struct error *err)
{
	struct sendqueue_message *message;

	if (queue->count >= queue->limit)
		return error_set(err, ERROR_LIMIT, "%zu messages wait already",
		    queue->count);
	message = malloc(sizeof *message + len);
	if (message == NULL)
		return error_set(err, ERROR_LIMIT, "no memory for a message");
	message->len = len;
	memcpy(message->data, data, len);
	STAILQ_INSERT_TAIL(&queue->messages, message, next);
	queue->count++;
	pthread_cond_signal(&queue->filled);
	return ERROR_NONE;
}

/* Lock held. */
static enum error_code
send_or_keep(struct sendqueue *queue, const void *data, size_t len,
    struct error *err)
{
	enum error_code code;
	struct error reason;

	send_some(queue);
	if (queue->count > 0)
		return keep(queue, data, len, err);
	code = seqpacket_send(queue->sock, data, len, -1, &reason);
	if (code == ERROR_NONE)
		return ERROR_NONE;
	if (may_wait(code, &reason))
		return keep(queue, data, len, err);
	return pass_on(&reason, err);
}

enum error_code
sendqueue_add(struct sendqueue *queue, const void *data, size_t len,
    struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&queue->lock);
	code = send_or_keep(queue, data, len, err);
	pthread_mutex_unlock(&queue->lock);
	return code;
}

enum error_code
sendqueue_flush(struct sendqueue *queue, int64_t until, struct error *err)
{
	enum error_code code = ERROR_NONE;

	pthread_mutex_lock(&queue->lock);
	while (queue->count > 0 &&
	    cond_wait_until(&queue->emptied, &queue->lock, until))
		continue;
	if (queue->failure.code != ERROR_NONE)
		code = pass_on(&queue->failure, err);
	else if (queue->count > 0)
		code = error_set(err, ERROR_TIMEOUT,
		    "%zu messages were not taken in time", queue->count);
	pthread_mutex_unlock(&queue->lock);
	return code;
}
