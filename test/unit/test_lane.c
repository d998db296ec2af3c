/* test_lane - a worker or an engine that was taken over costs one message
 *
 * The real ones are tried in component/; here they misbehave on purpose.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "config/config.h"
#include "fake_engine.h"
#include "scan/lane.h"
#include "support.h"

#define NAME "0123456789abcdef"
#define GOOD "Subject: good\r\n\r\n"
#define BAD "Subject: bad\r\n\r\n"

/* --- what a worker says of a bad mail --- */

typedef void misbehave_function(int worker, const struct wire_message *job);

static _Atomic(misbehave_function *) misbehave;

/* The plan of most tests: a good mail is clean. */
static void
scan(int worker, const struct wire_message *job, const char *mail)
{
	struct wire_message clean = fake_result(job, VERDICT_CLEAN, "");
	misbehave_function *chosen = misbehave;

	if (strcmp(mail, GOOD) == 0)
		fake_send(worker, &clean, -1);
	else
		chosen(worker, job);
}

static void
claim(int worker, const struct wire_message *job, int kind, const char *name)
{
	struct wire_message result = fake_result(job, (enum verdict_kind)kind,
	    name);

	fake_send(worker, &result, -1);
}

static void
says_hello_again(int worker, const struct wire_message *job)
{
	struct wire_message hello = wire_make(WIRE_HELLO);

	(void)job;
	fake_send(worker, &hello, -1);
}

static void
answers_for_job(int worker, const struct wire_message *job, uint64_t id)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	result.id = id;
	fake_send(worker, &result, -1);
}

static void
answers_for_an_earlier_job(int worker, const struct wire_message *job)
{
	answers_for_job(worker, job, job->id - 1);
}

static void
answers_for_a_later_job(int worker, const struct wire_message *job)
{
	answers_for_job(worker, job, job->id + 1);
}

static void
says_clean_with_a_name(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_CLEAN, "Eicar-Test");
}

static void
says_infected_without_a_name(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_INFECTED, "");
}

static void
says_a_name_with_a_blank(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_INFECTED, "Eicar Test");
}

static void
says_a_name_that_is_a_field(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_INFECTED, "x,action=accept");
}

static void
says_a_name_that_is_too_long(int worker, const struct wire_message *job)
{
	char name[130];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	claim(worker, job, VERDICT_INFECTED, name);
}

static void
says_a_line_end(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_INFECTED, "x");

	strcpy(result.text, "x\nerror: y");
	fake_send(worker, &result, -1);
}

static void
says_text_without_end(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_INFECTED, "x");

	memset(result.text, 'x', sizeof result.text);
	fake_send(worker, &result, -1);
}

static void
says_late(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_LATE, "scan-running");
}

static void
says_unscannable(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_UNSCANNABLE, "x");
}

static void
says_an_unknown_verdict(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_KINDS, "x");
}

static void
says_a_negative_verdict(int worker, const struct wire_message *job)
{
	claim(worker, job, -1, "x");
}

static void
uses_the_reserved_field(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	result.reserved = 1;
	fake_send(worker, &result, -1);
}

static void
sends_a_descriptor(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	fake_send(worker, &result, worker);
}

static void
says_bytes(int worker, const struct wire_message *job, size_t len)
{
	struct wire_message twice[2] = {
		fake_result(job, VERDICT_CLEAN, ""),
		fake_result(job, VERDICT_CLEAN, ""),
	};
	enum error_code code = seqpacket_send(worker, twice, len, -1, NULL);

	(void)code;
}

static void
says_too_little(int worker, const struct wire_message *job)
{
	says_bytes(worker, job, sizeof *job - 1);
}

static void
says_too_much_at_once(int worker, const struct wire_message *job)
{
	says_bytes(worker, job, 2 * sizeof *job);
}

/* --- a lane on it --- */

struct fixture {
	struct config *config;
	struct engines *engines;
	struct fake_engine engine;
	struct lane *lane;
	int cancel;
	unsigned lost;
	unsigned fds;
};

static void
note_lost(void *context, const char *name, uint64_t serial)
{
	struct fixture *f = context;

	assert_string_equal(name, NAME);
	assert_int_equal(serial, 1);
	f->lost++;
}

