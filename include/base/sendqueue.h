/* sendqueue - messages that wait for room in a socket, and are sent in order
 *
 * How much a socket takes is the administrator's setting for the whole machine
 * (net.core.wmem_max), and the process at its other end may read seconds later.
 * Whoever has something to say must not wait for that.  A message for which the
 * socket has no room is kept in memory, and a thread of the queue's own sends
 * it as soon as there is room.  The queue keeps no more than limit messages,
 * and its users know how long one can be.
 *
 *   sendqueue_start   once; the queue lasts as long as the process
 *   sendqueue_add     from any thread; never blocks
 *   sendqueue_flush   at the end of the process
 *
 * The queue logs nothing, for the log itself uses one (log.c).  Its lock is
 * held for the sending of a few messages at most.  fork(2) copies a queue but
 * not its thread: a child that is going to call exit(3), or to use the queue,
 * executes another program first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_SENDQUEUE_H
#define BASE_SENDQUEUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"

struct sendqueue_message; /* one that waits */

struct sendqueue {
	int sock;
	size_t limit;
	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t filled;
	pthread_cond_t emptied;
	STAILQ_HEAD(, sendqueue_message) messages;
	size_t count;
	struct error failure; /* of the first that waited and was not sent */
};

/* Starts a queue of up to limit messages for sock, one end of a connected
 * seqpacket pair (seqpacket.h), and its thread.  sock stays the caller's, and
 * open until the process ends.  Where the thread can't be started the queue can
 * be used all the same: what waits is then sent when more is added. */
CHECK_RESULT enum error_code sendqueue_start(struct sendqueue *queue, int sock,
    size_t limit, struct error *err);

/* Sends a message after all that wait, or keeps a copy of it.  If it fails, the
 * message is lost: ERROR_LIMIT says that there is no room in memory,
 * ERROR_GONE that the other end is closed, ERROR_SYSTEM that the kernel refuses
 * it for another reason.  What waits is dropped by the thread if the kernel
 * refuses it so. */
CHECK_RESULT enum error_code sendqueue_add(struct sendqueue *queue,
    const void *data, size_t len, struct error *err);

/* Waits until nothing waits any more, or until (monotime.h): then it fails with
 * ERROR_TIMEOUT.  If anything that waited had to be dropped since the start, it
 * fails with what the kernel said of the first such message. */
CHECK_RESULT enum error_code sendqueue_flush(struct sendqueue *queue,
    int64_t until, struct error *err);

#endif
