/* msgpool - memory and disk for all messages that are under way
 *
 * Each message's bytes go into a memory file of its own (struct msgfile).  One
 * that grows over buffer.message_memory, or any while memory is nearly used up,
 * is moved on to a file in buffer.directory by the pool's own thread: the
 * thread that appends never waits for a disk.  What it does wait for, when
 * memory is used up, is room that other messages leave, and at most
 * MSGPOOL_PATIENCE in all for one message; then the message has failed, and is
 * answered with a tempfail.
 *
 * A directory that can't be used (missing, read-only, full, or on a disk that
 * hangs) keeps no message from being taken: it stays in memory, or comes back
 * there from the disk, as long as buffer.memory has room.  The log says so, by
 * the name of the setting, and again once the directory takes messages.  It is
 * tried anew every MSGPOOL_RETRY.
 *
 * Bounds: buffer.memory for all memory files together, buffer.disk for all
 * files on disk.
 *
 * Any thread; one at a time for one msgfile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_MSGPOOL_H
#define FILTER_MSGPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/monotime.h"

struct config;
struct msgfile;
struct msgpool;

#define MSGPOOL_PATIENCE (5 * MONOTIME_S)
#define MSGPOOL_RETRY (2 * MONOTIME_S)

/* A disk that works on one megabyte for longer than this hangs. */
#define MSGPOOL_STALL (2 * MONOTIME_S)

/* Told by a thread that appends when it is about to wait for memory, and that
 * it no longer does.  If begin says false it does not wait, and the message
 * has failed. */
struct msgpool_waiting {
	bool (*begin)(void *context);
	void (*end)(void *context);
	void *context;
};

/* Bytes in use now. */
struct msgpool_usage {
	uint64_t memory;
	uint64_t disk;
};

/* Starts the pool's thread, which tries the directory, and does not wait for
 * what comes of that.  It takes a reference to config. */
CHECK_RESULT enum error_code msgpool_create(const struct config *config,
    struct msgpool **pool_r, struct error *err);

/* Before the first message; waiting is copied. */
void msgpool_set_waiting(struct msgpool *pool,
    const struct msgpool_waiting *waiting);

/* Messages that are created from now on go by this snapshot; those that are
 * there keep theirs. */
void msgpool_configure(struct msgpool *pool, const struct config *config);

/* The snapshot for a message that is created now, with a reference of the
 * caller's. */
const struct config *msgpool_config(struct msgpool *pool);

/* Joins the pool's thread; every msgfile must be gone. */
void msgpool_destroy(struct msgpool **pool);

struct msgpool_usage msgpool_usage(struct msgpool *pool);

/* An empty file, with a reference of its own to config.  Aborts if memory is
 * short. */
struct msgfile *msgfile_create(struct msgpool *pool,
    const struct config *config);

/* Gives it back and sets the pointer to NULL; never waits for a disk. */
void msgfile_destroy(struct msgfile **file);

/* Appends.  False: there was no room by until (monotime.h), or the file has
 * failed.  With MONOTIME_NEVER the pool's waiting is asked before a wait. */
bool msgfile_append(struct msgfile *file, const void *data, size_t len,
    int64_t until);

/* After an append that did not succeed: why, as msgfile_finish() says it;
 * ERROR_TIMEOUT if it may be tried again. */
CHECK_RESULT enum error_code msgfile_check(struct msgfile *file,
    struct error *err);

/* Ends the file: its bytes are in one place, and nothing can change them any
 * more.  *fd_r, which stays the file's, is where to read them.  ERROR_TIMEOUT:
 * the disk isn't done by until ("spill-slow"); call again.  Any other failure
 * is final; err->text is its reason in one word ("buffer-memory",
 * "buffer-disk"). */
CHECK_RESULT enum error_code msgfile_finish(struct msgfile *file, int64_t until,
    int *fd_r, bool *on_disk_r, struct error *err);

#endif