static void
open_lane(struct fixture *f)
{
	struct error err;

	if (lane_open(f->engines, engines_get(f->engines), f->config, &f->lane,
		&err) != ERROR_NONE)
		fail_msg("%s", err.text);
}

static void
begin(struct fixture *f, const struct fake_plan *plan)
{
	struct engines_reports reports = { .lost = note_lost, .context = f };

	memset(f, 0, sizeof *f);
	f->fds = support_open_fds();
	f->config = support_config("deadline { scan_cpu = \"1s\" "
				   "scan_wall = \"1s\" }");
	f->cancel = eventfd(0, EFD_CLOEXEC);
	f->engines = engines_create(&reports);
	fake_engine_start(&f->engine, f->engines, NAME, plan);
	open_lane(f);
}

/* Everything goes, and leaves no descriptor. */
static void
end(struct fixture *f)
{
	if (f->lane != NULL)
		lane_close(&f->lane);
	engines_destroy(&f->engines);
	fake_engine_join(&f->engine);
	fd_close(&f->cancel);
	config_destroy(&f->config);
	assert_int_equal(support_open_fds(), f->fds);
}

static void
warm(struct fixture *f)
{
	struct error err;

	if (lane_warm(f->lane, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
}

static enum lane_slow
stay(void *context)
{
	(void)context;
	return LANE_STAY;
}

/* slow is NULL for a scan in the background. */
static struct lane_result
scan_with(struct fixture *f, const char *mail, lane_slow_function *slow)
{
	struct lane_result result;
	struct error err;
	int fd;

	assert_int_equal(fd_memory("mail", &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, mail, strlen(mail), 0, &err),
	    ERROR_NONE);
	warm(f);
	lane_scan(f->lane, fd, strlen(mail), f->cancel, slow, NULL, &result);
	close(fd);
	return result;
}

static struct lane_result
scan_mail(struct fixture *f, const char *mail)
{
	return scan_with(f, mail, stay);
}

static void
expect_clean(struct fixture *f)
{
	struct lane_result result = scan_mail(f, GOOD);

	assert_string_equal(verdict_kind_name(result.verdict.kind), "clean");
	assert_string_equal(result.ended, "");
}

static void
expect_error(const struct lane_result *result, const char *ended)
{
	assert_string_equal(verdict_kind_name(result->verdict.kind), "error");
	assert_string_equal(result->ended, ended);
	assert_false(result->counts);
	assert_false(result->put_off);
}

static const struct fake_plan honest = { .scan = scan };

/* Only a kill ends its workers. */
static const struct fake_plan stubborn = { .scan = scan, .stays = true };

static void
test_lane_worker_that_talks_nonsense_costs_its_mail(void **state)
{
	static misbehave_function *const cases[] = {
		says_hello_again,
		answers_for_an_earlier_job,
		answers_for_a_later_job,
		says_clean_with_a_name,
		says_infected_without_a_name,
		says_a_name_with_a_blank,
		says_a_name_that_is_a_field,
		says_a_name_that_is_too_long,
		says_a_line_end,
		says_text_without_end,
		says_late,
		says_unscannable,
		says_an_unknown_verdict,
		says_a_negative_verdict,
		uses_the_reserved_field,
		sends_a_descriptor,
		says_too_little,
		says_too_much_at_once,
	};
	struct fixture f;

	(void)state;
	begin(&f, &stubborn);
	for (unsigned i = 0; i < LENGTH(cases); i++) {
		struct lane_result result;

		misbehave = cases[i];
		expect_clean(&f);
		result = scan_mail(&f, BAD);
		if (result.verdict.kind != VERDICT_ERROR)
			fail_msg("case %u: %s", i,
			    verdict_kind_name(result.verdict.kind));
		expect_error(&result, "worker-talked-nonsense");
		assert_false(lane_is_ready(f.lane));
		assert_int_equal(f.engine.killed, i + 1);
		assert_int_equal(f.engine.spawned, i + 1);
	}
	expect_clean(&f);
	assert_int_equal(f.lost, 0);
	end(&f);
}

static void
answers_twice(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_INFECTED, "Eicar-Test");
	claim(worker, job, VERDICT_CLEAN, "");
}

static void
answers_ahead(int worker, const struct wire_message *job)
{
	claim(worker, job, VERDICT_INFECTED, "Eicar-Test");
	answers_for_a_later_job(worker, job);
}

/* What it says unasked is nobody's verdict. */
static void
test_lane_worker_that_says_too_much_gets_no_other_mail(void **state)
{
	static misbehave_function *const cases[] = {
		answers_twice,
		answers_ahead,
	};
	struct lane_result result;
	struct fixture f;

	(void)state;
	begin(&f, &honest);
	for (unsigned i = 0; i < LENGTH(cases); i++) {
		misbehave = cases[i];
		result = scan_mail(&f, BAD);
		assert_string_equal(result.verdict.name, "Eicar-Test");
		while (lane_is_ready(f.lane))
			usleep(1000);
		expect_clean(&f);
		assert_int_equal(f.engine.spawned, i + 2);
	}
	end(&f);
}

static void
claims_all_time_there_is(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	result.value = INT64_MAX;
	fake_send(worker, &result, -1);
}

static void
claims_negative_time(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	result.value = UINT64_MAX;
	fake_send(worker, &result, -1);
}

static void
test_lane_worker_can_not_use_more_time_than_has_passed(void **state)
{
	static misbehave_function *const cases[] = {
		claims_all_time_there_is,
		claims_negative_time,
	};
	struct lane_result result;
	struct fixture f;

	(void)state;
	begin(&f, &honest);
	for (unsigned i = 0; i < LENGTH(cases); i++) {
		misbehave = cases[i];
		result = scan_mail(&f, BAD);
		assert_int_equal(result.verdict.kind, VERDICT_CLEAN);
		assert_true(result.scan_time > 0);
		assert_true(result.scan_time < 10 * MONOTIME_S);
		assert_int_equal(result.cpu_time, result.scan_time);
	}
	end(&f);
}

static void
says_nothing(int worker, const struct wire_message *job)
{
	(void)worker, (void)job;
}

static void
test_lane_worker_that_is_too_late_is_killed(void **state)
{
	struct lane_result result;
	struct fixture f;

	(void)state;
	begin(&f, &stubborn);
	misbehave = says_nothing;
	result = scan_mail(&f, BAD);
	expect_error(&result, "scan-wall");
	assert_int_equal(f.engine.killed, 1);
	expect_clean(&f);
	end(&f);
}

static void
says_that_it_retires(int worker, const struct wire_message *job)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	result.flags = WIRE_RETIRING;
	fake_send(worker, &result, -1);
}

