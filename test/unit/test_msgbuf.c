/* test_msgbuf - a message's bytes, in memory and on disk, to the byte
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static int
open_pool(void **state)
{
	char text[256];

	(void)state;
	support_make_directory(directory);
	snprintf(text, sizeof text,
	    "buffer { memory = 1M "
	    "message_memory = 64K message_max = 2M disk = 8M "
	    "directory = '%s' }",
	    directory);
	fds_before = support_open_fds();
	config = support_config(text);
	return msgpool_create(config, &pool, NULL) == ERROR_NONE ? 0 : -1;
}

/* Whatever a test did, nothing may be left. */
static int
close_pool(void **state)
{
	(void)state;
	content_expect_usage(pool, 0, 0);
	msgpool_destroy(&pool);
	assert_null(pool);
	assert_int_equal(support_open_fds(), fds_before);
	config_destroy(&config);
	support_remove_directory(directory);
	return 0;
}

/* A sealed message of size bytes of the pattern. */
static struct msgbuf *
sealed(size_t size, size_t step)
{
	struct msgbuf *buf = msgbuf_create(pool);

	content_append_pattern(buf, 0, size, step);
	content_seal(buf);
	return buf;
}

static void
test_msgbuf_gives_back_every_byte(void **state)
{
	/* About the stage, the memory of one message, and one spill step. */
	static const size_t sizes[] = {
		1,
		2,
		32 * K - 1,
		32 * K,
		32 * K + 1,
		64 * K - 1,
		64 * K,
		64 * K + 1,
		65 * K,
		1024 * K - 1,
		1024 * K,
		1024 * K + 1,
		2048 * K - 1,
		2048 * K,
	};
	static const size_t steps[] = { 7919, 65535, 32 * K, 100 };

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t j = 0; j < LENGTH(steps); j++) {
			struct msgbuf *buf = sealed(sizes[i], steps[j]);
			struct scan_content content = msgbuf_content(buf);

			assert_int_equal(msgbuf_size(buf), sizes[i]);
			assert_false(msgbuf_is_cut(buf));
			content_expect_pattern(&content, sizes[i]);
			content.release(content.owner);
			msgbuf_unref(&buf);
			assert_null(buf);
		}
}

static void
test_msgbuf_small_message_stays_in_memory(void **state)
{
	struct msgbuf *buf = msgbuf_create(pool);

	(void)state;
	msgbuf_append(buf, "hel", 3);
	msgbuf_append(buf, "", 0);
	msgbuf_append(buf, "lo", 2);
	assert_int_equal(msgbuf_size(buf), 5);
	content_seal(buf);
	content_expect_usage(pool, 5, 0);
	msgbuf_unref(&buf);
	content_expect_usage(pool, 0, 0);
}

static void
test_msgbuf_append_past_message_memory_spills(void **state)
{
	struct msgbuf *small = sealed(64 * K, 4 * K);
	struct msgbuf *large = sealed(300 * K, 4 * K);

	(void)state;
	content_expect_usage(pool, 64 * K, 300 * K);
	assert_int_equal(support_count_names(directory), 0);
	msgbuf_unref(&small);
	content_expect_usage(pool, 0, 300 * K);
	msgbuf_unref(&large);
	content_expect_usage(pool, 0, 0);
}

static void
test_msgbuf_that_is_sealed_cannot_be_written(void **state)
{
	static const size_t sizes[] = { 10, 64 * K, 300 * K };

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct msgbuf *buf = sealed(sizes[i], 4 * K);
		struct scan_content content = msgbuf_content(buf);

		assert_int_equal(pwrite(content.fd, "x", 1, 0), -1);
		assert_int_equal(pwrite(content.fd, "x", 1, (off_t)sizes[i]),
		    -1);
		assert_int_equal(ftruncate(content.fd, 1), -1);
		if (sizes[i] <= 64 * K)
			assert_int_equal(fcntl(content.fd, F_GET_SEALS),
			    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				F_SEAL_SEAL);
		else
			assert_int_equal(fcntl(content.fd, F_GETFL) & O_ACCMODE,
			    O_RDONLY);
		content_expect_pattern(&content, sizes[i]);
		content.release(content.owner);
		msgbuf_unref(&buf);
	}
}

static void
test_msgbuf_seal_may_be_called_again(void **state)
{
	struct msgbuf *buf = msgbuf_create(pool);
	enum error_code code;
	struct error err;
	struct key key, again;

	(void)state;
	content_append_pattern(buf, 0, 2048 * K, 65535);
	do
		code = msgbuf_seal(buf, 0, &err);
	while (code == ERROR_TIMEOUT);
	assert_int_equal(code, ERROR_NONE);
	key = msgbuf_key(buf);
	assert_int_equal(msgbuf_seal(buf, 0, &err), ERROR_NONE);
	again = msgbuf_key(buf);
	assert_memory_equal(&again, &key, sizeof key);
	msgbuf_unref(&buf);
}

