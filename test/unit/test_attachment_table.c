/* test_attachment_table - who may make a part known, to whom, and for how long
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "config/config.h"
#include "scan/attachment_table.h"
#include "support.h"

#define TTL (10 * MONOTIME_S)
#define NOW (1000 * MONOTIME_S)

static struct config *config;
static struct attachment_table *set;
static struct attachment_list one, other; /* two scans */

static void
open_with(const char *settings)
{
	config = support_config(settings);
	set = attachment_table_create(config);
	memset(&one, 0, sizeof one);
	memset(&other, 0, sizeof other);
	one.worker = attachment_table_worker(set);
	other.worker = attachment_table_worker(set);
	assert_int_not_equal(one.worker, other.worker);
}

static int
open_set(void **state)
{
	(void)state;
	open_with("cache { attachments = 4 attachment_ttl = 10s }");
	return 0;
}

static int
close_set(void **state)
{
	(void)state;
	attachment_table_destroy(&set);
	assert_null(set);
	config_destroy(&config);
	return 0;
}

/* Keys are told apart by a number. */
static enum attachment_answer
ask_at(struct attachment_list *list, unsigned n, bool patient, int64_t now)
{
	struct key key = { { 0 } };

	memcpy(key.bytes, &n, sizeof n);
	return attachment_table_ask(set, list, &key, patient, now);
}

static enum attachment_answer
ask(struct attachment_list *list, unsigned n)
{
	return ask_at(list, n, true, NOW);
}

static void
vouch(struct attachment_list *list, unsigned n)
{
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(list, n));
	attachment_table_end(set, list, true, NOW);
}

static void
test_table_part_of_a_clean_scan_becomes_known_at_its_end(void **state)
{
	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN,
	    ask(&one, 1)); /* twice in a mail */
	attachment_table_end(set, &one, true, NOW);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
	assert_int_equal(ATTACHMENT_KNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 2));
}

static void
test_table_part_of_any_other_scan_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	attachment_table_end(set, &one, false, NOW);
	assert_int_equal(0, attachment_table_size(set));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 1));
}

/* What was known before an infected mail had it stays known. */
static void
test_table_unclean_scan_takes_nothing_from_others(void **state)
{
	(void)state;
	vouch(&one, 1);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 2));
	attachment_table_end(set, &other, false, NOW);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&one, 1));
}

static void
test_table_part_in_work_has_others_wait_or_scan(void **state)
{
	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_BUSY, ask(&other, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask_at(&other, 1, false, NOW));
	assert_int_equal(0, other.count);
	attachment_table_end(set, &one, true, NOW);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
}

static void
test_table_nobody_waits_where_one_has_waited_in_vain(void **state)
{
	struct attachment_list third = { .worker = attachment_table_worker(
					     set) };

	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_BUSY, ask(&other, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask_at(&other, 1, false, NOW));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&third, 1));
	attachment_table_end(set, &one, false, NOW);
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&third, 1));
	assert_int_equal(ATTACHMENT_BUSY, ask(&other, 1));
	attachment_table_end(set, &third, false, NOW);
}

static void
test_table_no_two_scans_wait_for_each_other(void **state)
{
	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 2));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 2));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 1));
	/* Each vouches for what it was the first to ask about. */
	attachment_table_end(set, &one, true, NOW);
	attachment_table_end(set, &other, false, NOW);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 2));
}

static void
test_table_part_is_forgotten_in_time_however_often_used(void **state)
{
	(void)state;
	vouch(&one, 1);
	assert_int_equal(ATTACHMENT_KNOWN,
	    ask_at(&other, 1, true, NOW + TTL / 2));
	assert_int_equal(ATTACHMENT_KNOWN,
	    ask_at(&other, 1, true, NOW + TTL - 1));
	assert_int_equal(ATTACHMENT_UNKNOWN,
	    ask_at(&other, 1, true, NOW + TTL));
}

/* A part in work is not too old, whatever the time. */
static void
test_table_part_in_work_does_not_age(void **state)
{
	(void)state;
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	assert_int_equal(ATTACHMENT_BUSY,
	    ask_at(&other, 1, true, NOW + 2 * TTL));
	attachment_table_end(set, &one, true, NOW + 2 * TTL);
	assert_int_equal(ATTACHMENT_KNOWN,
	    ask_at(&other, 1, true, NOW + 3 * TTL - 1));
}

static void
test_table_revoked_worker_vouched_for_nothing(void **state)
{
	(void)state;
	vouch(&one, 1);
	vouch(&other, 2);
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 3));
	attachment_table_revoke(set, one.worker);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&one, 2));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
	/* What another one has in work stays so. */
	attachment_table_end(set, &other, true, NOW);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&one, 3));
}

static void
test_table_full_forgets_what_was_used_longest_ago(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1; n <= 4; n++)
		vouch(&one, n);
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
	vouch(&one, 5);
	assert_int_equal(4, attachment_table_size(set));
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 1));
	assert_int_equal(ATTACHMENT_KNOWN, ask(&other, 5));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 2));
}

/* A scan that asks for more than there is room drives out its own. */
static void
test_table_part_driven_out_of_work_is_not_kept(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1; n <= 6; n++)
		assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, n));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 1));
	attachment_table_end(set, &one, true, NOW);
	assert_int_equal(ATTACHMENT_BUSY, ask(&one, 1));
	assert_int_equal(ATTACHMENT_KNOWN, ask(&one, 6));
	attachment_table_end(set, &other, false, NOW);
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, 1));
}

static void
test_table_one_scan_vouches_for_so_many_parts_only(void **state)
{
	unsigned n;

	(void)state;
	close_set(NULL);
	open_with("cache { attachments = 1000 }");
	for (n = 0; n < 2 * WIRE_ATTACHMENTS_MAX; n++)
		assert_int_equal(ATTACHMENT_UNKNOWN, ask(&one, n));
	attachment_table_end(set, &one, true, NOW);
	assert_int_equal(WIRE_ATTACHMENTS_MAX, attachment_table_size(set));
	assert_int_equal(ATTACHMENT_KNOWN,
	    ask(&other, WIRE_ATTACHMENTS_MAX - 1));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, WIRE_ATTACHMENTS_MAX));
}

static void
test_table_of_no_entries_knows_nothing(void **state)
{
	(void)state;
	close_set(NULL);
	open_with("cache { attachments = 0 }");
	vouch(&one, 1);
	assert_int_equal(0, attachment_table_size(set));
	assert_int_equal(ATTACHMENT_UNKNOWN, ask(&other, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_set, close_set)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table_part_of_a_clean_scan_becomes_known_at_its_end),
		TEST(test_table_part_of_any_other_scan_is_forgotten),
		TEST(test_table_unclean_scan_takes_nothing_from_others),
		TEST(test_table_part_in_work_has_others_wait_or_scan),
		TEST(test_table_nobody_waits_where_one_has_waited_in_vain),
		TEST(test_table_no_two_scans_wait_for_each_other),
		TEST(test_table_part_is_forgotten_in_time_however_often_used),
		TEST(test_table_part_in_work_does_not_age),
		TEST(test_table_revoked_worker_vouched_for_nothing),
		TEST(test_table_full_forgets_what_was_used_longest_ago),
		TEST(test_table_part_driven_out_of_work_is_not_kept),
		TEST(test_table_one_scan_vouches_for_so_many_parts_only),
		TEST(test_table_of_no_entries_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
