/* test_engines - which engine generation is in service, and until when
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

#include "base/fd.h"
#include "base/seqpacket.h"
#include "scan/engines.h"
#include "wire/wire.h"
#include "support.h"

#define OLD "0123456789abcdef"
#define NEW "fedcba9876543210"

/* Publishes a generation; returns the engine's end of its link. */
static int
publish_process(struct engines *engines, const char *name, uint64_t serial)
{
	struct error err;
	int pair[2];

	assert_int_equal(seqpacket_pair(pair, &err), ERROR_NONE);
	engines_publish(engines, pair[0], name, serial);
	return pair[1];
}

static int
publish(struct engines *engines, const char *name)
{
	return publish_process(engines, name, 7);
}

static bool
is_closed(int link)
{
	char byte;

	return seqpacket_recv(link, &byte, 1, NULL, 0, NULL) == ERROR_GONE;
}

static void
test_engines_none_is_in_service_at_first(void **state)
{
	struct engines *engines = engines_create(NULL);

	(void)state;
	assert_null(engines_get(engines));
	engines_destroy(&engines);
	assert_null(engines);
}

static void
test_engines_newest_is_current_and_the_old_lives_until_put(void **state)
{
	struct engines *engines = engines_create(NULL);
	int old_link = publish(engines, OLD), new_link;
	struct engine *old = engines_get(engines), *new;

	(void)state;
	assert_string_equal(engine_name(old), OLD);
	assert_true(engines_is_current(engines, old));
	new_link = publish(engines, NEW);
	assert_false(engines_is_current(engines, old));
	assert_string_equal(engine_name(old), OLD);
	assert_false(is_closed(old_link));
	new = engines_get(engines);
	assert_string_equal(engine_name(new), NEW);
	engines_put(engines, &old);
	assert_null(old);
	assert_true(is_closed(old_link));
	engines_put(engines, &new);
	assert_false(is_closed(new_link));
	engines_destroy(&engines);
	assert_true(is_closed(new_link));
	fd_close(&old_link);
	fd_close(&new_link);
}

static void
test_engines_unused_one_ends_when_the_next_is_published(void **state)
{
	struct engines *engines = engines_create(NULL);
	int old_link = publish(engines, OLD);
	int new_link = publish(engines, NEW);

	(void)state;
	assert_true(is_closed(old_link));
	assert_false(is_closed(new_link));
	engines_destroy(&engines);
	fd_close(&old_link);
	fd_close(&new_link);
}

/* What the supervisor was told. */
struct report {
	unsigned count;
	char name[ENGINE_NAME_SIZE];
	uint64_t serial;
};

static void
note(void *context, const char *name, uint64_t serial)
{
	struct report *report = context;

	report->count++;
	report->serial = serial;
	strcpy(report->name, name);
}

static void
test_engines_lost_one_is_out_of_service_and_told_once(void **state)
{
	struct report report = { 0 };
	struct engines *engines = engines_create(
	    &(struct engines_reports){ .lost = note, .context = &report });
	int link = publish(engines, OLD), next;
	struct engine *engine = engines_get(engines), *current;

	(void)state;
	engines_lost(engines, engine);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.name, OLD);
	assert_null(engines_get(engines));
	assert_false(engines_is_current(engines, engine));
	engines_lost(engines, engine);
	next = publish(engines, NEW);
	engines_lost(engines, engine);
	assert_int_equal(report.count, 1);
	current = engines_get(engines);
	assert_string_equal(engine_name(current), NEW);
	engines_put(engines, &current);
	assert_false(is_closed(link));
	engines_put(engines, &engine);
	assert_true(is_closed(link));
	engines_destroy(&engines);
	fd_close(&link);
	fd_close(&next);
}

/* An engine that died is started again with the same signatures. */
static void
test_engines_of_one_name_are_told_apart(void **state)
{
	struct report report = { 0 };
	struct engines *engines = engines_create(
	    &(struct engines_reports){ .released = note, .context = &report });
	int links[2];

	(void)state;
	links[0] = publish_process(engines, OLD, 1);
	links[1] = publish_process(engines, OLD, 2);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.serial, 1);
	engines_withdraw(engines, 1);
	assert_false(is_closed(links[1]));
	engines_destroy(&engines);
	assert_int_equal(report.serial, 2);
	fd_close(&links[0]);
	fd_close(&links[1]);
}

static void
test_engines_withdrawn_one_lives_until_its_last_scan(void **state)
{
	struct report report = { 0 };
	struct engines *engines = engines_create(
	    &(struct engines_reports){ .lost = note,
		.released = note,
		.context = &report });
	int link = publish(engines, OLD);
	struct engine *engine = engines_get(engines);

	(void)state;
	engines_withdraw(engines, 7);
	assert_null(engines_get(engines));
	assert_false(engines_is_current(engines, engine));
	assert_false(is_closed(link));
	assert_int_equal(report.count, 0);
	engines_put(engines, &engine);
	assert_true(is_closed(link));
	assert_int_equal(report.count, 1);
	engines_destroy(&engines);
	fd_close(&link);
}

static void
test_engines_released_one_is_told_once_when_nobody_has_it(void **state)
{
	struct report report = { 0 };
	struct engines *engines = engines_create(
	    &(struct engines_reports){ .released = note, .context = &report });
	int old_link = publish(engines, OLD), new_link;
	struct engine *old = engines_get(engines);

	(void)state;
	new_link = publish(engines, NEW);
	assert_int_equal(report.count, 0);
	engines_put(engines, &old);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.name, OLD);
	engines_destroy(&engines);
	fd_close(&old_link);
	fd_close(&new_link);
}

static void
test_engine_slot_is_a_socket_that_the_engine_is_handed(void **state)
{
	struct engines *engines = engines_create(NULL);
	int link = publish(engines, OLD), slot, theirs;
	struct engine *engine = engines_get(engines);
	struct wire_message message = wire_make(WIRE_SPAWN);
	unsigned before = support_open_fds();
	struct error err;

	(void)state;
	assert_int_equal(engine_open_slot(engine, &slot, &err), ERROR_NONE);
	assert_int_equal(wire_send(slot, &message, -1, &err), ERROR_NONE);
	assert_int_equal(wire_recv(link, WIRE_ACCEPT(WIRE_SLOT), &message,
			     &theirs, 0, &err),
	    ERROR_NONE);
	assert_int_equal(wire_recv(theirs, WIRE_ACCEPT(WIRE_SPAWN), &message,
			     NULL, 0, &err),
	    ERROR_NONE);
	fd_close(&slot);
	fd_close(&theirs);
	assert_int_equal(support_open_fds(), before);
	fd_close(&link);
	assert_int_equal(engine_open_slot(engine, &slot, &err), ERROR_GONE);
	assert_int_equal(slot, -1);
	assert_int_equal(support_open_fds(), before - 1);
	engines_put(engines, &engine);
	engines_destroy(&engines);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engines_none_is_in_service_at_first),
		cmocka_unit_test(
		    test_engines_newest_is_current_and_the_old_lives_until_put),
		cmocka_unit_test(
		    test_engines_unused_one_ends_when_the_next_is_published),
		cmocka_unit_test(
		    test_engines_lost_one_is_out_of_service_and_told_once),
		cmocka_unit_test(test_engines_of_one_name_are_told_apart),
		cmocka_unit_test(
		    test_engines_withdrawn_one_lives_until_its_last_scan),
		cmocka_unit_test(
		    test_engines_released_one_is_told_once_when_nobody_has_it),
		cmocka_unit_test(
		    test_engine_slot_is_a_socket_that_the_engine_is_handed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
