/* spill - moves messages from memory to disk, on a thread of its own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <utlist.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "msgbuf_internal.h"

/* One step: small enough that messages take turns. */
#define STEP_SIZE ((size_t)1 << 20)

void
spill_enqueue(struct msgbuf *buf)
{
	if (buf->queued)
		return;
	buf->queued = true;
	DL_APPEND(buf->pool->queue, buf);
	pthread_cond_signal(&buf->pool->work);
}

void
spill_dequeue(struct msgbuf *buf)
{
	if (!buf->queued)
		return;
	buf->queued = false;
	DL_DELETE(buf->pool->queue, buf);
}

/* Copies up to len bytes at offset; returns how many, or -1 with errno. */
static ssize_t
copy_step(struct msgbuf *buf, uint64_t offset, size_t len)
{
	off_t from = (off_t)offset;
	struct error err;
	ssize_t n;

	if (buf->spill_fd < 0 &&
	    fd_spill(buf->config->buffer_directory, &buf->spill_fd, &err) !=
		ERROR_NONE) {
		errno = err.sys_errno;
		return -1;
	}
	n = sendfile(buf->spill_fd, buf->memory_fd, &from, len);
	if (n > 0)
		fallocate(buf->memory_fd,
		    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		    (off_t)n);
	return n;
}

/* Takes disk space for one step, at most what is left to move.  Lock held.
 * Returns 0 if there is nothing to do or no room. */
static size_t
plan_step(struct msgpool *pool, struct msgbuf *buf)
{
	uint64_t left = buf->written - buf->spilled;
	size_t len = left < STEP_SIZE ? (size_t)left : STEP_SIZE;

	if (buf->failed != NULL || len == 0)
		return 0;
	if (pool->disk + len > pool->config->buffer_disk) {
		buf->failed = "buffer-disk";
		pthread_cond_broadcast(&pool->moved);
		return 0;
	}
	pool->disk += len;
	return len;
}

/* Moves one step of buf.  Lock held, given up for the disk's work: buf cannot
 * be freed meanwhile, for only this thread frees a spilling message. */
static void
move_step(struct msgpool *pool, struct msgbuf *buf)
{
	size_t len = plan_step(pool, buf), done;
	uint64_t offset = buf->spilled;
	ssize_t n;
	int why;

	if (len == 0)
		return;
	buf->moving = true;
	pthread_mutex_unlock(&pool->lock);
	n = copy_step(buf, offset, len);
	why = errno;
	done = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		log_msg(LOG_LEVEL_ERROR,
		    "spilling a message into %s: error "
		    "%d",
		    buf->config->buffer_directory, n < 0 ? why : 0);
	pthread_mutex_lock(&pool->lock);
	buf->moving = false;
	pool->disk -= len - done;
	pool->memory -= done;
	buf->spilled += done;
	if (n <= 0)
		buf->failed = "buffer-disk";
	else if (buf->spilled < buf->written)
		spill_enqueue(buf);
	pthread_cond_broadcast(&pool->moved);
}

static void
serve(struct msgpool *pool)
{
	struct msgbuf *buf = pool->queue;

	spill_dequeue(buf);
	if (buf->dead) {
		pthread_mutex_unlock(&pool->lock);
		msgbuf_free(buf);
		pthread_mutex_lock(&pool->lock);
	} else {
		move_step(pool, buf);
	}
}

/* Better now than at the first large message; and here, since a disk that
 * hangs may keep whoever asks it. */
static void
probe(struct msgpool *pool)
{
	enum error_code code;
	struct error err;
	int fd;

	code = fd_spill(pool->config->buffer_directory, &fd, &err);
	if (code == ERROR_NONE)
		fd_close(&fd);
	pthread_mutex_lock(&pool->lock);
	pool->probed = true;
	pool->probe = code;
	if (code != ERROR_NONE)
		pool->probe_error = err;
	pthread_cond_broadcast(&pool->moved);
	pthread_mutex_unlock(&pool->lock);
}

void *
spill_thread(void *context)
{
	struct msgpool *pool = context;

	probe(pool);
	pthread_mutex_lock(&pool->lock);
	while (!pool->stop || pool->queue != NULL) {
		if (pool->queue != NULL)
			serve(pool);
		else
			pthread_cond_wait(&pool->work, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}