static void
test_lane_worker_that_retires_and_stays_is_killed(void **state)
{
	struct lane_result result;
	struct fixture f;

	(void)state;
	begin(&f, &stubborn);
	misbehave = says_that_it_retires;
	result = scan_mail(&f, BAD);
	assert_int_equal(result.verdict.kind, VERDICT_CLEAN);
	assert_false(lane_is_ready(f.lane));
	expect_clean(&f);
	assert_int_equal(f.engine.killed, 1);
	assert_int_equal(f.engine.spawned, 2);
	end(&f);
}

/* The worker may have answered before the engine got to make it nice: then it
 * does not know, and the next mail would be the one that is slow. */
static void
test_lane_worker_that_was_made_nice_scans_no_other_mail(void **state)
{
	static const struct fake_plan plan = { .scan = scan };
	struct lane_result result;
	struct fixture f;

	(void)state;
	begin(&f, &plan);
	result = scan_with(&f, GOOD, NULL);
	assert_int_equal(result.verdict.kind, VERDICT_CLEAN);
	assert_false(lane_is_ready(f.lane));
	expect_clean(&f);
	assert_int_equal(f.engine.spawned, 2);
	expect_clean(&f);
	assert_int_equal(f.engine.spawned, 2);
	end(&f);
}

/* The engine does what it can.  It is not to blame, and others' workers live
 * on: only this lane is of no more use. */
