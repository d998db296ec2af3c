/* msgbuf - holds one message while it arrives and is scanned
 *
 * The bytes go into a file of the pool (filter/msgpool.h), in memory or on
 * disk; the digest that becomes the key is computed on the way.
 *
 *   msgbuf_create -> msgbuf_append … -> msgbuf_seal -> msgbuf_content
 *   msgbuf_unref at any time; the bytes live until the last reference goes
 *
 * Of a message over buffer.message_max the rest is dropped and noted
 * (msgbuf_is_cut).
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
#include "scan/scanner.h"

struct msgbuf;
struct msgpool;

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
