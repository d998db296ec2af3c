/* msgbuf - holds one message while it arrives and is scanned
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/msgbuf.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "filter/msgpool.h"
#include "wire/key.h"

/* Most mail is smaller, and then written to its memory file in one go. */
#define STAGE_SIZE 32768

struct msgbuf {
	const struct config *config; /* a reference of its own */
	struct msgfile *file;
	atomic_uint references;
	struct key_digest digest;
	struct key key;
	uint64_t size; /* bytes taken in, staged ones too */
	bool cut;
	bool sealed;
	int fd; /* once sealed; the file's */
	bool on_disk;
	char *stage; /* small writes gather here */
	size_t staged;
};

struct msgbuf *
msgbuf_create(struct msgpool *pool)
{
	struct msgbuf *buf;

	/* libsodium's digest state wants more alignment than malloc gives. */
	buf = aligned_alloc(_Alignof(struct msgbuf), sizeof *buf);
	if (buf == NULL)
		abort();
	memset(buf, 0, sizeof *buf);
	buf->config = msgpool_config(pool);
	buf->file = msgfile_create(pool, buf->config);
	atomic_init(&buf->references, 1);
	key_digest_init(&buf->digest, buf->config);
	return buf;
}

void
msgbuf_unref(struct msgbuf **buf_p)
{
	struct msgbuf *buf = *buf_p;

	*buf_p = NULL;
	if (buf == NULL || atomic_fetch_sub(&buf->references, 1) > 1)
		return;
	msgfile_destroy(&buf->file);
	config_unref(&buf->config);
	free(buf->stage);
	free(buf);
}

/* What can't be flushed by then stays. */
static bool
flush_stage(struct msgbuf *buf, int64_t until)
{
	if (!msgfile_append(buf->file, buf->stage, buf->staged, until))
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
		msgfile_append(buf->file, data, len, MONOTIME_NEVER);
		return;
	}
	if (buf->stage == NULL && (buf->stage = malloc(STAGE_SIZE)) == NULL)
		abort();
	memcpy(buf->stage + buf->staged, data, len);
	buf->staged += len;
}

enum error_code
msgbuf_seal(struct msgbuf *buf, int64_t until, struct error *err)
{
	enum error_code code;

	if (buf->sealed)
		return ERROR_NONE;
	if (flush_stage(buf, until))
		code = msgfile_finish(buf->file, until, &buf->fd, &buf->on_disk,
		    err);
	else
		code = msgfile_check(buf->file, err);
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
		.fd = buf->fd,
		.on_disk = buf->on_disk,
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
