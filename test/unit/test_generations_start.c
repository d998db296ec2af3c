/* test_generations_start - when another engine is started, and what for
 *
 * Clock, memory and the start of a process are this file's, which come before
 * those of the libraries; an engine is a process that does nothing, and says
 * what a test has it say.  The same with real engines: component/test_reload.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/process.h"
#include "base/seqpacket.h"
#include "config/config.h"
#include "supervisor/child.h"
#include "supervisor/generations.h"
#include "supervisor/headroom.h"
#include "wire/wire.h"
#include "support.h"

#define NAME "0123456789abcdef"
#define MIB (UINT64_C(1) << 20)
#define PEAK 100 /* MB that each engine says it took */
#define STARTS_MAX 64

static struct {
	int64_t now;
	uint64_t room;  /* bytes */
	uint64_t kills; /* by the kernel */
	pid_t killed;   /* the last one, by us */
	unsigned starts;
	pid_t pids[STARTS_MAX];
	int socks[STARTS_MAX]; /* the engines' ends */
	struct generations generations;
	struct config *config;
	char directory[32];
	int filter[2]; /* the second is the filter's end */
} w;

/* --- the world ------------------------------------------------------- */

int64_t
monotime_now(void)
{
	return w.now;
}

int64_t
monotime_wall(void)
{
	return w.now;
}

int64_t
monotime_after(int64_t duration)
{
	return w.now + duration;
}

int
monotime_poll_ms(int64_t until)
{
	return until == MONOTIME_NEVER ? -1 : 0;
}

struct timespec
monotime_timespec(int64_t t)
{
	return (struct timespec){ .tv_sec = (time_t)(t / MONOTIME_S) };
}

uint64_t
headroom_bytes(const char *root)
{
	assert_string_equal(root, "");
	return w.room;
}

uint64_t
headroom_kills(const char *root)
{
	assert_string_equal(root, "");
	return w.kills;
}

int
kill(pid_t pid, int signo)
{
	assert_true(pid > 0);
	w.killed = pid;
	return (int)syscall(SYS_kill, pid, signo);
}

enum error_code
child_start_engine(struct child_kit *kit, pid_t *pid_r, int *sock_r,
    struct error *err)
{
	int pair[2];

	(void)kit;
	assert_in_range(w.starts, 0, STARTS_MAX - 1);
	assert_int_equal(seqpacket_pair(pair, err), ERROR_NONE);
	*pid_r = fork();
	assert_true(*pid_r >= 0);
	if (*pid_r == 0) {
		/* A test that fails ends here and there. */
		process_die_with_parent();
		for (;;)
			pause();
	}
	w.pids[w.starts] = *pid_r;
	w.socks[w.starts++] = pair[1];
	*sock_r = pair[0];
	return ERROR_NONE;
}

/* --- what happens in it ---------------------------------------------- */

static void
write_signatures(const char *name, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", w.directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), (off_t)size), 0);
	fclose(file);
}

static void
run(void)
{
	int64_t next = generations_run(&w.generations);

	if (next <= w.now)
		fail_msg("it would be asked again without a pause");
}

/* Lets so much time pass, as the supervisor would: it wakes up when something
 * is due. */
static void
let_pass(int64_t duration)
{
	int64_t end = w.now + duration, next;

	while ((next = generations_run(&w.generations)) <= end) {
		assert_true(next > w.now);
		w.now = next;
	}
	w.now = end;
}

static void
hear(void)
{
	struct pollfd fds[GENERATIONS_MAX];
	int count = generations_poll_set(&w.generations, fds);

	assert_true(poll(fds, (nfds_t)count, 0) >= 0);
	generations_handle(&w.generations, fds, count);
}

/* Engine number n, from 0 on, says READY. */
static void
say_ready(unsigned n)
{
	struct wire_message ready = wire_make(WIRE_READY);
	struct error err;

	wire_set_text(&ready, NAME);
	ready.status = PEAK;
	ready.id = w.generations.tried;
	assert_int_equal(wire_send(w.socks[n], &ready, -1, &err), ERROR_NONE);
	hear();
	run();
}

static void
say_failed(unsigned n)
{
	struct wire_message failed = wire_make(WIRE_FAILED);
	struct error err;

	wire_set_text(&failed, "no good");
	assert_int_equal(wire_send(w.socks[n], &failed, -1, &err), ERROR_NONE);
	hear();
	run();
}

/* It is gone, with this wait status. */
static void
dies(unsigned n, int status)
{
	int ignored;

	assert_int_equal(kill(w.pids[n], SIGKILL), 0);
	assert_int_equal(waitpid(w.pids[n], &ignored, 0), w.pids[n]);
	fd_close(&w.socks[n]);
	assert_true(generations_reaped(&w.generations, w.pids[n], status));
	w.pids[n] = 0;
	run();
}

