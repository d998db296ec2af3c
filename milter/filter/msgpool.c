/* msgpool - memory and disk for all messages that are under way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/msgpool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "spill.h"

/* One step to disk: small enough that messages take turns. */
#define STEP_SIZE ((size_t)1 << 20)

struct msgpool {
	struct msgpool_waiting waiting; /* begin may be NULL */
	struct spill_place place;       /* the directory at the start */
	pthread_mutex_t lock;
	const struct config *config; /* under the lock */
	pthread_cond_t work;         /* for the pool's thread */
	pthread_cond_t moved;        /* bytes have left memory, or failed to */
	uint64_t memory;
	uint64_t disk;
	struct msgfile *queue; /* with bytes to move, or to be freed */
	int64_t busy_since;    /* the thread waits for a disk, or 0 */
	int disk_errno;        /* of the last attempt; if not 0, the next at: */
	int64_t disk_again_at;
	bool stall_logged;
	bool stop;
	pthread_t thread;
};

struct msgfile {
	struct msgpool *pool;
	const struct config *config;
	int64_t patience; /* ns left to wait for memory */
	int memory_fd;
	int read_fd; /* of a file on disk, once finished */

	/* Under pool->lock: */
	bool spilling; /* goes to disk from now on */
	bool stays;    /* in memory, for the disk did not take it */
	bool queued;
	bool moving;      /* the pool's thread works on it, unlocked */
	bool dead;        /* the pool's thread is to free it */
	uint64_t written; /* bytes in the memory file */
	uint64_t spilled; /* of these, moved to disk */
	int spill_fd;
	const char *failed; /* reason in one word, or NULL */
	struct msgfile *prev, *next;
};

/* --- the queue of the pool's thread; its lock is held --- */

static void
enqueue(struct msgfile *file)
{
	if (file->queued)
		return;
	file->queued = true;
	DL_APPEND(file->pool->queue, file);
	pthread_cond_signal(&file->pool->work);
}

static void
dequeue(struct msgfile *file)
{
	if (!file->queued)
		return;
	file->queued = false;
	DL_DELETE(file->pool->queue, file);
}

/* --- the disk and its troubles --- */

/* Lock held. */
static bool
disk_hangs(const struct msgpool *pool)
{
	return pool->busy_since != 0 &&
	    monotime_now() - pool->busy_since > MSGPOOL_STALL;
}

/* Lock held. */
static bool
disk_takes_messages(struct msgpool *pool)
{
	bool hangs = disk_hangs(pool);

	if (hangs && !pool->stall_logged)
		log_msg(LOG_LEVEL_WARNING,
		    "buffer.directory: %s: the disk hangs or is slow; large "
		    "messages stay in memory while there is room for them",
		    pool->config->buffer_directory);
	pool->stall_logged |= hangs;
	return !hangs &&
	    (pool->disk_errno == 0 || monotime_now() >= pool->disk_again_at);
}

/* By the pool's thread, unlocked. */
static void
log_failure(const struct msgpool *pool, const char *directory,
    const struct error *why)
{
	bool other = spill_place_is_other(&pool->place, directory);

	log_msg(LOG_LEVEL_WARNING,
	    "buffer.directory: %s; large messages stay in memory while there "
	    "is room for them%s",
	    why->text,
	    other ? "; another directory is there than at the start, and the "
		    "filter may use that one only: restart the service"
		  : "");
}

static void
log_recovery(const char *directory)
{
	log_msg(LOG_LEVEL_NOTICE,
	    "buffer.directory: %s takes large messages again", directory);
}

/* What came of the thread's last attempt at the disk; why is NULL if it went
 * well.  The log is told of each change.  Lock held, given up to log. */
static void
note_disk(struct msgpool *pool, const char *directory, const struct error *why)
{
	int number = why != NULL ? why->sys_errno : 0;
	bool changed = number != pool->disk_errno ||
	    (number == 0 && pool->stall_logged);

	pool->disk_errno = number;
	pool->disk_again_at = monotime_after(MSGPOOL_RETRY);
	pool->stall_logged = false;
	if (!changed)
		return;
	pthread_mutex_unlock(&pool->lock);
	if (why != NULL)
		log_failure(pool, directory, why);
	else
		log_recovery(directory);
	pthread_mutex_lock(&pool->lock);
}

