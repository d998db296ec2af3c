/* test_lane_attachments - a lane whose worker lies, or is of its own mind
 *
 * The lane runs in a thread of its own; the test plays its engine and worker.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "base/text.h"
#include "config/config.h"
#include "scan/lane.h"
#include "scan/attachment_table.h"
#include "wire/wire.h"
#include "support.h"

#define PATIENCE (10 * MONOTIME_S)
#define PART_SIZE 20000 /* a lane has patience for 200 ms */
#define CLEAN_WHOLE VERDICT_CLEAN, WIRE_WHOLE

static struct config *config;
static struct attachment_table *set;
static struct engines *engines;
static struct lane *lane;
static int link_end = -1, slot = -1, worker = -1; /* the engine's */
static struct wire_message job;
static pthread_t thread;
static struct lane_result result;

static void
must(enum error_code code, const struct error *err)
{
	if (code != ERROR_NONE)
		fail_msg("%s", err->text);
}

static void
open_lane(const char *settings, bool shared)
{
	struct wire_message message;
	struct error err;
	int pair[2];

	config = support_config(settings);
	set = attachment_table_create(config);
	engines = engines_create(NULL);
	must(seqpacket_pair(pair, &err), &err);
	link_end = pair[1];
	engines_publish(engines, pair[0], "0123456789abcdef", 1);
	must(lane_open(engines, engines_get(engines), config, &lane, &err),
	    &err);
	if (shared)
		lane_share_attachments(lane, set);
	must(wire_recv(link_end, WIRE_ACCEPT(WIRE_SLOT), &message, &slot,
		 monotime_after(PATIENCE), &err),
	    &err);
}

static int
open_shared(void **state)
{
	(void)state;
	open_lane("", true);
	return 0;
}

static int
close_lane(void **state)
{
	(void)state;
	lane_close(&lane);
	engines_destroy(&engines);
	attachment_table_destroy(&set);
	config_destroy(&config);
	fd_close(&link_end);
	fd_close(&slot);
	fd_close(&worker);
	return 0;
}

static enum lane_slow
stay(void *context)
{
	(void)context;
	return LANE_STAY;
}

static void *
run_lane(void *context)
{
	int cancel = eventfd(0, EFD_CLOEXEC), message = -1;
	struct error err;

	(void)context;
	must(fd_memory("message", &message, &err), &err);
	must(lane_warm(lane, &err), &err);
	lane_scan(lane, message, 0, cancel, stay, NULL, &result);
	fd_close(&message);
	fd_close(&cancel);
	return NULL;
}

static struct wire_message
receive(int sock, enum wire_type type)
{
	struct wire_message message;
	struct error err;
	int fd = -1;

	must(wire_recv(sock, WIRE_ACCEPT(type), &message, &fd,
		 monotime_after(PATIENCE), &err),
	    &err);
	fd_close(&fd);
	return message;
}

static void
send_message(int sock, const struct wire_message *message, int fd)
{
	struct error err;

	must(wire_send(sock, message, fd, &err), &err);
}

/* A new worker, as the lane asks for one. */
static void
hire(void)
{
	struct wire_message spawned = wire_make(WIRE_SPAWNED);
	struct wire_message hello = wire_make(WIRE_HELLO);
	struct error err;
	int pair[2];

	receive(slot, WIRE_SPAWN);
	fd_close(&worker);
	must(seqpacket_pair(pair, &err), &err);
	send_message(slot, &spawned, pair[0]);
	close(pair[0]);
	worker = pair[1];
	send_message(worker, &hello, -1);
}

/* The worker of the last mail gets the next one. */
static void
start_job(void)
{
	assert_int_equal(0, pthread_create(&thread, NULL, run_lane, NULL));
	if (worker < 0)
		hire();
	job = receive(worker, WIRE_JOB);
}

static void
ask(unsigned n)
{
	struct wire_message question = wire_make(WIRE_ATTACHMENT);
	unsigned char key[KEY_BYTES] = { 0 };

	memcpy(key, &n, sizeof n);
	question.id = job.id;
	question.value = PART_SIZE;
	text_hex(question.text, key, sizeof key);
	send_message(worker, &question, -1);
}

static bool
is_known(unsigned n)
{
	struct wire_message answer;

	ask(n);
	answer = receive(worker, WIRE_ATTACHMENT_ANSWER);
	assert_int_equal(job.id, answer.id);
	return answer.status == 1;
}

