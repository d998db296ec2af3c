/* content_helper - a message as the engine would see it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONTENT_HELPER_H
#define CONTENT_HELPER_H

#include "filter/msgbuf.h"

/* Appends len bytes of support_pattern(), from position at on, in pieces of
 * step bytes. */
void content_append_pattern(struct msgbuf *buf, size_t at, size_t len,
    size_t step);

/* Fails the test unless content is size bytes of support_pattern(). */
void content_expect_pattern(const struct scan_content *content, size_t size);

/* Seals buf, waiting for the disk if need be. */
void content_seal(struct msgbuf *buf);

/* Seals buf and returns its bytes as a string, for free(). */
char *content_text(struct msgbuf *buf);

/* Waits until the pool has this much in use: a spilled message is freed by
 * the pool's own thread. */
void content_expect_usage(struct msgpool *pool, uint64_t memory, uint64_t disk);

#endif