#define EXITED(status) ((status) << 8)

/* It was told to retire. */
static bool
must_retire(unsigned n)
{
	struct wire_message message;
	struct error err;

	while (wire_recv(w.socks[n],
		   WIRE_ACCEPT(WIRE_ADOPT) | WIRE_ACCEPT(WIRE_RETIRE), &message,
		   &(int){ -1 }, 0, &err) == ERROR_NONE)
		if (message.type == WIRE_RETIRE)
			return true;
	return false;
}

/* What the filter has been told last. */
static uint32_t
filter_heard(uint64_t *serial_r)
{
	struct wire_message message;
	uint32_t type = 0;
	struct error err;
	int fd;

	while (wire_recv(w.filter[1],
		   WIRE_ACCEPT(WIRE_ENGINE) | WIRE_ACCEPT(WIRE_WITHDRAW),
		   &message, &fd, 0, &err) == ERROR_NONE) {
		fd_close(&fd);
		type = message.type;
		*serial_r = message.id;
	}
	return type;
}

/* Signatures of 1000 bytes, a filter, and no engine yet. */
static void
begin(const char *engine_settings)
{
	char text[256];
	struct error err;

	memset(&w, 0, sizeof w);
	w.now = 1000 * MONOTIME_S;
	w.room = 10000 * MIB;
	support_make_directory(w.directory);
	write_signatures("a.ndb", 1000);
	snprintf(text, sizeof text, "engine { database = { \"%s\" } %s }",
	    w.directory, engine_settings);
	w.config = support_config(text);
	generations_init(&w.generations, w.config, NULL);
	assert_int_equal(seqpacket_pair(w.filter, &err), ERROR_NONE);
	generations_set_filter(&w.generations, w.filter[0]);
}

/* The same, and engine 0 is in service. */
static void
begin_serving(const char *engine_settings)
{
	begin(engine_settings);
	run();
	assert_int_equal(w.starts, 1);
	say_ready(0);
}

static void
end(void)
{
	char command[64];

	for (unsigned i = 0; i < w.starts; i++)
		if (w.pids[i] > 0)
			dies(i, 0);
	for (unsigned i = 0; i < w.starts; i++) {
		fd_close(&w.socks[i]);
		if (w.pids[i] > 0)
			dies(i, 0);
	}
	generations_fini(&w.generations);
	config_destroy(&w.config);
	fd_close(&w.filter[0]);
	fd_close(&w.filter[1]);
	snprintf(command, sizeof command, "rm -rf %s", w.directory);
	assert_int_equal(system(command), 0);
}

/* --- one at a time ---------------------------------------------------- */

