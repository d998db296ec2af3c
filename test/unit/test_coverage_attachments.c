/* test_coverage_attachments - which layers count as the same part, and when
 *
 * The order of the callbacks is libclamav's, as test_engine_attachments sees
 * it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config/config.h"
#include "coverage/attachments.h"
#include "wire/wire.h"
#include "support.h"

#define SIZE 5000

static struct attachments_plan plan;
static struct attachments parts;
static struct {
	unsigned count;
	struct key key;
	uint64_t size;
	bool answer;
} asked;
static int file = -1; /* of SIZE bytes */
static char bytes[SIZE];

static bool
note(void *context, const struct key *key, uint64_t size)
{
	assert_ptr_equal(&asked, context);
	asked.count++;
	asked.key = *key;
	asked.size = size;
	return asked.answer;
}

static void
plan_for(const char *settings, const char *version)
{
	struct config *config = support_config(settings);

	attachments_plan_make(&plan, config, version);
	config_destroy(&config);
	assert_null(plan.known);
	plan.known = note;
	plan.context = &asked;
}

static int
open_file(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(ERROR_NONE, fd_memory("part", &file, &err));
	assert_int_equal(0, ftruncate(file, SIZE));
	memset(&asked, 0, sizeof asked);
	memset(bytes, 'x', sizeof bytes);
	plan_for("", "1.4.6");
	attachments_init(&parts, &plan);
	return 0;
}

static int
close_file(void **state)
{
	(void)state;
	fd_close(&file);
	return 0;
}

static const struct attachments_layer message = {
	.fd = -1,
	.type = "CL_TYPE_MAIL",
	.data = bytes,
	.size = SIZE,
};

static struct attachments_layer
attachment(void)
{
	struct attachments_layer layer = {
		.fd = file,
		.type = "CL_TYPE_PDF",
		.data = bytes,
		.size = SIZE,
		.level = 1,
	};

	return layer;
}

/* The message, and the announcement of a part of it. */
static void
begin_mail(void)
{
	assert_false(attachments_begin(&parts, &message));
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
}

static struct key
key_of(const struct attachments_layer *layer)
{
	attachments_init(&parts, &plan);
	begin_mail();
	asked.count = 0;
	attachments_begin(&parts, layer);
	assert_int_equal(1, asked.count);
	return asked.key;
}

static void
test_parts_part_of_a_mail_is_asked_about(void **state)
{
	struct attachments_layer layer = attachment();

	(void)state;
	asked.answer = true;
	begin_mail();
	assert_true(attachments_begin(&parts, &layer));
	assert_int_equal(1, asked.count);
	assert_int_equal(SIZE, asked.size);
	attachments_end(&parts, 0);
	/* And so is the next. */
	asked.answer = false;
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
	assert_false(attachments_begin(&parts, &layer));
	assert_int_equal(2, asked.count);
	attachments_end(&parts, 0);
	attachments_end(&parts, 0);
	assert_true(attachments_whole(&parts));
}

static void
test_parts_key_is_of_bytes_type_and_engine(void **state)
{
	struct attachments_layer layer = attachment();
	struct key first = key_of(&layer), again = key_of(&layer), key;

	(void)state;
	assert_memory_equal(&first, &again, sizeof first);
	bytes[SIZE - 1] ^= 1;
	key = key_of(&layer);
	assert_memory_not_equal(&first, &key, sizeof first);
	bytes[SIZE - 1] ^= 1;
	layer.type = "CL_TYPE_ZIP";
	key = key_of(&layer);
	assert_memory_not_equal(&first, &key, sizeof first);
	layer.type = "CL_TYPE_PDF";
	plan_for("", "1.4.6");
	key = key_of(&layer);
	assert_memory_not_equal(&first, &key, sizeof first);
}

/* Each differs from a mail's part in one thing. */
static void
test_parts_nothing_else_is_asked_about(void **state)
{
	const struct attachments_layer good = attachment();
	struct attachments_layer layers[] = {
		good,
		good,
		good,
		good,
		good,
		good,
		good,
	};
	size_t i;

	(void)state;
	layers[0].fd = -1;         /* a stretch of memory */
	layers[1].size = SIZE - 1; /* of a file */
	layers[2].level = 2;
	layers[3].attributes = 1; /* normalized */
	layers[4].data = NULL;
	layers[5].fd = STDIN_FILENO;
	layers[6].level = 0;
	for (i = 0; i < sizeof layers / sizeof *layers; i++) {
		attachments_init(&parts, &plan);
		assert_false(attachments_begin(&parts, &message));
		attachments_member(&parts, "CL_TYPE_MAIL", layers[i].size);
		attachments_begin(&parts, &layers[i]);
		assert_int_equal(0, asked.count);
	}
}

/* A message that is a disk image as well: its files are no parts of a mail. */
static void
test_parts_layer_that_was_not_announced_is_not_asked_about(void **state)
{
	struct attachments_layer layer = attachment();

	(void)state;
	begin_mail();
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	assert_int_equal(1, asked.count);
	attachments_begin(&parts, &layer); /* not announced again */
	attachments_end(&parts, 0);
	attachments_member(&parts, "CL_TYPE_ISO9660", SIZE);
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	attachments_member(&parts, NULL, SIZE);
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE + 1);
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
	attachments_member(&parts, "CL_TYPE_ISO9660", SIZE);
	attachments_begin(&parts, &layer);
	assert_int_equal(1, asked.count);
}

