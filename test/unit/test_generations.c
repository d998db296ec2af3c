/* test_generations - an engine that says what makes no sense is killed
 *
 * Loading, serving and retiring are tried with real engines in component/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "config/config.h"
#include "wire/wire.h"
#include "supervisor/generations.h"
#include "support.h"

#define NAME "0123456789abcdef"

struct fixture {
	struct config *config;
	struct generations generations;
	struct generation *engine;
	int sock; /* the engine's end */
};

/* One engine in this state: a process that does nothing. */
static void
begin(struct fixture *f, enum generation_state state)
{
	struct error err;
	int pair[2];

	f->config = support_config("");
	generations_init(&f->generations, f->config, NULL);
	assert_int_equal(seqpacket_pair(pair, &err), ERROR_NONE);
	f->sock = pair[1];
	f->engine = &f->generations.place[0];
	f->engine->state = state;
	f->engine->config = config_ref(f->config);
	f->engine->sock = pair[0];
	f->engine->pid = fork();
	assert_true(f->engine->pid >= 0);
	if (f->engine->pid == 0)
		for (;;)
			pause();
}

static void
hear(struct fixture *f, enum wire_type type, const char *text)
{
	struct wire_message message = wire_make(type);
	struct pollfd fds[GENERATIONS_MAX];
	struct error err;
	int count;

	wire_set_text(&message, text);
	assert_int_equal(wire_send(f->sock, &message, -1, &err), ERROR_NONE);
	count = generations_poll_set(&f->generations, fds);
	assert_int_equal(count, 1);
	assert_int_equal(poll(fds, 1, 0), 1);
	generations_handle(&f->generations, fds, count);
}

/* Ends it all; true if the engine was killed before. */
static bool
end(struct fixture *f)
{
	pid_t pid = f->engine->pid;
	bool killed = f->engine->sock < 0;
	int status;

	if (!killed)
		kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), killed ? SIGKILL : SIGTERM);
	fd_close(&f->engine->sock);
	config_unref(&f->engine->config);
	generations_fini(&f->generations);
	fd_close(&f->sock);
	config_destroy(&f->config);
	return killed;
}

static void
test_generations_engine_is_known_by_the_name_that_it_says(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, GENERATION_LOADING);
	hear(&f, WIRE_READY, NAME);
	assert_int_equal(f.engine->state, GENERATION_SERVING);
	assert_string_equal(f.engine->name, NAME);
	assert_false(end(&f));
}

static void
test_generations_engine_with_a_name_that_is_none_is_killed(void **state)
{
	static const char *const names[] = {
		"",
		"0123456789abcde",
		NAME "0",
		"0123456789ABCDEF",
		"x, action=accept",
		"0123456789abcde\"",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		begin(&f, GENERATION_LOADING);
		hear(&f, WIRE_READY, names[i]);
		if (!end(&f))
			fail_msg("\"%s\" was taken", names[i]);
	}
}

static void
test_generations_engine_that_talks_out_of_turn_is_killed(void **state)
{
	static const enum generation_state states[] = {
		GENERATION_SERVING,
		GENERATION_RETIRING,
	};
	static const enum wire_type types[] = {
		WIRE_READY,
		WIRE_FAILED,
		WIRE_HELLO,
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < LENGTH(states); i++)
		for (size_t k = 0; k < LENGTH(types); k++) {
			begin(&f, states[i]);
			hear(&f, types[k], NAME);
			if (!end(&f))
				fail_msg("type %d was heard", (int)types[k]);
		}
}

static void
test_generations_engine_that_can_not_load_may_say_why(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, GENERATION_LOADING);
	hear(&f, WIRE_FAILED, "no signatures");
	assert_int_equal(f.engine->state, GENERATION_LOADING);
	assert_false(end(&f));
}

/* What is loading with options that are no longer wanted never serves. */
static void
test_generations_load_with_other_options_is_ended(void **state)
{
	struct config *same = support_config("deadline { reply = 7 }");
	struct config *other = support_config("engine { max_files = 7 }");
	struct fixture f;

	(void)state;
	begin(&f, GENERATION_LOADING);
	generations_configure(&f.generations, same);
	hear(&f, WIRE_READY, NAME);
	assert_ptr_equal(generations_serving(&f.generations), same);
	generations_configure(&f.generations, other);
	assert_ptr_equal(generations_serving(&f.generations), same);
	assert_false(end(&f));
	begin(&f, GENERATION_LOADING);
	generations_configure(&f.generations, other);
	assert_null(generations_serving(&f.generations));
	assert_true(end(&f));
	config_destroy(&same);
	config_destroy(&other);
}

static void
test_generations_refusal_is_that_of_the_last_snapshot(void **state)
{
	struct config *same = support_config("");
	struct fixture f;

	(void)state;
	begin(&f, GENERATION_LOADING);
	assert_false(generations_refused(&f.generations));
	hear(&f, WIRE_FAILED, "no signatures");
	assert_true(generations_refused(&f.generations));
	generations_configure(&f.generations, same);
	assert_false(generations_refused(&f.generations));
	assert_false(end(&f));
	config_destroy(&same);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_generations_engine_is_known_by_the_name_that_it_says),
		cmocka_unit_test(
		    test_generations_engine_with_a_name_that_is_none_is_killed),
		cmocka_unit_test(
		    test_generations_engine_that_talks_out_of_turn_is_killed),
		cmocka_unit_test(
		    test_generations_engine_that_can_not_load_may_say_why),
		cmocka_unit_test(
		    test_generations_load_with_other_options_is_ended),
		cmocka_unit_test(
		    test_generations_refusal_is_that_of_the_last_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
