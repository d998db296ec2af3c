/* test_msgbuf_limits - no bound is passed, and each failure says which
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config/config.h"
#include "content_helper.h"
#include "filter/msgbuf.h"
#include "filter/msgpool.h"
#include "support.h"

#define K 1024

static char directory[32];
static struct config *config;
static struct msgpool *pool;
static unsigned fds_before;

static void
open_pool(const char *settings)
{
	char text[256];

	fds_before = support_open_fds();
	support_make_directory(directory);
	snprintf(text, sizeof text,
	    "buffer { memory = 1M %s "
	    "directory = '%s' }",
	    settings, directory);
	config = support_config(text);
	assert_int_equal(msgpool_create(config, &pool, NULL), ERROR_NONE);
}

/* The disk goes while the pool is in use. */
static void
lose_directory(void)
{
	support_remove_directory(directory);
	directory[0] = '\0';
}

static void
close_pool(void)
{
	content_expect_usage(pool, 0, 0);
	msgpool_destroy(&pool);
	assert_int_equal(support_open_fds(), fds_before);
	config_destroy(&config);
	if (directory[0] != '\0')
		support_remove_directory(directory);
}

static struct msgbuf *
filled(size_t size)
{
	struct msgbuf *buf = msgbuf_create(pool);

	content_append_pattern(buf, 0, size, 16 * K);
	return buf;
}

/* Sealing fails for this reason, now and ever. */
static void
expect_failed(struct msgbuf *buf, const char *reason)
{
	struct error err;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(msgbuf_seal(buf,
				     monotime_after(20 * MONOTIME_S), &err),
		    ERROR_LIMIT);
		assert_string_equal(err.text, reason);
	}
}

/* Sealed, and all of its bytes are there. */
static void
expect_whole(struct msgbuf *buf, size_t size)
{
	struct scan_content content;

	content_seal(buf);
	content = msgbuf_content(buf);
	content_expect_pattern(&content, size);
	content.release(content.owner);
}

/* What was asked before a wait, and said after it. */
struct waits {
	bool allowed;
	unsigned begun, ended;
};

static bool
begin_wait(void *context)
{
	struct waits *waits = context;

	waits->begun++;
	return waits->allowed;
}

static void
end_wait(void *context)
{
	struct waits *waits = context;

	waits->ended++;
}

static void
ask_before_waits(struct waits *waits)
{
	msgpool_set_waiting(pool,
	    &(struct msgpool_waiting){ .begin = begin_wait,
		.end = end_wait,
		.context = waits });
}

static void
test_msgpool_memory_is_never_more_than_its_bound(void **state)
{
	struct msgbuf *bufs[8];

	(void)state;
	open_pool("message_memory = 1M message_max = 2M disk = 16M");
	for (size_t i = 0; i < LENGTH(bufs); i++) {
		bufs[i] = msgbuf_create(pool);
		for (size_t at = 0; at < 400 * K; at += 16 * K) {
			content_append_pattern(bufs[i], at, 16 * K, 16 * K);
			assert_true(msgpool_usage(pool).memory <= 1024 * K);
		}
	}
	for (size_t i = 0; i < LENGTH(bufs); i++) {
		struct scan_content content;

		content_seal(bufs[i]);
		assert_true(msgpool_usage(pool).memory <= 1024 * K);
		content = msgbuf_content(bufs[i]);
		content_expect_pattern(&content, 400 * K);
		content.release(content.owner);
	}
	assert_true(msgpool_usage(pool).memory <= 768 * K);
	assert_true(msgpool_usage(pool).disk >= 8 * 400 * K - 768 * K);
	for (size_t i = 0; i < LENGTH(bufs); i++)
		msgbuf_unref(&bufs[i]);
	close_pool();
}

static void
test_msgpool_full_disk_leaves_the_next_message_in_memory(void **state)
{
	struct msgbuf *first, *second, *third;

	(void)state;
	open_pool("message_memory = 64K message_max = 2M disk = 2M");
	first = filled(1500 * K);
	content_seal(first);
	second = filled(600 * K);
	expect_whole(second, 600 * K);
	content_expect_usage(pool, 600 * K, 1500 * K);
	expect_whole(first, 1500 * K);
	msgbuf_unref(&first);
	content_expect_usage(pool, 600 * K, 0);
	third = filled(600 * K);
	expect_whole(third, 600 * K);
	content_expect_usage(pool, 600 * K, 600 * K);
	msgbuf_unref(&second);
	msgbuf_unref(&third);
	close_pool();
}

