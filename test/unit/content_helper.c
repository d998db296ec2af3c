/* content_helper - a message as the engine would see it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "content_helper.h"
#include "support.h"
#include "filter/msgpool.h"

void
content_append_pattern(struct msgbuf *buf, size_t at, size_t len, size_t step)
{
	unsigned char *piece = malloc(step);

	assert_non_null(piece);
	while (len > 0) {
		size_t n = len < step ? len : step;

		for (size_t i = 0; i < n; i++)
			piece[i] = support_pattern(at + i);
		msgbuf_append(buf, piece, n);
		at += n;
		len -= n;
	}
	free(piece);
}

void
content_expect_pattern(const struct scan_content *content, size_t size)
{
	unsigned char *bytes = malloc(size + 1);

	assert_non_null(bytes);
	assert_int_equal(content->size, size);
	assert_int_equal(pread(content->fd, bytes, size + 1, 0), size);
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != support_pattern(i))
			fail_msg("byte %zu of %zu is wrong", i, size);
	free(bytes);
}

void
content_seal(struct msgbuf *buf)
{
	struct error err;

	if (msgbuf_seal(buf, monotime_after(20 * MONOTIME_S), &err) !=
	    ERROR_NONE)
		fail_msg("%s", err.text);
}

char *
content_text(struct msgbuf *buf)
{
	struct scan_content content;
	char *text;

	content_seal(buf);
	content = msgbuf_content(buf);
	text = malloc(content.size + 1);
	assert_non_null(text);
	assert_int_equal(pread(content.fd, text, content.size + 1, 0),
	    content.size);
	text[content.size] = '\0';
	content.release(content.owner);
	return text;
}

void
content_expect_usage(struct msgpool *pool, uint64_t memory, uint64_t disk)
{
	int64_t until = monotime_after(20 * MONOTIME_S);
	struct msgpool_usage usage = msgpool_usage(pool);

	while ((usage.memory != memory || usage.disk != disk) &&
	    monotime_now() < until) {
		poll(NULL, 0, 1);
		usage = msgpool_usage(pool);
	}
	assert_int_equal(usage.memory, memory);
	assert_int_equal(usage.disk, disk);
}
