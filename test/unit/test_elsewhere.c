/* test_elsewhere - a mail that the former process scans is not scanned by both
 *
 * Two scanners, the former and the one that it hands over to, each before an
 * engine of its own that was taken over (fake_engine.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "config/config.h"
#include "fake_engine.h"
#include "ledger/row.h"
#include "scan/scanner.h"
#include "support.h"

#define FIRST "0123456789abcdef"
#define SECOND "fedcba9876543210"
#define PATIENCE (20 * MONOTIME_S)

#define MAIL "mail"

struct side {
	char directory[32];
	struct config *config;
	struct engines *engines;
	struct fake_engine engine;
	bool has_engine;
	struct scanner *scanner;
};

static struct side former, next;
static sem_t gate;           /* a scan of the former ends */
static bool former_fails;    /* then it has no verdict */
static atomic_uint scanned;  /* by next */
static atomic_uint settled;  /* told by next */
static atomic_uint contents; /* that are not released */

static void
scan_former(int worker, const struct wire_message *job, const char *mail)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	(void)mail;
	while (sem_wait(&gate) < 0)
		continue;
	if (former_fails)
		result.status = VERDICT_LATE;
	fake_send(worker, &result, -1);
}

static void
scan_next(int worker, const struct wire_message *job, const char *mail)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	(void)mail;
	atomic_fetch_add(&scanned, 1);
	fake_send(worker, &result, -1);
}

static const struct fake_plan former_plan = { .scan = scan_former };
static const struct fake_plan next_plan = { .scan = scan_next };

static void
count_settled(void *context)
{
	(void)context;
	atomic_fetch_add(&settled, 1);
}

static void
open_side(struct side *side)
{
	char text[128];
	struct error err;

	memset(side, 0, sizeof *side);
	support_make_directory(side->directory);
	snprintf(text, sizeof text,
	    "state_directory = \"%s\"\n"
	    "engine { workers = 1 background = 1 }\n",
	    side->directory);
	side->config = support_config(text);
	side->engines = engines_create(NULL);
	if (scanner_create(side->config, side->engines, &side->scanner, &err) !=
	    ERROR_NONE)
		fail_msg("%s", err.text);
	scanner_on_settled(side->scanner, count_settled, NULL);
}

static void
publish(struct side *side, const char *name, const struct fake_plan *plan)
{
	fake_engine_start(&side->engine, side->engines, name, plan);
	side->has_engine = true;
	scanner_engine_changed(side->scanner);
}

static void
close_side(struct side *side)
{
	char command[64];

	scanner_destroy(&side->scanner);
	engines_destroy(&side->engines);
	config_destroy(&side->config);
	if (side->has_engine)
		fake_engine_join(&side->engine);
	snprintf(command, sizeof command, "rm -r %s", side->directory);
	assert_int_equal(system(command), 0);
}

static int
setup(void **state)
{
	(void)state;
	sem_init(&gate, 0, 0);
	former_fails = false;
	scanned = settled = contents = 0;
	open_side(&former);
	open_side(&next);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	sem_post(&gate);
	close_side(&former);
	close_side(&next);
	assert_int_equal(contents, 0);
	sem_destroy(&gate);
	return 0;
}

static void
release(void *owner)
{
	int *fd = owner;

	close(*fd);
	free(fd);
	atomic_fetch_sub(&contents, 1);
}

static struct key
envelope_of(unsigned char number)
{
	struct key envelope = { .bytes = { number } };

	return envelope;
}