static void
test_msgpool_full_disk_fails_what_memory_has_no_room_for(void **state)
{
	struct msgbuf *first, *second, *small[11];

	(void)state;
	open_pool("message_memory = 64K message_max = 2M disk = 2M");
	first = filled(1500 * K);
	content_seal(first);
	for (size_t i = 0; i < LENGTH(small); i++) {
		small[i] = filled(60 * K);
		content_seal(small[i]);
	}
	second = filled(600 * K);
	expect_failed(second, "buffer-disk");
	expect_whole(small[0], 60 * K);
	for (size_t i = 0; i < LENGTH(small); i++)
		msgbuf_unref(&small[i]);
	msgbuf_unref(&second);
	expect_whole(first, 1500 * K);
	msgbuf_unref(&first);
	close_pool();
}

static void
test_msgbuf_that_failed_takes_no_more_and_no_time(void **state)
{
	struct waits waits = { .allowed = false };
	int64_t began = monotime_now();
	struct msgbuf *full, *buf;
	uint64_t memory;

	(void)state;
	open_pool("message_memory = 1M message_max = 1M disk = 0");
	ask_before_waits(&waits);
	full = filled(1000 * K);
	buf = filled(100 * K);
	expect_failed(buf, "buffer-memory");
	memory = msgpool_usage(pool).memory;
	for (int i = 0; i < 10; i++)
		content_append_pattern(buf, 0, 100 * K, 16 * K);
	assert_int_equal(msgpool_usage(pool).memory, memory);
	expect_failed(buf, "buffer-memory");
	assert_true(monotime_now() - began < MSGPOOL_PATIENCE / 2);
	msgbuf_unref(&buf);
	msgbuf_unref(&full);
	close_pool();
}

static void
test_msgbuf_that_cannot_be_spilled_stays_in_memory(void **state)
{
	struct msgbuf *small, *large;

	(void)state;
	open_pool("message_memory = 64K message_max = 2M disk = 8M");
	lose_directory();
	small = filled(64 * K);
	large = filled(600 * K);
	expect_whole(small, 64 * K);
	expect_whole(large, 600 * K);
	content_expect_usage(pool, 664 * K, 0);
	msgbuf_unref(&large);
	msgbuf_unref(&small);
	close_pool();
}

/* True once a large message is on disk. */
static bool
takes_messages(void)
{
	struct msgbuf *buf = filled(300 * K);
	bool on_disk;

	content_seal(buf);
	on_disk = msgpool_usage(pool).disk == 300 * K;
	msgbuf_unref(&buf);
	content_expect_usage(pool, 0, 0);
	return on_disk;
}

static void
test_msgpool_directory_that_comes_back_is_used_again(void **state)
{
	int64_t end = monotime_after(20 * MONOTIME_S);

	(void)state;
	open_pool("message_memory = 64K message_max = 2M disk = 8M");
	assert_true(takes_messages());
	support_remove_directory(directory);
	assert_false(takes_messages());
	assert_int_equal(mkdir(directory, 0700), 0);
	while (!takes_messages())
		assert_true(monotime_now() < end);
	close_pool();
}

static void
test_msgpool_works_without_a_directory_it_can_use(void **state)
{
	static const char *const places[] = {
		"/nonexistent/spill",
		"/dev/null",
		"/proc",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(places); i++) {
		struct msgbuf *buf;

		snprintf(text, sizeof text,
		    "buffer { memory = 1M message_memory = 64K message_max = "
		    "2M directory = '%s' }",
		    places[i]);
		directory[0] = '\0';
		fds_before = support_open_fds();
		config = support_config(text);
		assert_int_equal(msgpool_create(config, &pool, NULL),
		    ERROR_NONE);
		buf = filled(700 * K);
		expect_whole(buf, 700 * K);
		content_expect_usage(pool, 700 * K, 0);
		msgbuf_unref(&buf);
		close_pool();
	}
}

static void
test_msgbuf_without_disk_stays_in_memory_that_is_short(void **state)
{
	struct msgbuf *buf;

	(void)state;
	open_pool("message_memory = 1M message_max = 1M disk = 0");
	buf = filled(900 * K);
	content_seal(buf);
	content_expect_usage(pool, 900 * K, 0);
	msgbuf_unref(&buf);
	close_pool();
}

static void
test_msgbuf_without_disk_uses_its_memory(void **state)
{
	struct msgbuf *buf;

	(void)state;
	open_pool("message_memory = 512K message_max = 512K disk = 0");
	buf = filled(512 * K);
	content_seal(buf);
	content_expect_usage(pool, 512 * K, 0);
	msgbuf_unref(&buf);
	close_pool();
}