/* --- the pool's thread; lock held, given up for a disk's work --- */

static void
begin_disk_work(struct msgpool *pool)
{
	pool->busy_since = monotime_now();
	pthread_mutex_unlock(&pool->lock);
}

static void
end_disk_work(struct msgpool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->busy_since = 0;
}

/* What the disk has of the file comes back to memory, if that has room. */
static void
stay_in_memory(struct msgpool *pool, struct msgfile *file)
{
	uint64_t len = file->spilled;
	enum error_code code;

	if (pool->memory + len > file->config->buffer_memory) {
		file->failed = "buffer-disk";
		pthread_cond_broadcast(&pool->moved);
		return;
	}
	pool->memory += len;
	file->moving = true;
	begin_disk_work(pool);
	code = spill_back(file->memory_fd, file->spill_fd, len, NULL);
	if (code == ERROR_NONE)
		fd_close(&file->spill_fd);
	end_disk_work(pool);
	file->moving = false;
	if (code == ERROR_NONE) {
		pool->disk -= len;
		file->spilled = 0;
		file->spilling = false;
		file->stays = true;
	} else {
		pool->memory -= len;
		file->failed = "buffer-disk";
	}
	pthread_cond_broadcast(&pool->moved);
}

/* Moves one step of the file. */
static void
move_step(struct msgpool *pool, struct msgfile *file)
{
	uint64_t left = file->written - file->spilled, offset = file->spilled;
	size_t len = left < STEP_SIZE ? (size_t)left : STEP_SIZE, done;
	const char *directory = file->config->buffer_directory;
	enum error_code code;
	struct error err;

	if (pool->disk + len > file->config->buffer_disk) {
		stay_in_memory(pool, file);
		return;
	}
	pool->disk += len;
	file->moving = true;
	begin_disk_work(pool);
	code = spill_out(file->memory_fd, &file->spill_fd, directory, offset,
	    len, &done, &err);
	end_disk_work(pool);
	file->moving = false;
	pool->disk -= len - done;
	pool->memory -= done;
	file->spilled += done;
	pthread_cond_broadcast(&pool->moved);
	if (code == ERROR_NONE && file->spilled < file->written)
		enqueue(file);
	if (code != ERROR_NONE && !file->dead)
		stay_in_memory(pool, file);
	note_disk(pool, directory, code != ERROR_NONE ? &err : NULL);
}

/* Of a file that nobody writes to or moves.  Lock held, given up meanwhile. */
static void
give_memory_back(struct msgpool *pool, struct msgfile *file)
{
	pthread_mutex_unlock(&pool->lock);
	fd_close(&file->memory_fd);
	pthread_mutex_lock(&pool->lock);
	pool->memory -= file->written - file->spilled;
	file->written = file->spilled;
	pthread_cond_broadcast(&pool->moved);
}

static void
free_file(struct msgpool *pool, struct msgfile *file)
{
	give_memory_back(pool, file);
	begin_disk_work(pool);
	fd_close(&file->read_fd);
	fd_close(&file->spill_fd);
	end_disk_work(pool);
	pool->disk -= file->spilled;
	config_unref(&file->config);
	free(file);
}

static void
serve(struct msgpool *pool)
{
	struct msgfile *file = pool->queue;

	dequeue(file);
	if (file->dead)
		free_file(pool, file);
	else if (file->spilling && file->failed == NULL &&
	    file->written > file->spilled)
		move_step(pool, file);
}

static void
probe(struct msgpool *pool)
{
	const struct config *config = config_ref(pool->config);
	enum error_code code;
	struct error err;

	begin_disk_work(pool);
	pool->place = spill_place_of(config->buffer_directory);
	code = spill_probe(config->buffer_directory, &err);
	end_disk_work(pool);
	note_disk(pool, config->buffer_directory,
	    code != ERROR_NONE ? &err : NULL);
	config_unref(&config);
}

