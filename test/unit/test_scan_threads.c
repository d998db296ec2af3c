/* test_scan_threads - what misbehaves costs its own message, and no other
 *
 * The scanner with its threads, before an engine and workers that were taken
 * over (fake_engine.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "config/config.h"
#include "fake_engine.h"
#include "scan/scanner.h"
#include "support.h"

#define FIRST "0123456789abcdef"
#define SECOND "fedcba9876543210"
#define PATIENCE (20 * MONOTIME_S)

/* A mail says what its worker does with it. */
static void
scan(int worker, const struct wire_message *job, const char *mail)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	if (strncmp(mail, "nonsense", 8) == 0)
		result.status = VERDICT_LATE;
	if (strncmp(mail, "claim", 5) == 0)
		result.value = 1000000 * MONOTIME_S;
	if (strncmp(mail, "hang", 4) != 0)
		fake_send(worker, &result, -1);
}

static void
spawn_nonsense(int slot)
{
	struct wire_message nonsense = wire_make(WIRE_LISTENING);

	fake_send(slot, &nonsense, -1);
}

static const struct fake_plan honest = { .scan = scan };
static const struct fake_plan insane = { .spawn = spawn_nonsense };
static const struct fake_plan dying = { .scan = scan, .dies = true };

struct fixture {
	char directory[32];
	struct config *config;
	struct engines *engines;
	struct scanner *scanner;
};

static void
begin(struct fixture *f)
{
	char text[256];
	struct error err;

	support_make_directory(f->directory);
	snprintf(text, sizeof text,
	    "state_directory = \"%s\"\n"
	    "engine { workers = 1 background = 1 }\n"
	    "deadline { scan_cpu = \"2s\" scan_wall = \"2s\" failures = 2 }\n",
	    f->directory);
	f->config = support_config(text);
	f->engines = engines_create(NULL);
	if (scanner_create(f->config, f->engines, &f->scanner, &err) !=
	    ERROR_NONE)
		fail_msg("%s", err.text);
}

static void
publish(struct fixture *f, struct fake_engine *engine, const char *name,
    const struct fake_plan *plan)
{
	fake_engine_start(engine, f->engines, name, plan);
	scanner_engine_changed(f->scanner);
}