static void
test_msgbuf_that_is_empty_cannot_be_sealed(void **state)
{
	struct msgbuf *buf;
	struct error err;

	(void)state;
	open_pool("message_memory = 64K message_max = 2M disk = 8M");
	buf = msgbuf_create(pool);
	assert_int_equal(msgbuf_seal(buf, MONOTIME_NEVER, &err), ERROR_INPUT);
	assert_int_equal(msgbuf_size(buf), 0);
	msgbuf_unref(&buf);
	close_pool();
}

/* The last bytes of a message are still to go to memory, which others have
 * used up: sealing must not wait for it longer than it was told to. */
static void
test_msgbuf_seal_keeps_its_time_when_memory_is_used_up(void **state)
{
	struct msgbuf *full[2], *last;
	enum error_code code;
	struct error err;
	int64_t took;

	(void)state;
	open_pool("message_memory = 1M message_max = 2M disk = 8M");
	lose_directory();
	full[0] = filled(752 * K);
	content_seal(full[0]);
	full[1] = msgbuf_create(pool);
	content_append_pattern(full[1], 0, 256 * K, 256 * K);
	assert_int_equal(msgpool_usage(pool).memory, (752 + 256) * K);
	last = filled(30 * K);
	took = monotime_now();
	code = msgbuf_seal(last, 0, &err);
	took = monotime_now() - took;
	for (size_t i = 0; i < LENGTH(full); i++)
		msgbuf_unref(&full[i]);
	msgbuf_unref(&last);
	close_pool();
	assert_int_not_equal(code, ERROR_NONE);
	assert_true(took < MSGPOOL_PATIENCE / 2);
}

/* Memory is full; then a message goes on to append, and another that would
 * not have to wait. */
static void
append_to_full_memory(struct waits *waits)
{
	struct msgbuf *full, *more, *small;

	ask_before_waits(waits);
	full = filled(1000 * K);
	content_seal(full);
	assert_int_equal(waits->begun, 0);
	more = filled(100 * K);
	expect_failed(more, "buffer-memory");
	small = filled(16 * K);
	content_seal(small);
	msgbuf_unref(&full);
	msgbuf_unref(&more);
	msgbuf_unref(&small);
}

static void
test_msgbuf_append_says_that_it_waits_and_no_longer_does(void **state)
{
	struct waits waits = { .allowed = true };
	int64_t began = monotime_now();

	(void)state;
	open_pool("message_memory = 1M message_max = 1M disk = 0");
	append_to_full_memory(&waits);
	assert_true(monotime_now() - began >= MSGPOOL_PATIENCE);
	assert_int_equal(waits.begun, 1);
	assert_int_equal(waits.ended, 1);
	close_pool();
}

static void
test_msgbuf_append_that_may_not_wait_fails_at_once(void **state)
{
	struct waits waits = { .allowed = false };
	int64_t began = monotime_now();

	(void)state;
	open_pool("message_memory = 1M message_max = 1M disk = 0");
	append_to_full_memory(&waits);
	assert_true(monotime_now() - began < MSGPOOL_PATIENCE / 2);
	assert_int_equal(waits.begun, 1);
	assert_int_equal(waits.ended, 0);
	close_pool();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_msgpool_memory_is_never_more_than_its_bound),
		cmocka_unit_test(
		    test_msgpool_full_disk_leaves_the_next_message_in_memory),
		cmocka_unit_test(
		    test_msgpool_full_disk_fails_what_memory_has_no_room_for),
		cmocka_unit_test(
		    test_msgbuf_that_failed_takes_no_more_and_no_time),
		cmocka_unit_test(
		    test_msgbuf_that_cannot_be_spilled_stays_in_memory),
		cmocka_unit_test(
		    test_msgpool_directory_that_comes_back_is_used_again),
		cmocka_unit_test(
		    test_msgpool_works_without_a_directory_it_can_use),
		cmocka_unit_test(test_msgbuf_without_disk_uses_its_memory),
		cmocka_unit_test(
		    test_msgbuf_without_disk_stays_in_memory_that_is_short),
		cmocka_unit_test(test_msgbuf_that_is_empty_cannot_be_sealed),
		cmocka_unit_test(
		    test_msgbuf_append_says_that_it_waits_and_no_longer_does),
		cmocka_unit_test(
		    test_msgbuf_append_that_may_not_wait_fails_at_once),
		cmocka_unit_test(
		    test_msgbuf_seal_keeps_its_time_when_memory_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