static void
test_generations_death_during_a_load_loads_the_set_once(void **state)
{
	(void)state;
	begin_serving("");
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 2);
	dies(0, SIGKILL);
	let_pass(10 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	say_ready(1);
	let_pass(3600 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	end();
}

static void
test_generations_request_during_a_load_comes_after(void **state)
{
	(void)state;
	begin_serving("");
	generations_reload(&w.generations, true);
	run();
	generations_reload(&w.generations, true);
	generations_reload(&w.generations, true);
	let_pass(60 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	say_ready(1);
	/* Two live until the old one has gone. */
	assert_int_equal(w.starts, 2);
	dies(0, 0);
	assert_int_equal(w.starts, 3);
	say_ready(2);
	dies(1, 0);
	let_pass(3600 * MONOTIME_S);
	assert_int_equal(w.starts, 3);
	end();
}

static void
test_generations_set_that_is_loading_is_not_loaded_again(void **state)
{
	(void)state;
	begin("");
	run();
	generations_reload(&w.generations, false);
	say_ready(0);
	let_pass(10 * MONOTIME_S);
	assert_int_equal(w.starts, 1);
	end();
}

/* --- after a failure -------------------------------------------------- */

static void
test_generations_one_that_dies_is_started_again_at_once(void **state)
{
	(void)state;
	begin_serving("");
	dies(0, SIGSEGV);
	assert_int_equal(w.starts, 2);
	end();
}

static void
test_generations_loads_that_die_get_rare(void **state)
{
	(void)state;
	begin("");
	run();
	for (int64_t end_at = w.now + 240 * MONOTIME_S; w.now < end_at;) {
		let_pass(2 * MONOTIME_S);
		if (w.pids[w.starts - 1] > 0)
			dies(w.starts - 1, SIGKILL);
	}
	assert_in_range(w.starts, 6, 10);
	end();
}

/* The one that serves is no proof that the next one can be loaded. */
static void
test_generations_loads_that_die_beside_one_get_rarer(void **state)
{
	unsigned starts;

	(void)state;
	begin_serving("");
	let_pass(10000 * MONOTIME_S);
	generations_reload(&w.generations, true);
	for (int64_t end_at = w.now + 86400 * MONOTIME_S; w.now < end_at;) {
		let_pass(100 * MONOTIME_S);
		if (w.starts > 1 && w.pids[w.starts - 1] > 0)
			dies(w.starts - 1, SIGSEGV);
	}
	assert_in_range(w.starts, 20, 45);
	/* With nothing in service an hour would be too long. */
	starts = w.starts;
	dies(0, SIGKILL);
	let_pass(61 * MONOTIME_S);
	assert_int_equal(w.starts, starts + 1);
	end();
}

/* New files don't make more memory. */
static void
test_generations_new_files_do_not_end_the_pause(void **state)
{
	unsigned starts;

	(void)state;
	begin_serving("");
	generations_reload(&w.generations, true);
	for (int i = 0; i < 9; i++) {
		let_pass(3600 * MONOTIME_S);
		dies(w.starts - 1, SIGKILL);
	}
	starts = w.starts;
	write_signatures("b.ndb", 10);
	let_pass(120 * MONOTIME_S);
	assert_int_equal(w.starts, starts);
	/* But somebody who asks for it gets it. */
	generations_reload(&w.generations, false);
	run();
	assert_int_equal(w.starts, starts + 1);
	end();
}

static void
test_generations_failures_are_forgotten_after_good_service(void **state)
{
	(void)state;
	begin("");
	run();
	for (int i = 0; i < 8; i++) {
		let_pass(61 * MONOTIME_S);
		dies(w.starts - 1, SIGSEGV);
	}
	let_pass(61 * MONOTIME_S);
	say_ready(w.starts - 1);
	let_pass(301 * MONOTIME_S);
	dies(w.starts - 1, SIGSEGV);
	assert_true(w.pids[w.starts - 1] > 0);
	end();
}

static void
test_generations_bad_set_is_left_alone_until_it_changes(void **state)
{
	(void)state;
	begin_serving("");
	write_signatures("b.ndb", 10);
	let_pass(62 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	say_failed(1);
	dies(1, EXITED(EX_DATAERR));
	let_pass(7200 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	write_signatures("b.ndb", 20);
	let_pass(62 * MONOTIME_S);
	assert_int_equal(w.starts, 3);
	end();
}

/* --- memory ----------------------------------------------------------- */

static void
test_generations_two_live_where_there_is_room(void **state)
{
	(void)state;
	begin_serving("");
	w.room = 200 * MIB;
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 2);
	assert_false(must_retire(0));
	end();
}

/* It is reaped next, and that is told then. */
static void
test_generations_old_one_that_has_died_is_no_complaint(void **state)
{
	struct support_capture capture;
	char said[1024];

	(void)state;
	begin_serving("");
	w.room = 200 * MIB;
	generations_reload(&w.generations, true);
	run();
	say_ready(1);
	dies(0, 0);
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 3);
	/* The third is heard before the second. */
	assert_int_equal(shutdown(w.socks[1], SHUT_RDWR), 0);
	support_capture_begin(&capture);
	say_ready(2);
	support_capture_end(&capture, said, sizeof said);
	assert_null(strstr(said, "warning"));
	end();
}

static void
test_generations_old_one_ends_first_without_room(void **state)
{
	uint64_t serial = 0;

	(void)state;
	begin_serving("");
	assert_int_equal(filter_heard(&serial), WIRE_ENGINE);
	assert_int_equal(serial, 1);
	w.room = (PEAK + 10) * MIB;
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 1);
	assert_int_equal(filter_heard(&serial), WIRE_WITHDRAW);
	assert_int_equal(serial, 1);
	assert_true(must_retire(0));
	let_pass(2 * MONOTIME_S);
	assert_int_equal(w.starts, 1);
	dies(0, 0);
	assert_int_equal(w.starts, 2);
	say_ready(1);
	assert_int_equal(filter_heard(&serial), WIRE_ENGINE);
	assert_int_equal(serial, 2);
	/* And that was all. */
	let_pass(3600 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	end();
}

/* A scan that goes on must not keep all other mail waiting. */
static void
test_generations_old_one_in_the_way_is_killed_if_it_stays(void **state)
{
	int status;

	(void)state;
	begin_serving("");
	w.room = 0;
	generations_reload(&w.generations, true);
	let_pass(11 * MONOTIME_S);
	assert_int_equal(waitpid(w.pids[0], &status, 0), w.pids[0]);
	assert_true(generations_reaped(&w.generations, w.pids[0], status));
	w.pids[0] = 0;
	run();
	assert_int_equal(w.starts, 2);
	end();
}

static void
test_generations_need_grows_with_the_files(void **state)
{
	(void)state;
	begin_serving("");
	w.room = 3 * PEAK * MIB;
	write_signatures("b.ndb", 1000);
	let_pass(62 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	say_ready(1);
	dies(0, 0);
	write_signatures("c.ndb", 20 * MIB);
	let_pass(62 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	assert_true(must_retire(1));
	end();
}

static void
test_generations_reload_is_as_it_is_set(void **state)
{
	(void)state;
	begin_serving("reload = \"beside\"");
	w.room = 0;
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 2);
	end();
	begin_serving("reload = \"instead\"");
	generations_reload(&w.generations, true);
	run();
	assert_int_equal(w.starts, 1);
	assert_true(must_retire(0));
	end();
}

/* Files that are gone take no memory, and the engine in service stays. */
static void
test_generations_set_without_files_costs_no_engine(void **state)
{
	char path[64];

	(void)state;
	begin_serving("reload = \"instead\"");
	snprintf(path, sizeof path, "%s/a.ndb", w.directory);
	assert_int_equal(unlink(path), 0);
	generations_reload(&w.generations, false);
	run();
	assert_int_equal(w.starts, 2);
	assert_false(must_retire(0));
	dies(1, EXITED(EX_NOINPUT));
	let_pass(3600 * MONOTIME_S);
	assert_int_equal(w.starts, 2);
	end();
}

static void
test_generations_two_that_are_too_much_are_not_tried(void **state)
{
	(void)state;
	begin_serving("");
	generations_reload(&w.generations, true);
	run();
	w.kills++;
	dies(1, SIGKILL);
	let_pass(2 * MONOTIME_S);
	/* What was measured is of no account any more. */
	assert_int_equal(w.starts, 2);
	assert_true(must_retire(0));
	dies(0, 0);
	assert_int_equal(w.starts, 3);
	end();
}

static void
test_generations_killed_by_hand_is_no_lack_of_memory(void **state)
{
	(void)state;
	begin_serving("");
	generations_reload(&w.generations, true);
	run();
	dies(1, SIGKILL);
	assert_int_equal(w.starts, 3);
	assert_false(must_retire(0));
	end();
}

/* --- what the filter says --------------------------------------------- */

static void
test_generations_late_word_spares_a_namesake(void **state)
{
	int status;

	(void)state;
	begin_serving("");
	dies(0, SIGSEGV);
	say_ready(1);
	w.killed = 0;
	generations_lost(&w.generations, 1);
	generations_released(&w.generations, 1);
	let_pass(60 * MONOTIME_S);
	assert_int_equal(w.killed, 0);
	generations_lost(&w.generations, 2);
	assert_int_equal(waitpid(w.pids[1], &status, 0), w.pids[1]);
	assert_true(generations_reaped(&w.generations, w.pids[1], status));
	w.pids[1] = 0;
	end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_generations_death_during_a_load_loads_the_set_once),
		cmocka_unit_test(
		    test_generations_request_during_a_load_comes_after),
		cmocka_unit_test(
		    test_generations_set_that_is_loading_is_not_loaded_again),
		cmocka_unit_test(
		    test_generations_one_that_dies_is_started_again_at_once),
		cmocka_unit_test(test_generations_loads_that_die_get_rare),
		cmocka_unit_test(
		    test_generations_loads_that_die_beside_one_get_rarer),
		cmocka_unit_test(
		    test_generations_new_files_do_not_end_the_pause),
		cmocka_unit_test(
		    test_generations_failures_are_forgotten_after_good_service),
		cmocka_unit_test(
		    test_generations_bad_set_is_left_alone_until_it_changes),
		cmocka_unit_test(test_generations_two_live_where_there_is_room),
		cmocka_unit_test(
		    test_generations_old_one_that_has_died_is_no_complaint),
		cmocka_unit_test(
		    test_generations_old_one_ends_first_without_room),
		cmocka_unit_test(
		    test_generations_old_one_in_the_way_is_killed_if_it_stays),
		cmocka_unit_test(test_generations_need_grows_with_the_files),
		cmocka_unit_test(test_generations_reload_is_as_it_is_set),
		cmocka_unit_test(
		    test_generations_set_without_files_costs_no_engine),
		cmocka_unit_test(
		    test_generations_two_that_are_too_much_are_not_tried),
		cmocka_unit_test(
		    test_generations_killed_by_hand_is_no_lack_of_memory),
		cmocka_unit_test(test_generations_late_word_spares_a_namesake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