static void
join(void)
{
	assert_int_equal(0, pthread_join(thread, NULL));
}

static void
finish(enum verdict_kind kind, uint32_t flags)
{
	struct wire_message message = wire_make(WIRE_RESULT);

	message.id = job.id;
	message.status = (int32_t)kind;
	message.flags = flags;
	if (kind != VERDICT_CLEAN)
		wire_set_text(&message, "Name");
	send_message(worker, &message, -1);
	join();
}

/* The worker has gone, with that wait status. */
static void
end_worker(int status)
{
	struct wire_message ended = wire_make(WIRE_ENDED);

	fd_close(&worker);
	ended.status = status;
	send_message(slot, &ended, -1);
}

/* The lane kills the worker for what it said. */
static void
expect_kill(void)
{
	receive(slot, WIRE_KILL);
	end_worker(SIGKILL);
	join();
	assert_string_equal("worker-talked-nonsense", result.ended);
}

/* One job that makes a part known. */
static void
vouch(unsigned n)
{
	start_job();
	assert_false(is_known(n));
	finish(CLEAN_WHOLE);
	assert_int_equal(0, result.known);
}

/* What another worker would be told. */
static bool
set_knows(unsigned n)
{
	struct attachment_list list = { .worker = attachment_table_worker(
					    set) };
	struct key key = { { 0 } };
	bool known;

	memcpy(key.bytes, &n, sizeof n);
	known = attachment_table_ask(set, &list, &key, false, monotime_now()) ==
	    ATTACHMENT_KNOWN;
	attachment_table_end(set, &list, false, monotime_now());
	return known;
}

static void
test_lane_part_of_a_clean_whole_mail_is_known_in_the_next(void **state)
{
	(void)state;
	vouch(1);
	start_job();
	assert_int_equal(WIRE_ASK, job.flags);
	assert_true(is_known(1));
	assert_false(is_known(2));
	finish(CLEAN_WHOLE);
	assert_int_equal(1, result.known);
	assert_int_equal(VERDICT_CLEAN, result.verdict.kind);
	assert_true(set_knows(2));
}

static void
test_lane_part_of_any_other_mail_is_not(void **state)
{
	static const struct {
		enum verdict_kind kind;
		uint32_t flags;
	} cases[] = {
		{ VERDICT_CLEAN, 0 },
		{ VERDICT_INFECTED, WIRE_WHOLE },
		{ VERDICT_INCOMPLETE, WIRE_WHOLE },
		{ VERDICT_ENCRYPTED, WIRE_WHOLE },
		{ VERDICT_ERROR, WIRE_WHOLE },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		start_job();
		assert_false(is_known(1));
		finish(cases[i].kind, cases[i].flags);
		assert_false(set_knows(1));
	}
	assert_int_equal(0, attachment_table_size(set));
}

static void
test_lane_what_a_worker_vouched_for_goes_when_it_crashes(void **state)
{
	(void)state;
	vouch(1);
	start_job();
	assert_false(is_known(2));
	end_worker(SIGSEGV);
	join();
	assert_string_equal("SIGSEGV", result.ended);
	assert_false(set_knows(1));
	assert_false(set_knows(2));
}

static void
test_lane_and_when_it_ends_oddly_between_two_mails(void **state)
{
	(void)state;
	vouch(1);
	end_worker(SIGSYS);
	vouch(2);
	assert_false(set_knows(1));
	assert_true(set_knows(2));
}

static void
test_lane_but_not_when_it_retires(void **state)
{
	(void)state;
	start_job();
	assert_false(is_known(1));
	finish(VERDICT_CLEAN, WIRE_WHOLE | WIRE_RETIRING);
	end_worker(0);
	vouch(2);
	assert_true(set_knows(1));
}

/* One that should have gone and stays is up to something. */
static void
test_lane_but_when_it_says_so_and_stays(void **state)
{
	(void)state;
	start_job();
	assert_false(is_known(1));
	finish(VERDICT_CLEAN, WIRE_WHOLE | WIRE_RETIRING);
	assert_int_equal(0, pthread_create(&thread, NULL, run_lane, NULL));
	receive(slot, WIRE_KILL);
	end_worker(SIGKILL);
	hire();
	job = receive(worker, WIRE_JOB);
	finish(CLEAN_WHOLE);
	assert_false(set_knows(1));
}