static void
end(struct fixture *f)
{
	char command[64];

	scanner_destroy(&f->scanner);
	engines_destroy(&f->engines);
	config_destroy(&f->config);
	snprintf(command, sizeof command, "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
}

static void
release(void *owner)
{
	int *fd = owner;

	close(*fd);
	free(fd);
}

/* Its text is also its key. */
static struct ticket *
submit(struct fixture *f, const char *mail)
{
	struct scan_request request = { .patience = 60 * MONOTIME_S };
	struct ticket *ticket;
	struct error err;
	int *fd = malloc(sizeof *fd);

	assert_non_null(fd);
	assert_int_equal(fd_memory("mail", fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(*fd, mail, strlen(mail), 0, &err),
	    ERROR_NONE);
	memcpy(request.key.bytes, mail, strlen(mail));
	request.content.fd = *fd;
	request.content.size = strlen(mail);
	request.content.release = release;
	request.content.owner = fd;
	if (scanner_submit(f->scanner, &request, &ticket, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	return ticket;
}

static void
expect(struct ticket *ticket, const char *verdict, const char *source)
{
	struct scan_outcome outcome;

	assert_true(ticket_wait(ticket, monotime_after(PATIENCE), &outcome));
	assert_string_equal(verdict_kind_name(outcome.verdict.kind), verdict);
	assert_string_equal(scan_source_name(outcome.source), source);
	ticket_close(&ticket);
}

/* Waits until no engine is in service. */
static void
wait_lost(struct fixture *f)
{
	int64_t until = monotime_after(PATIENCE);

	for (;;) {
		struct engine *engine = engines_get(f->engines);

		if (engine == NULL)
			return;
		engines_put(f->engines, &engine);
		assert_true(monotime_now() < until);
		usleep(1000);
	}
}

/* The mail is not to blame either: it is neither kept nor counted against
 * it. */
static void
test_worker_that_talks_nonsense_costs_its_message(void **state)
{
	struct fake_engine engine;
	struct fixture f;

	(void)state;
	begin(&f);
	publish(&f, &engine, FIRST, &honest);
	for (int i = 0; i < 3; i++) {
		char good[32];

		snprintf(good, sizeof good, "good %d", i);
		expect(submit(&f, "nonsense"), "error", "scan");
		expect(submit(&f, good), "clean", "scan");
	}
	expect(submit(&f, "good 0"), "clean", "cache");
	end(&f);
	fake_engine_join(&engine);
}

static void
test_worker_that_claims_much_time_delays_nobody(void **state)
{
	struct ticket *hanging, *waiting, *last;
	struct fake_engine engine;
	struct fixture f;

	(void)state;
	begin(&f);
	publish(&f, &engine, FIRST, &honest);
	expect(submit(&f, "claim"), "clean", "scan");
	hanging = submit(&f, "hang");
	waiting = submit(&f, "wait1");
	last = submit(&f, "wait2");
	assert_false(ticket_is_hopeless(waiting));
	assert_false(ticket_is_hopeless(last));
	assert_false(scanner_is_overloaded(f.scanner, "<a@example.org>",
	    60 * MONOTIME_S));
	expect(waiting, "clean", "scan");
	expect(last, "clean", "scan");
	expect(hanging, "error", "scan");
	end(&f);
	fake_engine_join(&engine);
}

static void
test_engine_that_talks_nonsense_costs_what_it_had(void **state)
{
	struct fake_engine first, second;
	struct fixture f;

	(void)state;
	begin(&f);
	publish(&f, &first, FIRST, &insane);
	wait_lost(&f);
	publish(&f, &second, SECOND, &honest);
	expect(submit(&f, "good"), "clean", "scan");
	end(&f);
	fake_engine_join(&first);
	fake_engine_join(&second);
}

/* Its worker isn't niced down, as that of a slow mail would be. */
static void
test_mail_whose_engine_went_stays_as_urgent_as_it_was(void **state)
{
	struct fake_engine first, second;
	struct ticket *ticket;
	struct fixture f;

	(void)state;
	begin(&f);
	ticket = submit(&f, "good");
	publish(&f, &first, FIRST, &dying);
	wait_lost(&f);
	publish(&f, &second, SECOND, &honest);
	expect(ticket, "clean", "scan");
	end(&f);
	fake_engine_join(&first);
	fake_engine_join(&second);
	assert_int_equal(first.spawned, 1);
	assert_int_equal(second.niced, 0);
}

#define ENGINES 20

/* The mail is told an error, never clean; and the next mail is scanned. */
static void
test_mail_that_no_engine_lives_to_scan_ends(void **state)
{
	struct fake_engine engines[ENGINES], last;
	struct scan_outcome outcome;
	struct ticket *ticket;
	struct fixture f;
	size_t used = 0;

	(void)state;
	begin(&f);
	ticket = submit(&f, "good");
	for (; used < ENGINES; used++) {
		publish(&f, &engines[used], FIRST, &dying);
		wait_lost(&f);
		if (ticket_wait(ticket, monotime_after(MONOTIME_S / 5),
			&outcome))
			break;
	}
	assert_true(used > 1);
	assert_true(used < ENGINES);
	assert_int_equal(outcome.verdict.kind, VERDICT_ERROR);
	assert_string_equal(outcome.verdict.name, "no-worker");
	ticket_close(&ticket);
	publish(&f, &last, SECOND, &honest);
	expect(submit(&f, "good"), "clean", "scan");
	end(&f);
	for (size_t i = 0; i <= used; i++)
		fake_engine_join(&engines[i]);
	fake_engine_join(&last);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_worker_that_talks_nonsense_costs_its_message),
		cmocka_unit_test(
		    test_worker_that_claims_much_time_delays_nobody),
		cmocka_unit_test(
		    test_engine_that_talks_nonsense_costs_what_it_had),
		cmocka_unit_test(
		    test_mail_whose_engine_went_stays_as_urgent_as_it_was),
		cmocka_unit_test(test_mail_that_no_engine_lives_to_scan_ends),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