static void *
pool_thread(void *context)
{
	struct msgpool *pool = context;

	pthread_mutex_lock(&pool->lock);
	if (pool->config->buffer_disk > 0)
		probe(pool);
	while (!pool->stop || pool->queue != NULL) {
		if (pool->queue != NULL)
			serve(pool);
		else
			pthread_cond_wait(&pool->work, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* --- the pool --- */

enum error_code
msgpool_create(const struct config *config, struct msgpool **pool_r,
    struct error *err)
{
	struct msgpool *pool = calloc(1, sizeof *pool);
	int failed;

	*pool_r = NULL;
	if (pool == NULL)
		abort();
	pool->config = config_ref(config);
	pthread_mutex_init(&pool->lock, NULL);
	cond_init(&pool->work);
	cond_init(&pool->moved);
	failed = pthread_create(&pool->thread, NULL, pool_thread, pool);
	if (failed) {
		config_unref(&pool->config);
		free(pool);
		return error_sys(err, failed,
		    "starting the thread that writes large messages to disk");
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

const struct config *
msgpool_config(struct msgpool *pool)
{
	const struct config *config;

	pthread_mutex_lock(&pool->lock);
	config = config_ref(pool->config);
	pthread_mutex_unlock(&pool->lock);
	return config;
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

/* --- one message's file --- */

struct msgfile *
msgfile_create(struct msgpool *pool, const struct config *config)
{
	struct msgfile *file = calloc(1, sizeof *file);

	if (file == NULL)
		abort();
	file->pool = pool;
	file->config = config_ref(config);
	file->patience = MSGPOOL_PATIENCE;
	file->memory_fd = -1;
	file->read_fd = -1;
	file->spill_fd = -1;
	return file;
}

/* Closing a file on disk frees its blocks, which takes a disk its time: the
 * pool's thread does it, and what it has in hand it keeps.  Memory is given
 * back without it, since it may hang in the disk for long. */
void
msgfile_destroy(struct msgfile **file_p)
{
	struct msgfile *file = *file_p;
	struct msgpool *pool = file->pool;
	bool leave;

	*file_p = NULL;
	pthread_mutex_lock(&pool->lock);
	if (!file->moving) {
		dequeue(file);
		give_memory_back(pool, file);
	}
	leave = file->moving || file->spill_fd >= 0;
	file->dead = true;
	if (leave)
		enqueue(file);
	pthread_mutex_unlock(&pool->lock);
	if (leave)
		return;
	config_unref(&file->config);
	free(file);
}

/* Spilling starts early enough that the disk has a chance to keep up.  Lock
 * held. */
static bool
should_spill(const struct msgfile *file, size_t len)
{
	const struct config *config = file->config;
	struct msgpool *pool = file->pool;

	return config->buffer_disk > 0 && !file->stays &&
	    (file->written + len > config->buffer_message_memory ||
		pool->memory + len > config->buffer_memory / 4 * 3) &&
	    disk_takes_messages(pool);
}

/* Lock held. */
static bool
has_room(const struct msgfile *file, size_t len)
{
	return file->pool->memory + len <= file->config->buffer_memory;
}

/* Waits for others to leave room, as long as the file's patience lasts, and
 * until then.  Lock held. */
static void
wait_for_room(struct msgfile *file, size_t len, int64_t until)
{
	struct msgpool *pool = file->pool;
	int64_t end = monotime_after(file->patience);

	while (!has_room(file, len) && file->failed == NULL &&
	    cond_wait_until(&pool->moved, &pool->lock,
		end < until ? end : until))
		continue;
	file->patience = end - monotime_now();
	if (!has_room(file, len) && file->patience <= 0 && file->failed == NULL)
		file->failed = "buffer-memory";
}

/* Says that this thread is about to wait; true if end is to be said, too.
 * Lock held, given up meanwhile. */
static bool
announce_wait(struct msgfile *file)
{
	struct msgpool *pool = file->pool;
	bool may;

	if (pool->waiting.begin == NULL)
		return false;
	pthread_mutex_unlock(&pool->lock);
	may = pool->waiting.begin(pool->waiting.context);
	pthread_mutex_lock(&pool->lock);
	if (!may && file->failed == NULL)
		file->failed = "buffer-memory";
	return may;
}

/* Takes len bytes of the pool's memory, waiting if need be. */
static bool
reserve(struct msgfile *file, size_t len, int64_t until)
{
	struct msgpool *pool = file->pool;
	bool announced = false, taken;

	pthread_mutex_lock(&pool->lock);
	if (!file->spilling && should_spill(file, len))
		file->spilling = true;
	if (file->spilling)
		enqueue(file);
	if (!has_room(file, len) && file->failed == NULL &&
	    until == MONOTIME_NEVER)
		announced = announce_wait(file);
	wait_for_room(file, len, until);
	taken = has_room(file, len) && file->failed == NULL;
	if (taken)
		pool->memory += len;
	pthread_mutex_unlock(&pool->lock);
	if (announced)
		pool->waiting.end(pool->waiting.context);
	return taken;
}

/* The bytes are in the memory file now, or were not to be. */
static void
commit(struct msgfile *file, size_t len, bool ok)
{
	struct msgpool *pool = file->pool;

	pthread_mutex_lock(&pool->lock);
	if (ok) {
		file->written += len;
		if (file->spilling)
			enqueue(file);
	} else {
		pool->memory -= len;
		file->failed = "buffer-memory";
	}
	pthread_mutex_unlock(&pool->lock);
}

bool
msgfile_append(struct msgfile *file, const void *data, size_t len,
    int64_t until)
{
	bool ok = true;
	struct error err;

	if (len == 0)
		return true;
	if (!reserve(file, len, until))
		return false;
	if (file->memory_fd < 0)
		ok = fd_memory("message", &file->memory_fd, &err) == ERROR_NONE;
	if (ok)
		ok = fd_write_at(file->memory_fd, data, len, file->written,
			 &err) == ERROR_NONE;
	commit(file, len, ok);
	return ok;
}

/* A file of which the disk has nothing yet needn't wait for one that hangs.
 * Lock held. */
static void
leave_hanging_disk(struct msgfile *file)
{
	if (file->spilled > 0 || file->moving ||
	    disk_takes_messages(file->pool))
		return;
	dequeue(file);
	file->spilling = false;
	file->stays = true;
}

/* Waits until the pool's thread has moved what it has to.  Lock held. */
static enum error_code
wait_in_place(struct msgfile *file, int64_t until, struct error *err)
{
	struct msgpool *pool = file->pool;
	int64_t look_at = monotime_after(MSGPOOL_STALL / 2);

	while (file->spilling && file->spilled < file->written &&
	    file->failed == NULL) {
		leave_hanging_disk(file);
		if (!file->spilling)
			break;
		if (cond_wait_until(&pool->moved, &pool->lock,
			until < look_at ? until : look_at))
			continue;
		if (until <= look_at)
			return error_set(err, ERROR_TIMEOUT, "spill-slow");
		look_at = monotime_after(MSGPOOL_STALL / 2);
	}
	return file->failed == NULL
	    ? ERROR_NONE
	    : error_set(err, ERROR_LIMIT, "%s", file->failed);
}

enum error_code
msgfile_check(struct msgfile *file, struct error *err)
{
	const char *failed;

	pthread_mutex_lock(&file->pool->lock);
	failed = file->failed;
	pthread_mutex_unlock(&file->pool->lock);
	return failed != NULL ? error_set(err, ERROR_LIMIT, "%s", failed)
			      : error_set(err, ERROR_TIMEOUT, "spill-slow");
}

enum error_code
msgfile_finish(struct msgfile *file, int64_t until, int *fd_r, bool *on_disk_r,
    struct error *err)
{
	enum error_code code;
	bool on_disk;

	pthread_mutex_lock(&file->pool->lock);
	code = wait_in_place(file, until, err);
	on_disk = file->spilling;
	pthread_mutex_unlock(&file->pool->lock);
	if (code != ERROR_NONE)
		return code;
	if (on_disk)
		code = fd_reopen_readonly(file->spill_fd, &file->read_fd, err);
	else if (file->memory_fd >= 0)
		code = fd_seal(file->memory_fd, err);
	else
		code = error_set(err, ERROR_INPUT, "empty");
	*fd_r = on_disk ? file->read_fd : file->memory_fd;
	*on_disk_r = on_disk;
	return code;
}