static struct ticket *
submit(struct side *side, unsigned char envelope)
{
	struct scan_request request = {
		.key = { .bytes = MAIL },
		.envelope = envelope_of(envelope),
		.patience = 60 * MONOTIME_S,
	};
	struct ticket *ticket;
	struct error err;
	int *fd = malloc(sizeof *fd);

	assert_non_null(fd);
	assert_int_equal(fd_memory("mail", fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(*fd, MAIL, strlen(MAIL), 0, &err),
	    ERROR_NONE);
	atomic_fetch_add(&contents, 1);
	request.content.fd = *fd;
	request.content.size = strlen(MAIL);
	request.content.release = release;
	request.content.owner = fd;
	if (scanner_submit(side->scanner, &request, &ticket, &err) !=
	    ERROR_NONE)
		fail_msg("%s", err.text);
	return ticket;
}

static void
defer(struct side *side, unsigned char envelope)
{
	struct row_try try = {
		.envelope = envelope_of(envelope),
		.reason = "scan-running",
		.sender = "<a@example.org>",
	};
	struct key key = { .bytes = MAIL };

	scanner_defer(side->scanner, &key, &try);
}

static void
expect(struct ticket *ticket, const char *source, const char *generation)
{
	struct scan_outcome outcome;

	assert_true(ticket_wait(ticket, monotime_after(PATIENCE), &outcome));
	assert_int_equal(outcome.verdict.kind, VERDICT_CLEAN);
	assert_string_equal(scan_source_name(outcome.source), source);
	assert_string_equal(outcome.generation, generation);
	ticket_close(&ticket);
}

static void
expect_waiting(struct ticket *ticket)
{
	struct scan_outcome outcome;

	assert_false(ticket_wait(ticket, 0, &outcome));
	assert_int_equal(ticket_source(ticket), SCAN_SOURCE_JOINED);
}

/* As handover.c, without a socket. */
static void
pass_row(void *context, const struct row *row)
{
	unsigned char parcel[ROW_PACKED_MAX];
	size_t len = row_pack(row, parcel);
	struct row other;

	(void)context;
	assert_true(row_unpack(parcel, len, &other));
	scanner_inherit(next.scanner, &other);
	row_fini(&other);
}

static void
pass_scans(void *context, const struct row_scans *scans)
{
	unsigned char parcel[ROW_PACKED_MAX];
	size_t len = row_pack_scans(scans, parcel);
	struct row_scans other;
	struct row row;

	(void)context;
	assert_false(row_unpack(parcel, len, &row));
	assert_true(row_unpack_scans(parcel, len, &other));
	scanner_inherit_scans(next.scanner, &other);
}

static void
hand_over(void)
{
	const struct scanner_heir heir = {
		.row = pass_row,
		.scans = pass_scans,
	};

	scanner_hand_over(former.scanner, &heir, monotime_after(PATIENCE));
}

/* The former scans a mail, and says so. */
static struct ticket *
begin(const char *former_name, const char *next_name)
{
	struct ticket *ticket;

	publish(&former, former_name, &former_plan);
	ticket = submit(&former, 1);
	hand_over();
	publish(&next, next_name, &next_plan);
	return ticket;
}

static void
test_retry_has_the_verdict_of_the_former(void **state)
{
	struct ticket *ticket = begin(FIRST, SECOND), *retry;

	(void)state;
	defer(&former, 1);
	ticket_close(&ticket);
	retry = submit(&next, 1);
	expect_waiting(retry);
	sem_post(&gate);
	expect(retry, "joined", FIRST);
	assert_int_equal(scanned, 0);
}

/* Others, too, where the signatures are the same. */
static void
test_verdict_of_the_same_generation_answers_everybody(void **state)
{
	struct ticket *ticket = begin(FIRST, FIRST), *other;

	(void)state;
	other = submit(&next, 2);
	expect_waiting(other);
	sem_post(&gate);
	expect(other, "joined", FIRST);
	expect(ticket, "scan", FIRST);
	assert_int_equal(scanned, 0);
}

/* An old verdict answers those only that the former has deferred. */
static void
test_other_envelope_is_scanned_with_the_newer_signatures(void **state)
{
	struct ticket *ticket = begin(FIRST, SECOND), *retry, *other;

	(void)state;
	defer(&former, 1);
	ticket_close(&ticket);
	other = submit(&next, 2);
	retry = submit(&next, 1);
	expect_waiting(other);
	sem_post(&gate);
	expect(retry, "joined", FIRST);
	expect(other, "scan", SECOND);
	assert_int_equal(scanned, 1);
}

static void
test_scan_that_begins_after_the_takeover_is_joined(void **state)
{
	struct ticket *ticket, *retry;

	(void)state;
	publish(&former, FIRST, &former_plan);
	hand_over();
	publish(&next, FIRST, &next_plan);
	ticket = submit(&former, 1);
	retry = submit(&next, 1);
	expect_waiting(retry);
	sem_post(&gate);
	expect(retry, "joined", FIRST);
	expect(ticket, "scan", FIRST);
}

/* All who have joined share the one scan of their own. */
static void
test_scan_that_fails_in_the_former_is_done_by_the_next(void **state)
{
	struct ticket *ticket, *retry, *other;

	(void)state;
	former_fails = true;
	ticket = begin(FIRST, FIRST);
	retry = submit(&next, 1);
	other = submit(&next, 2);
	expect_waiting(retry);
	sem_post(&gate);
	expect(retry, "scan", FIRST);
	expect(other, "joined", FIRST);
	assert_int_equal(scanned, 1);
	ticket_close(&ticket);
}

static void
test_mail_is_scanned_when_the_former_has_gone(void **state)
{
	struct ticket *ticket = begin(FIRST, FIRST), *retry;

	(void)state;
	retry = submit(&next, 1);
	expect_waiting(retry);
	scanner_inherit_end(next.scanner);
	expect(retry, "scan", FIRST);
	assert_int_equal(scanned, 1);
	ticket_close(&ticket);
}

/* Its content isn't kept, and nothing is queued for it. */
static void
test_retry_that_has_left_leaves_nothing(void **state)
{
	struct ticket *ticket = begin(FIRST, FIRST), *retry;

	(void)state;
	retry = submit(&next, 1);
	defer(&next, 1);
	ticket_close(&retry);
	assert_int_equal(contents, 1);
	scanner_inherit_end(next.scanner);
	assert_true(scanner_is_idle(next.scanner));
	expect(submit(&next, 1), "scan", FIRST);
	ticket_close(&ticket);
}

static void
test_scan_of_its_own_is_no_concern_of_the_former(void **state)
{
	struct ticket *own, *ticket;

	(void)state;
	own = submit(&next, 1);
	publish(&former, FIRST, &former_plan);
	ticket = submit(&former, 1);
	hand_over();
	sem_post(&gate);
	expect(ticket, "scan", FIRST);
	assert_false(scanner_is_idle(next.scanner));
	publish(&next, SECOND, &next_plan);
	expect(own, "scan", SECOND);
}

/* The engine that comes next is not the former's. */
static void
test_former_without_an_engine_leaves_its_mail_to_the_next(void **state)
{
	struct ticket *ticket = submit(&former, 1), *retry;
	struct scan_outcome outcome;

	(void)state;
	hand_over();
	retry = submit(&next, 1);
	assert_true(ticket_wait(ticket, monotime_after(PATIENCE), &outcome));
	assert_string_equal(outcome.verdict.name, "no-engine");
	ticket_close(&ticket);
	publish(&next, FIRST, &next_plan);
	expect(retry, "scan", FIRST);
}

/* Held mail: nobody blocks in ticket_wait(). */
static void
test_watched_ticket_is_told_of_both_ends(void **state)
{
	struct ticket *ticket = begin(FIRST, FIRST), *held;
	int64_t until = monotime_after(PATIENCE);
	struct scan_outcome outcome;

	(void)state;
	held = submit(&next, 1);
	ticket_watch(held);
	assert_int_equal(settled, 0);
	scanner_inherit_end(next.scanner);
	assert_int_equal(settled, 1);
	if (!ticket_wait(held, 0, &outcome))
		while (settled < 2) {
			assert_true(monotime_now() < until);
			usleep(1000);
		}
	assert_true(ticket_wait(held, 0, &outcome));
	ticket_close(&held);
	ticket_close(&ticket);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_retry_has_the_verdict_of_the_former),
		TEST(test_verdict_of_the_same_generation_answers_everybody),
		TEST(test_other_envelope_is_scanned_with_the_newer_signatures),
		TEST(test_scan_that_begins_after_the_takeover_is_joined),
		TEST(test_scan_that_fails_in_the_former_is_done_by_the_next),
		TEST(test_mail_is_scanned_when_the_former_has_gone),
		TEST(test_retry_that_has_left_leaves_nothing),
		TEST(test_scan_of_its_own_is_no_concern_of_the_former),
		TEST(test_former_without_an_engine_leaves_its_mail_to_the_next),
		TEST(test_watched_ticket_is_told_of_both_ends),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