/* A mail in a mail: its parts are at depth 2. */
static void
test_parts_part_of_an_inner_mail_is_not_asked_about(void **state)
{
	struct attachments_layer inner = attachment(), layer = attachment();

	(void)state;
	inner.type = "CL_TYPE_MAIL";
	layer.level = 2;
	assert_false(attachments_begin(&parts, &message));
	attachments_begin(&parts, &inner);
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
	attachments_begin(&parts, &layer);
	assert_int_equal(0, asked.count);
}

static void
test_parts_message_that_is_no_mail_has_no_parts(void **state)
{
	struct attachments_layer other = message, layer = attachment();

	(void)state;
	other.type = "CL_TYPE_TEXT_ASCII";
	attachments_begin(&parts, &other);
	attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	attachments_end(&parts, 0);
	assert_int_equal(0, asked.count);
	assert_false(attachments_whole(&parts));
}

static void
test_parts_small_part_is_not_asked_about(void **state)
{
	struct attachments_layer layer = attachment();

	(void)state;
	layer.size = ATTACHMENTS_SIZE_MIN - 1;
	assert_int_equal(0, ftruncate(file, (off_t)layer.size));
	attachments_begin(&parts, &message);
	attachments_member(&parts, "CL_TYPE_MAIL", layer.size);
	attachments_begin(&parts, &layer);
	assert_int_equal(0, asked.count);
}

static void
test_parts_so_many_are_asked_about_and_no_more(void **state)
{
	struct attachments_layer layer = attachment();
	unsigned i;

	(void)state;
	attachments_begin(&parts, &message);
	for (i = 0; i < WIRE_ATTACHMENTS_MAX + 5; i++) {
		attachments_member(&parts, "CL_TYPE_MAIL", SIZE);
		attachments_begin(&parts, &layer);
		attachments_end(&parts, 0);
	}
	assert_int_equal(WIRE_ATTACHMENTS_MAX, asked.count);
}

static void
test_parts_other_versions_of_libclamav_are_not_trusted(void **state)
{
	static const char *const versions[] = {
		"1.0.9",
		"1.5.0",
		"1.40.0",
		"2.1.4.",
		"",
	};
	struct attachments_layer layer = attachment();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof versions / sizeof *versions; i++) {
		plan_for("", versions[i]);
		attachments_init(&parts, &plan);
		begin_mail();
		assert_false(attachments_begin(&parts, &layer));
	}
	assert_int_equal(0, asked.count);
}

/* The message with count - 1 layers of SIZE, one of which ends with error. */
static bool
whole_after(unsigned count, int error)
{
	struct attachments_layer layer = attachment();
	unsigned i;

	attachments_init(&parts, &plan);
	attachments_begin(&parts, &message);
	for (i = 1; i < count; i++) {
		attachments_begin(&parts, &layer);
		attachments_end(&parts, i == 1 ? error : 0);
	}
	attachments_end(&parts, 0);
	return attachments_whole(&parts);
}

static void
test_parts_scan_with_a_failed_layer_is_not_whole(void **state)
{
	(void)state;
	assert_true(whole_after(3, 0));
	assert_false(whole_after(3, 14));
}

static void
test_parts_scan_with_a_layer_that_did_not_end_is_not_whole(void **state)
{
	struct attachments_layer layer = attachment();

	(void)state;
	attachments_begin(&parts, &message);
	attachments_begin(&parts, &layer);
	attachments_end(&parts, 0);
	assert_false(attachments_whole(&parts));
	attachments_end(&parts, 0);
	assert_true(attachments_whole(&parts));
	attachments_end(&parts, 0);
	assert_false(attachments_whole(&parts));
}

static void
test_parts_scan_near_a_limit_is_not_whole(void **state)
{
	(void)state;
	plan_for("engine { max_files = 20 }", "1.4.6");
	assert_true(whole_after(10, 0));
	assert_false(whole_after(11, 0));
	plan_for("engine { max_scan_size = \"64K\" max_file_size = \"64K\" }",
	    "1.4.6");
	assert_true(whole_after(32768 / SIZE, 0));
	assert_false(whole_after(32768 / SIZE + 1, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_file, close_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parts_part_of_a_mail_is_asked_about),
		TEST(test_parts_key_is_of_bytes_type_and_engine),
		TEST(test_parts_nothing_else_is_asked_about),
		TEST(
		    test_parts_layer_that_was_not_announced_is_not_asked_about),
		TEST(test_parts_part_of_an_inner_mail_is_not_asked_about),
		TEST(test_parts_message_that_is_no_mail_has_no_parts),
		TEST(test_parts_small_part_is_not_asked_about),
		TEST(test_parts_so_many_are_asked_about_and_no_more),
		TEST(test_parts_other_versions_of_libclamav_are_not_trusted),
		TEST(test_parts_scan_with_a_failed_layer_is_not_whole),
		TEST(
		    test_parts_scan_with_a_layer_that_did_not_end_is_not_whole),
		TEST(test_parts_scan_near_a_limit_is_not_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
