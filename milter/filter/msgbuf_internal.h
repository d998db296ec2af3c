/* msgbuf_internal - what msgbuf.c and spill.c share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_MSGBUF_INTERNAL_H
#define FILTER_MSGBUF_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "filter/msgbuf.h"
#include "wire/key.h"

/* Where a message's bytes are moved to disk. */
struct msgpool {
	struct msgpool_waiting waiting; /* begin may be NULL */
	pthread_mutex_t lock;
	const struct config *config; /* under the lock */
	pthread_cond_t work;         /* for the spill thread */
	pthread_cond_t moved;        /* bytes have left memory, or failed to */
	uint64_t memory;
	uint64_t disk;
	struct msgbuf *queue; /* with bytes to move, or to be freed */
	bool probed;          /* the directory was tried, with this result: */
	enum error_code probe;
	struct error probe_error;
	bool stop;
	pthread_t thread;
};

struct msgbuf {
	struct msgpool *pool;
	const struct config *config; /* a reference of its own */
	atomic_uint references;
	struct key_digest digest;
	struct key key;
	uint64_t size; /* bytes taken in, staged ones too */
	bool cut;
	bool sealed;
	int64_t patience; /* ns left to wait for memory */
	char *stage;      /* small writes gather here */
	size_t staged;
	int memory_fd;
	int read_fd; /* of a spilled message, once sealed */

	/* Under pool->lock: */
	bool spilling; /* goes to disk from now on */
	bool queued;
	bool moving;      /* the spill thread works on it, unlocked */
	bool dead;        /* the spill thread is to free it */
	uint64_t written; /* bytes in the memory file */
	uint64_t spilled; /* of these, moved to the spill file */
	int spill_fd;
	const char *failed; /* reason in one word, or NULL */
	struct msgbuf *prev, *next;
};

/* The spill thread's main function; context is the struct msgpool. */
void *spill_thread(void *context);

/* Puts buf into the spill thread's queue if it isn't there.  Lock held. */
void spill_enqueue(struct msgbuf *buf);

/* Takes it out again.  Lock held. */
void spill_dequeue(struct msgbuf *buf);

/* Closes and frees a message nobody refers to; may wait for a disk if it was
 * spilled. */
void msgbuf_free(struct msgbuf *buf);

#endif
