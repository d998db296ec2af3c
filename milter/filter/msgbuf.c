/* msgbuf - holds one message while it arrives and is scanned
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/msgbuf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "msgbuf_internal.h"

/* Most mail is smaller, and then written to its memory file in one go. */
#define STAGE_SIZE 32768

/* For the disk to say whether it can be used. */
#define PROBE_TIME (3 * MONOTIME_S)

/* A directory that the configuration should not name; whatever else is the
 * matter with it may pass. */
static bool
is_mistake(int sys_errno)
{
	static const int mistakes[] = {
		ENOENT,
		ENOTDIR,
		EACCES,
		EPERM,
		ELOOP,
		ENAMETOOLONG,
		EROFS,
		EOPNOTSUPP,
	};

	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
		if (sys_errno == mistakes[i])
			return true;
	return false;
}

/* Waits for what the spill thread says of the directory. */
static enum error_code
hear_probe(struct msgpool *pool, struct error *err)
{
	int64_t until = monotime_after(PROBE_TIME);
	enum error_code code;

	pthread_mutex_lock(&pool->lock);
	while (
	    !pool->probed && cond_wait_until(&pool->moved, &pool->lock, until))
		continue;
	code = pool->probe;
	if (!pool->probed)
		log_msg(LOG_LEVEL_ERROR,
		    "%s: the disk hangs or is slow; "
		    "large messages are deferred until it answers",
		    pool->config->buffer_directory);
	else if (code != ERROR_NONE)
		*err = pool->probe_error;
	pthread_mutex_unlock(&pool->lock);
	if (code == ERROR_NONE || is_mistake(err->sys_errno))
		return code;
	log_error(LOG_LEVEL_ERROR, "large messages are deferred for now", err);
	return ERROR_NONE;
}

enum error_code
msgpool_create(const struct config *config, struct msgpool **pool_r,
    struct error *err)
{
	struct msgpool *pool = calloc(1, sizeof *pool);
	enum error_code code = ERROR_NONE;
	struct error why = { 0 };
	int failed;

	*pool_r = NULL;
	if (pool == NULL)
		abort();
	pool->config = config_ref(config);
	pthread_mutex_init(&pool->lock, NULL);
	cond_init(&pool->work);
	cond_init(&pool->moved);
	failed = pthread_create(&pool->thread, NULL, spill_thread, pool);
	if (failed) {
		config_unref(&pool->config);
		free(pool);
		return error_sys(err, failed, "starting the spill thread");
	}
	if (config->buffer_disk > 0)
		code = hear_probe(pool, &why);
	if (code != ERROR_NONE) {
		msgpool_destroy(&pool);
		return error_set(err, code, "%s", why.text);
	}
	*pool_r = pool;
	return ERROR_NONE;
}

void
msgpool_set_waiting(struct msgpool *pool, const struct msgpool_waiting *waiting)
{
	pool->waiting = *waiting;
}

void
msgpool_configure(struct msgpool *pool, const struct config *config)
{
	pthread_mutex_lock(&pool->lock);
	config_replace(&pool->config, config);
	pthread_mutex_unlock(&pool->lock);
}

void
msgpool_destroy(struct msgpool **pool_p)
{
	struct msgpool *pool = *pool_p;

	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	pthread_join(pool->thread, NULL);
	assert(pool->memory == 0 && pool->disk == 0);
	pthread_cond_destroy(&pool->moved);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	config_unref(&pool->config);
	free(pool);
	*pool_p = NULL;
}

struct msgpool_usage
msgpool_usage(struct msgpool *pool)
{
	struct msgpool_usage usage;

	pthread_mutex_lock(&pool->lock);
	usage.memory = pool->memory;
	usage.disk = pool->disk;
	pthread_mutex_unlock(&pool->lock);
	return usage;
}

struct msgbuf *
msgbuf_create(struct msgpool *pool)
{
	struct msgbuf *buf;

	/* libsodium's digest state wants more alignment than malloc gives. */
	buf = aligned_alloc(_Alignof(struct msgbuf), sizeof *buf);
	if (buf == NULL)
		abort();
	memset(buf, 0, sizeof *buf);
	buf->pool = pool;
	pthread_mutex_lock(&pool->lock);
	buf->config = config_ref(pool->config);
	pthread_mutex_unlock(&pool->lock);
	atomic_init(&buf->references, 1);
	buf->patience = MSGBUF_PATIENCE;
	buf->memory_fd = -1;
	buf->read_fd = -1;
	buf->spill_fd = -1;
	key_digest_init(&buf->digest, buf->config);
	return buf;
}