static void
test_lane_worker_that_asks_nonsense_is_not_believed(void **state)
{
	static const char *const keys[] = {
		"",
		"00",
		"no hexadecimal number, but of the right length, "
		"64 characters",
		"0000000000000000000000000000000000000000000"
		"00000000000000000000000",
	};
	struct wire_message question = wire_make(WIRE_ATTACHMENT);
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		vouch(1);
		start_job();
		question.id = job.id;
		wire_set_text(&question, keys[i]);
		send_message(worker, &question, -1);
		expect_kill();
		assert_false(set_knows(1));
	}
}

static void
test_lane_question_of_another_job_is_nonsense(void **state)
{
	(void)state;
	start_job();
	job.id++;
	ask(1);
	expect_kill();
}

static void
test_lane_so_many_questions_and_no_more(void **state)
{
	unsigned i;

	(void)state;
	start_job();
	for (i = 0; i < WIRE_ATTACHMENTS_MAX; i++)
		assert_false(is_known(i));
	ask(i);
	expect_kill();
	assert_int_equal(0, attachment_table_size(set));
}

static void
test_lane_that_shares_nothing_has_nothing_asked(void **state)
{
	(void)state;
	close_lane(NULL);
	open_lane("", false);
	start_job();
	assert_int_equal(0, job.flags);
	ask(1);
	expect_kill();
	close_lane(NULL);
	open_lane("cache { attachments = 0 }", true);
	start_job();
	assert_int_equal(0, job.flags);
	ask(1);
	expect_kill();
}

/* --- a part that another lane has in work ------------------------------- */

static struct attachment_list other;

static void
other_takes_on(unsigned n)
{
	struct key key = { { 0 } };

	memset(&other, 0, sizeof other);
	other.worker = attachment_table_worker(set);
	memcpy(key.bytes, &n, sizeof n);
	assert_int_equal(ATTACHMENT_UNKNOWN,
	    attachment_table_ask(set, &other, &key, true, monotime_now()));
}

static void
test_lane_worker_waits_for_another_ones_scan(void **state)
{
	struct wire_message answer;
	struct error err;

	(void)state;
	other_takes_on(1);
	start_job();
	ask(1);
	assert_int_equal(ERROR_TIMEOUT,
	    wire_recv(worker, WIRE_ACCEPT(WIRE_ATTACHMENT_ANSWER), &answer,
		NULL, monotime_after(50 * MONOTIME_MS), &err));
	attachment_table_end(set, &other, true, monotime_now());
	answer = receive(worker, WIRE_ATTACHMENT_ANSWER);
	assert_int_equal(1, answer.status);
	finish(CLEAN_WHOLE);
	assert_int_equal(1, result.known);
}

static void
test_lane_worker_does_not_wait_for_long(void **state)
{
	int64_t began;

	(void)state;
	other_takes_on(1);
	start_job();
	began = monotime_now();
	assert_false(is_known(1));
	assert_in_range(monotime_now() - began, 150 * MONOTIME_MS,
	    5 * MONOTIME_S);
	finish(CLEAN_WHOLE);
	/* The other one it is who vouches for it, or doesn't. */
	attachment_table_end(set, &other, false, monotime_now());
	assert_false(set_knows(1));
}

static void
test_lane_second_question_before_the_answer_is_nonsense(void **state)
{
	(void)state;
	other_takes_on(1);
	start_job();
	ask(1);
	ask(2);
	expect_kill();
	attachment_table_end(set, &other, true, monotime_now());
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_shared, close_lane)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lane_part_of_a_clean_whole_mail_is_known_in_the_next),
		TEST(test_lane_part_of_any_other_mail_is_not),
		TEST(test_lane_what_a_worker_vouched_for_goes_when_it_crashes),
		TEST(test_lane_and_when_it_ends_oddly_between_two_mails),
		TEST(test_lane_but_not_when_it_retires),
		TEST(test_lane_but_when_it_says_so_and_stays),
		TEST(test_lane_worker_that_asks_nonsense_is_not_believed),
		TEST(test_lane_question_of_another_job_is_nonsense),
		TEST(test_lane_so_many_questions_and_no_more),
		TEST(test_lane_that_shares_nothing_has_nothing_asked),
		TEST(test_lane_worker_waits_for_another_ones_scan),
		TEST(test_lane_worker_does_not_wait_for_long),
		TEST(test_lane_second_question_before_the_answer_is_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