static void
test_msgbuf_key_is_the_same_for_the_same_bytes(void **state)
{
	static const size_t steps[] = { 1, 100, 32 * K, 65535 };
	struct msgbuf *first = sealed(200 * K, 4 * K), *other;
	struct key key = msgbuf_key(first), again;

	(void)state;
	msgbuf_unref(&first);
	for (size_t i = 0; i < LENGTH(steps); i++) {
		other = sealed(200 * K, steps[i]);
		again = msgbuf_key(other);
		assert_memory_equal(&again, &key, sizeof key);
		msgbuf_unref(&other);
	}
	other = sealed(200 * K - 1, 4 * K);
	again = msgbuf_key(other);
	assert_memory_not_equal(&again, &key, sizeof key);
	msgbuf_unref(&other);
}

static void
test_msgbuf_larger_than_message_max_is_cut(void **state)
{
	struct msgbuf *buf = msgbuf_create(pool);
	struct scan_content content;

	(void)state;
	content_append_pattern(buf, 0, 2048 * K, 65535);
	assert_false(msgbuf_is_cut(buf));
	content_append_pattern(buf, 2048 * K, 1, 1);
	assert_true(msgbuf_is_cut(buf));
	content_append_pattern(buf, 0, 300 * K, 65535);
	assert_int_equal(msgbuf_size(buf), 2048 * K);
	content_seal(buf);
	content = msgbuf_content(buf);
	content_expect_pattern(&content, 2048 * K);
	content.release(content.owner);
	msgbuf_unref(&buf);
}

static void
test_msgbuf_cut_within_an_append_keeps_what_fits(void **state)
{
	struct msgbuf *buf = msgbuf_create(pool);
	struct scan_content content;

	(void)state;
	content_append_pattern(buf, 0, 2100 * K, 60000);
	assert_true(msgbuf_is_cut(buf));
	assert_int_equal(msgbuf_size(buf), 2048 * K);
	content_seal(buf);
	content = msgbuf_content(buf);
	content_expect_pattern(&content, 2048 * K);
	content.release(content.owner);
	msgbuf_unref(&buf);
}

/* Else the verdict on a whole message would answer for one that goes on
 * where the engine didn't look. */
static void
test_msgbuf_that_is_cut_has_another_key_than_the_whole(void **state)
{
	struct msgbuf *whole = sealed(2048 * K, 65535);
	struct msgbuf *cut = sealed(2048 * K + 1, 65535);
	struct key a = msgbuf_key(whole), b = msgbuf_key(cut);

	(void)state;
	assert_false(msgbuf_is_cut(whole));
	assert_true(msgbuf_is_cut(cut));
	msgbuf_unref(&whole);
	msgbuf_unref(&cut);
	assert_memory_not_equal(&a, &b, sizeof a);
}

static void *
release_elsewhere(void *context)
{
	struct scan_content *content = context;

	content_expect_pattern(content, content->size);
	content->release(content->owner);
	return NULL;
}

static void
test_msgbuf_bytes_live_until_the_last_reference_goes(void **state)
{
	static const size_t sizes[] = { 1000, 300 * K };

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct msgbuf *buf = sealed(sizes[i], 4 * K);
		struct scan_content one = msgbuf_content(buf);
		struct scan_content two = msgbuf_content(buf);
		pthread_t thread;

		msgbuf_unref(&buf);
		one.release(one.owner);
		assert_int_equal(pthread_create(&thread, NULL,
				     release_elsewhere, &two),
		    0);
		pthread_join(thread, NULL);
		content_expect_usage(pool, 0, 0);
	}
}

static void
test_msgbuf_may_be_given_up_at_any_time(void **state)
{
	static const size_t sizes[] = { 0, 1, 40 * K, 80 * K, 1500 * K };
	struct msgbuf *none = NULL;

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct msgbuf *buf = msgbuf_create(pool);

		content_append_pattern(buf, 0, sizes[i], 4 * K);
		msgbuf_unref(&buf);
	}
	content_expect_usage(pool, 0, 0);
	msgbuf_unref(&none);
}

/* Each thread has its own messages; the pool is too small for all of them in
 * memory at once. */
static void *
make_messages(void *context)
{
	size_t seed = *(size_t *)context;

	for (size_t n = 0; n < 12; n++) {
		size_t size = (seed * 977 + n * n * 7919) % (700 * K) + 1;
		struct msgbuf *buf = sealed(size, 9973);
		struct scan_content content = msgbuf_content(buf);

		msgbuf_unref(&buf);
		content_expect_pattern(&content, size);
		content.release(content.owner);
	}
	return NULL;
}

static void
test_msgbuf_many_at_once_keep_their_bytes_apart(void **state)
{
	pthread_t threads[6];
	size_t seeds[LENGTH(threads)];

	(void)state;
	for (size_t i = 0; i < LENGTH(threads); i++) {
		seeds[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL,
				     make_messages, &seeds[i]),
		    0);
	}
	for (size_t i = 0; i < LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_gives_back_every_byte, open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_small_message_stays_in_memory, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_append_past_message_memory_spills, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_that_is_sealed_cannot_be_written, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_seal_may_be_called_again, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_key_is_the_same_for_the_same_bytes, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_larger_than_message_max_is_cut, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_cut_within_an_append_keeps_what_fits, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_that_is_cut_has_another_key_than_the_whole,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_bytes_live_until_the_last_reference_goes,
		    open_pool, close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_may_be_given_up_at_any_time, open_pool,
		    close_pool),
		cmocka_unit_test_setup_teardown(
		    test_msgbuf_many_at_once_keep_their_bytes_apart, open_pool,
		    close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
