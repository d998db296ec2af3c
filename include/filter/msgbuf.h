/* msgbuf - holds one message while it arrives and is scanned
 *
 * The bytes go into a memory file; the digest that becomes the key is
 * computed on the way.  A message that grows over buffer.message_memory, or
 * any while the pool is nearly full, is moved on to a spill file by the
 * pool's own thread: the thread that appends never waits for a disk.  What it
 * does wait for, when memory is used up, is that thread's progress, and at
 * most MSGBUF_PATIENCE in all for one message; then the message has failed,
 * as it has when the disk is full, and is answered with a tempfail.
 *
 *   msgbuf_create -> msgbuf_append … -> msgbuf_seal -> msgbuf_content
 *   msgbuf_unref at any time; the bytes live until the last reference goes
 *
 * Bounds: buffer.memory for all memory files together, buffer.disk for all
 * spill files, buffer.message_max for one message, of which the rest is
 * dropped and noted (msgbuf_is_cut).
 *
 * One thread at a time for one msgbuf; msgbuf_unref() and scan_content's
 * release from any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_MSGBUF_H
#define FILTER_MSGBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/monotime.h"
#include "scan/scanner.h"

struct config;
struct msgbuf;
struct msgpool;

#define MSGBUF_PATIENCE (5 * MONOTIME_S)

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

/* Starts the spill thread, which looks whether files can be made in
 * buffer.directory.  ERROR_SYSTEM if that can't be, as configured.  A disk
 * that is full, or that hangs (for which it waits 3 s), is logged and no
 * failure: it may be well later.  It takes a reference to config. */
CHECK_RESULT enum error_code msgpool_create(const struct config *config,
    struct msgpool **pool_r, struct error *err);

/* Before the first message; waiting is copied. */
void msgpool_set_waiting(struct msgpool *pool,
    const struct msgpool_waiting *waiting);

/* Messages that are created from now on go by this snapshot; those that are
 * there keep theirs. */
void msgpool_configure(struct msgpool *pool, const struct config *config);

/* Joins the spill thread; every msgbuf must be gone. */
void msgpool_destroy(struct msgpool **pool);

struct msgpool_usage msgpool_usage(struct msgpool *pool);

/* An empty message with one reference.  Aborts if memory is short. */
struct msgbuf *msgbuf_create(struct msgpool *pool);

/* Gives a reference back and sets the pointer to NULL; NULL is allowed. */
void msgbuf_unref(struct msgbuf **buf);

/* Appends.  A failure is kept and shown by msgbuf_seal(); what comes after it
 * is dropped. */
void msgbuf_append(struct msgbuf *buf, const void *data, size_t len);

/* Ends the message: all bytes are where a worker can map them, and nothing
 * can change them any more.  ERROR_TIMEOUT: the spill thread isn't done by
 * until (monotime.h); call again.  Any other failure is final; err->text is
 * its reason in one word ("buffer-memory", "buffer-disk"). */
CHECK_RESULT enum error_code msgbuf_seal(struct msgbuf *buf, int64_t until,
    struct error *err);

/* After msgbuf_seal(): the identity of the bytes. */
struct key msgbuf_key(const struct msgbuf *buf);

/* After msgbuf_seal(): the bytes, with a reference of their own. */
struct scan_content msgbuf_content(struct msgbuf *buf);

/* Bytes kept. */
uint64_t msgbuf_size(const struct msgbuf *buf);

/* True if the message was larger than buffer.message_max. */
bool msgbuf_is_cut(const struct msgbuf *buf);

#endif