/* Of a message that nobody writes to or moves. */
static void
free_memory(struct msgbuf *buf)
{
	struct msgpool *pool = buf->pool;

	free(buf->stage);
	buf->stage = NULL;
	fd_close(&buf->memory_fd);
	pthread_mutex_lock(&pool->lock);
	pool->memory -= buf->written - buf->spilled;
	buf->written = buf->spilled;
	pthread_cond_broadcast(&pool->moved);
	pthread_mutex_unlock(&pool->lock);
}

void
msgbuf_free(struct msgbuf *buf)
{
	struct msgpool *pool = buf->pool;

	free_memory(buf);
	fd_close(&buf->read_fd);
	fd_close(&buf->spill_fd);
	pthread_mutex_lock(&pool->lock);
	pool->disk -= buf->spilled;
	pthread_mutex_unlock(&pool->lock);
	config_unref(&buf->config);
	free(buf);
}

static void
leave_to_spill_thread(struct msgbuf *buf)
{
	pthread_mutex_lock(&buf->pool->lock);
	buf->dead = true;
	spill_enqueue(buf);
	pthread_mutex_unlock(&buf->pool->lock);
}

/* Closing a spill file frees its blocks, which takes a disk its time: the
 * spill thread does it, and what it has in hand it keeps.  Memory is given
 * back without it, since it may hang in the disk for long. */
void
msgbuf_unref(struct msgbuf **buf_p)
{
	struct msgbuf *buf = *buf_p;
	bool moving;

	*buf_p = NULL;
	if (buf == NULL || atomic_fetch_sub(&buf->references, 1) > 1)
		return;
	pthread_mutex_lock(&buf->pool->lock);
	moving = buf->moving;
	if (!moving)
		spill_dequeue(buf);
	pthread_mutex_unlock(&buf->pool->lock);
	if (!moving)
		free_memory(buf);
	if (moving || buf->spill_fd >= 0)
		leave_to_spill_thread(buf);
	else
		msgbuf_free(buf);
}

/* Spilling starts early enough that the disk has a chance to keep up. */
static bool
should_spill(const struct msgbuf *buf, size_t len)
{
	const struct msgpool *pool = buf->pool;
	const struct config *config = buf->config;

	return config->buffer_disk > 0 &&
	    (buf->written + len > config->buffer_message_memory ||
		pool->memory + len > config->buffer_memory / 4 * 3);
}

/* Lock held. */
static bool
has_room(const struct msgpool *pool, size_t len)
{
	return pool->memory + len <= pool->config->buffer_memory;
}

/* Waits for the spill thread to make room, as long as the message's patience
 * lasts, and until then.  Lock held. */
static void
wait_for_room(struct msgbuf *buf, size_t len, int64_t until)
{
	struct msgpool *pool = buf->pool;
	int64_t end = monotime_after(buf->patience);

	while (!has_room(pool, len) && buf->failed == NULL &&
	    cond_wait_until(&pool->moved, &pool->lock,
		end < until ? end : until))
		continue;
	buf->patience = end - monotime_now();
	if (!has_room(pool, len) && buf->patience <= 0 && buf->failed == NULL)
		buf->failed = "buffer-memory";
}

/* Says that this thread is about to wait; true if end is to be said, too.
 * Lock held, given up meanwhile. */
static bool
announce_wait(struct msgbuf *buf)
{
	struct msgpool *pool = buf->pool;
	bool may;

	if (pool->waiting.begin == NULL)
		return false;
	pthread_mutex_unlock(&pool->lock);
	may = pool->waiting.begin(pool->waiting.context);
	pthread_mutex_lock(&pool->lock);
	if (!may && buf->failed == NULL)
		buf->failed = "buffer-memory";
	return may;
}

/* Takes len bytes of the pool's memory, waiting for the spill thread if need
 * be.  False: not by then, or the message has failed.  With MONOTIME_NEVER
 * the caller appends, and has not said yet that it may have to wait. */
static bool
reserve(struct msgbuf *buf, size_t len, int64_t until)
{
	struct msgpool *pool = buf->pool;
	bool announced = false, taken;

	pthread_mutex_lock(&pool->lock);
	if (!buf->spilling && should_spill(buf, len))
		buf->spilling = true;
	if (buf->spilling)
		spill_enqueue(buf);
	if (!has_room(pool, len) && buf->failed == NULL &&
	    until == MONOTIME_NEVER)
		announced = announce_wait(buf);
	wait_for_room(buf, len, until);
	taken = has_room(pool, len) && buf->failed == NULL;
	if (taken)
		pool->memory += len;
	pthread_mutex_unlock(&pool->lock);
	if (announced)
		pool->waiting.end(pool->waiting.context);
	return taken;
}