static void
test_lane_worker_that_can_not_be_killed_costs_its_lane(void **state)
{
	static const struct fake_plan plan = { .scan = scan, .hangs = true };
	struct lane_result result;
	struct fixture f;
	struct error err;
	int64_t began;

	(void)state;
	begin(&f, &plan);
	misbehave = says_late;
	result = scan_mail(&f, BAD);
	expect_error(&result, "worker-talked-nonsense");
	began = monotime_now();
	assert_int_equal(lane_warm(f.lane, &err), ERROR_GONE);
	assert_true(monotime_now() - began < 10 * MONOTIME_S);
	assert_int_equal(f.lost, 0);
	assert_true(engines_is_current(f.engines, lane_engine(f.lane)));
	lane_close(&f.lane);
	open_lane(&f);
	expect_clean(&f);
	end(&f);
}

/* --- an engine that was taken over --- */

static void
spawns_a_file(int slot)
{
	struct wire_message spawned = wire_make(WIRE_SPAWNED);
	int file = STDERR_FILENO;

	fake_send(slot, &spawned, file);
}

/* Always readable, and nothing can be received. */
static void
spawns_an_event(int slot)
{
	struct wire_message spawned = wire_make(WIRE_SPAWNED);
	int event = eventfd(1, EFD_CLOEXEC);

	fake_send(slot, &spawned, event);
	close(event);
}

static void
spawns_nothing(int slot)
{
	struct wire_message spawned = wire_make(WIRE_SPAWNED);

	fake_send(slot, &spawned, -1);
}

static void
spawns_an_end(int slot)
{
	struct wire_message ended = wire_make(WIRE_ENDED);

	fake_send(slot, &ended, -1);
}

static void
spawns_too_late(int slot)
{
	(void)slot;
}

static void
test_lane_engine_that_answers_nonsense_is_lost(void **state)
{
	static const struct fake_plan plans[] = {
		{ .spawn = spawns_a_file },
		{ .spawn = spawns_an_event },
		{ .spawn = spawns_nothing },
		{ .spawn = spawns_an_end },
	};
	struct fixture f;
	struct error err;

	(void)state;
	for (unsigned i = 0; i < LENGTH(plans); i++) {
		begin(&f, &plans[i]);
		if (lane_warm(f.lane, &err) != ERROR_PEER)
			fail_msg("case %u: %s", i, err.text);
		assert_false(lane_is_ready(f.lane));
		assert_int_equal(f.lost, 1);
		assert_null(engines_get(f.engines));
		end(&f);
	}
}

static void
test_lane_engine_that_is_too_late_is_lost(void **state)
{
	static const struct fake_plan plan = { .spawn = spawns_too_late };
	struct fixture f;
	struct error err;

	(void)state;
	begin(&f, &plan);
	assert_int_equal(lane_warm(f.lane, &err), ERROR_TIMEOUT);
	assert_int_equal(f.lost, 1);
	end(&f);
}

static void
fails(int slot)
{
	struct wire_message failed = wire_make(WIRE_FAILED);

	wire_set_text(&failed, "no more processes");
	fake_send(slot, &failed, -1);
}

static void
test_lane_engine_that_can_not_fork_stays_in_service(void **state)
{
	static const struct fake_plan plan = { .spawn = fails };
	struct fixture f;
	struct error err;

	(void)state;
	begin(&f, &plan);
	assert_int_equal(lane_warm(f.lane, &err), ERROR_ENGINE);
	assert_non_null(strstr(err.text, "no more processes"));
	assert_int_equal(f.lost, 0);
	end(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_lane_worker_that_talks_nonsense_costs_its_mail),
		cmocka_unit_test(
		    test_lane_worker_that_says_too_much_gets_no_other_mail),
		cmocka_unit_test(
		    test_lane_worker_can_not_use_more_time_than_has_passed),
		cmocka_unit_test(test_lane_worker_that_is_too_late_is_killed),
		cmocka_unit_test(
		    test_lane_worker_that_retires_and_stays_is_killed),
		cmocka_unit_test(
		    test_lane_worker_that_was_made_nice_scans_no_other_mail),
		cmocka_unit_test(
		    test_lane_worker_that_can_not_be_killed_costs_its_lane),
		cmocka_unit_test(
		    test_lane_engine_that_answers_nonsense_is_lost),
		cmocka_unit_test(test_lane_engine_that_is_too_late_is_lost),
		cmocka_unit_test(
		    test_lane_engine_that_can_not_fork_stays_in_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