/* The bytes are in the memory file now, or were not to be. */
static void
commit(struct msgbuf *buf, size_t len, bool ok)
{
	struct msgpool *pool = buf->pool;

	pthread_mutex_lock(&pool->lock);
	if (ok) {
		buf->written += len;
		if (buf->spilling)
			spill_enqueue(buf);
	} else {
		pool->memory -= len;
		buf->failed = "buffer-memory";
	}
	pthread_mutex_unlock(&pool->lock);
}

/* False: there was no memory by then, or the message has failed. */
static bool
write_memory(struct msgbuf *buf, const void *data, size_t len, int64_t until)
{
	bool ok = true;
	struct error err;

	if (len == 0)
		return true;
	if (!reserve(buf, len, until))
		return false;
	if (buf->memory_fd < 0)
		ok = fd_memory("message", &buf->memory_fd, &err) == ERROR_NONE;
	if (ok)
		ok = fd_write_at(buf->memory_fd, data, len, buf->written,
			 &err) == ERROR_NONE;
	commit(buf, len, ok);
	return ok;
}

/* What can't be flushed by then stays. */
static bool
flush_stage(struct msgbuf *buf, int64_t until)
{
	if (!write_memory(buf, buf->stage, buf->staged, until))
		return false;
	buf->staged = 0;
	return true;
}

void
msgbuf_append(struct msgbuf *buf, const void *data, size_t len)
{
	uint64_t room = buf->config->buffer_message_max - buf->size;

	assert(!buf->sealed);
	if (len > room) {
		buf->cut = true;
		len = (size_t)room;
	}
	buf->size += len;
	key_digest_update(&buf->digest, data, len);
	/* Without a limit of its own only a failure can stop a write: then
	 * the rest is dropped. */
	if (buf->staged + len > STAGE_SIZE && !flush_stage(buf, MONOTIME_NEVER))
		return;
	if (len > STAGE_SIZE) {
		write_memory(buf, data, len, MONOTIME_NEVER);
		return;
	}
	if (buf->stage == NULL && (buf->stage = malloc(STAGE_SIZE)) == NULL)
		abort();
	memcpy(buf->stage + buf->staged, data, len);
	buf->staged += len;
}

/* Waits until nothing is left to flush and the spill thread has moved what it
 * has to. */
static enum error_code
wait_in_place(struct msgbuf *buf, int64_t until, bool *spilled_r,
    struct error *err)
{
	struct msgpool *pool = buf->pool;
	enum error_code code = ERROR_NONE;

	if (!flush_stage(buf, until))
		code = error_set(err, ERROR_TIMEOUT, "spill-slow");
	pthread_mutex_lock(&pool->lock);
	while (buf->spilling && buf->spilled < buf->written &&
	    buf->failed == NULL && code == ERROR_NONE)
		if (!cond_wait_until(&pool->moved, &pool->lock, until))
			code = error_set(err, ERROR_TIMEOUT, "spill-slow");
	*spilled_r = buf->spilling;
	if (buf->failed != NULL)
		code = error_set(err, ERROR_LIMIT, "%s", buf->failed);
	pthread_mutex_unlock(&pool->lock);
	return code;
}

enum error_code
msgbuf_seal(struct msgbuf *buf, int64_t until, struct error *err)
{
	enum error_code code;
	bool spilled;

	if (buf->sealed)
		return ERROR_NONE;
	code = wait_in_place(buf, until, &spilled, err);
	if (code != ERROR_NONE)
		return code;
	if (spilled)
		code = fd_reopen_readonly(buf->spill_fd, &buf->read_fd, err);
	else if (buf->memory_fd >= 0)
		code = fd_seal(buf->memory_fd, err);
	else
		code = error_set(err, ERROR_INPUT, "empty");
	if (code != ERROR_NONE)
		return code;
	buf->key = key_digest_final(&buf->digest, !buf->cut);
	buf->sealed = true;
	free(buf->stage);
	buf->stage = NULL;
	return ERROR_NONE;
}

struct key
msgbuf_key(const struct msgbuf *buf)
{
	assert(buf->sealed);
	return buf->key;
}

static void
release_content(void *owner)
{
	struct msgbuf *buf = owner;

	msgbuf_unref(&buf);
}

struct scan_content
msgbuf_content(struct msgbuf *buf)
{
	struct scan_content content = {
		.fd = buf->read_fd >= 0 ? buf->read_fd : buf->memory_fd,
		.on_disk = buf->read_fd >= 0,
		.size = buf->size,
		.release = release_content,
		.owner = buf,
	};

	assert(buf->sealed);
	atomic_fetch_add(&buf->references, 1);
	return content;
}

uint64_t
msgbuf_size(const struct msgbuf *buf)
{
	return buf->size;
}

bool
msgbuf_is_cut(const struct msgbuf *buf)
{
	return buf->cut;
}
