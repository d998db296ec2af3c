/* test_engine - the real engine: start, slots, link, end
 *
 *   test_engine PATH-OF-VSCAN-ENGINE [TEST]
 *
 * Must be root.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "engine_harness.h"
#include "wire/verdict.h"

/* --- start ------------------------------------------------------------- */

static void
test_engine_ready_names_generation_and_counts_signatures(void **unused)
{
	struct wire_message first, second;
	struct harness h;

	(void)unused;
	harness_open(&h);
	harness_start(&h, "contained", "", NULL);
	first = harness_first_message(&h);
	assert_int_equal(WIRE_READY, first.type);
	assert_int_equal(16, strlen(first.text));
	assert_int_equal(2, first.value);
	assert_true(first.id != 0);
	fd_close(&h.supervisor);
	assert_int_equal(0, harness_exit_status(harness_wait(&h)));

	harness_start(&h, "contained", "max_files = 99", NULL);
	second = harness_first_message(&h);
	assert_true(first.id == second.id);
	assert_string_not_equal(first.text, second.text);
	harness_close(&h);
}

/* In another directory, from other inodes, of another time. */
static void
test_engine_same_set_on_another_host_has_the_same_name(void **unused)
{
	struct wire_message messages[2];
	struct harness hosts[2];
	char command[160];

	(void)unused;
	for (int i = 0; i < 2; i++) {
		harness_open(&hosts[i]);
		snprintf(command, sizeof command, "touch -d @%d %s/*",
		    1000000000 + i, hosts[i].signatures);
		assert_int_equal(0, system(command));
		harness_start(&hosts[i], "contained", "", NULL);
		messages[i] = harness_first_message(&hosts[i]);
		assert_int_equal(WIRE_READY, messages[i].type);
	}
	assert_string_equal(messages[0].text, messages[1].text);
	assert_true(messages[0].id != messages[1].id);
	harness_close(&hosts[0]);
	harness_close(&hosts[1]);
}

static void
test_engine_broken_signature_file_fails_and_is_named(void **unused)
{
	struct wire_message message;
	struct harness h;

	(void)unused;
	harness_open(&h);
	harness_write(&h, "broken.ndb", "this is no signature\n");
	harness_start(&h, "contained", "", NULL);
	message = harness_first_message(&h);
	assert_int_equal(WIRE_FAILED, message.type);
	assert_non_null(strstr(message.text, "Malformed database"));
	assert_non_null(strstr(message.text, "broken.ndb"));
	assert_int_equal(EX_DATAERR, harness_exit_status(harness_wait(&h)));
	harness_close(&h);
}

static void
test_engine_without_signatures_fails(void **unused)
{
	struct wire_message message;
	char command[160];
	struct harness h;

	(void)unused;
	harness_open(&h);
	snprintf(command, sizeof command, "rm %s/*", h.signatures);
	assert_int_equal(0, system(command));
	harness_start(&h, "contained", "", NULL);
	message = harness_first_message(&h);
	assert_int_equal(WIRE_FAILED, message.type);
	assert_non_null(strstr(message.text, "no signatures in"));
	assert_int_equal(EX_NOINPUT, harness_exit_status(harness_wait(&h)));
	harness_close(&h);
}

/* Each of these is loaded by libclamav without a complaint. */
static void
test_engine_whose_signatures_find_nothing_fails(void **unused)
{
	static const char *const files[][2] = {
		{ "whitelist.ign2", "Eicar-Test-Signature\n" },
		{ "a.fp", "d41d8cd98f00b204e9800998ecf8427e:10:Allowed\n" },
		{ "a.wdb", "M:example.com:example.net\n" },
		{ "a.cfg", "PE:0x1\n" },
		{ "a.ftm", "1:0:4d5a:X:CL_TYPE_ANY:CL_TYPE_MSEXE\n" },
		{ "a.ndb", "# nothing yet\n" },
	};
	struct wire_message message;
	char command[160];
	struct harness h;

	(void)unused;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		harness_open(&h);
		snprintf(command, sizeof command, "rm %s/*", h.signatures);
		assert_int_equal(0, system(command));
		harness_write(&h, files[i][0], files[i][1]);
		harness_start(&h, "contained", "", NULL);
		message = harness_first_message(&h);
		if (message.type != WIRE_FAILED)
			fail_msg("%s was taken for a set", files[i][0]);
		assert_non_null(strstr(message.text, "find nothing"));
		assert_int_equal(EX_DATAERR,
		    harness_exit_status(harness_wait(&h)));
		harness_close(&h);
	}
}

static void
test_engine_counts_only_signatures_that_find_something(void **unused)
{
	struct wire_message message;
	struct harness h;

	(void)unused;
	harness_open(&h);
	harness_write(&h, "a.fp",
	    "d41d8cd98f00b204e9800998ecf8427e:10:Allowed\n");
	harness_start(&h, "contained", "", NULL);
	message = harness_first_message(&h);
	assert_int_equal(WIRE_READY, message.type);
	assert_int_equal(2, message.value);
	harness_close(&h);
}

static void
test_engine_plain_without_room_on_disk_fails_its_self_test(void **unused)
{
	struct wire_message message;
	struct harness h;

	(void)unused;
	harness_open(&h);
	harness_start(&h, "plain", "scratch = \"60000G\"", NULL);
	message = harness_first_message(&h);
	assert_int_equal(WIRE_FAILED, message.type);
	assert_non_null(strstr(message.text, "scratch-full"));
	assert_int_equal(EX_SOFTWARE, harness_exit_status(harness_wait(&h)));
	harness_close(&h);
}

/* --- slots, link, supervisor ------------------------------------------- */

static void
test_slot_nice_and_kill_out_of_turn_are_harmless(void **unused)
{
	struct wire_message result;
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	harness_send(slot, WIRE_KILL);
	harness_send(slot, WIRE_NICE);
	worker = harness_spawn(slot);
	harness_send(slot, WIRE_SPAWN);
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	assert_int_equal(0, result.flags);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_slot_nice_slows_its_worker_which_then_retires(void **unused)
{
	struct wire_message result;
	int slot, worker, tries = 0;
	struct harness h;
	pid_t pid;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	pid = harness_child(h.engine);
	harness_send(slot, WIRE_NICE);
	while (getpriority(PRIO_PROCESS, (id_t)pid) != 10 && ++tries < 1000)
		usleep(1000);
	assert_int_equal(10, getpriority(PRIO_PROCESS, (id_t)pid));
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	assert_int_equal(WIRE_RETIRING, result.flags);
	harness_recv(slot, WIRE_ENDED, NULL);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_slot_closed_ends_its_worker(void **unused)
{
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_start_slow_scan(&h, worker);
	close(slot);
	harness_wait_for_children(&h, 0);
	close(worker);
	harness_close(&h);
}

static void
test_slot_with_garbage_is_closed_and_the_others_live(void **unused)
{
	struct wire_message message = wire_make(WIRE_SPAWN), result;
	int bad, good, worker;
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", "");
	good = harness_slot(&h);
	worker = harness_spawn(good);
	bad = harness_slot(&h);
	assert_int_equal(7, send(bad, "garbage", 7, 0));
	assert_true(harness_is_closed(bad));
	close(bad);
	bad = harness_slot(&h);
	harness_send(bad, WIRE_RETIRE);
	assert_true(harness_is_closed(bad));
	close(bad);
	bad = harness_slot(&h);
	message.reserved = 1;
	assert_int_equal(sizeof message,
	    send(bad, &message, sizeof message, 0));
	assert_true(harness_is_closed(bad));
	close(bad);
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	close(worker);
	close(good);
	harness_close(&h);
}

static void
test_slots_over_the_bound_are_refused(void **unused)
{
	int slots[7], i, worker;
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", ""); /* 2 * (2 + 1) */
	for (i = 0; i < 7; i++)
		slots[i] = harness_slot(&h);
	assert_true(harness_is_closed(slots[6]));
	worker = harness_spawn(slots[5]);
	close(worker);
	for (i = 0; i < 7; i++)
		close(slots[i]);
	harness_close(&h);
}

static void
test_link_closed_ends_all_workers(void **unused)
{
	int slots[2], workers[2], i;
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", "");
	for (i = 0; i < 2; i++) {
		slots[i] = harness_slot(&h);
		workers[i] = harness_spawn(slots[i]);
		harness_start_slow_scan(&h, workers[i]);
	}
	fd_close(&h.link);
	for (i = 0; i < 2; i++) {
		assert_true(harness_is_closed(workers[i]));
		close(workers[i]);
		close(slots[i]);
	}
	harness_wait_for_children(&h, 0);
	harness_adopt(&h); /* the engine itself is well */
	slots[0] = harness_slot(&h);
	workers[0] = harness_spawn(slots[0]);
	close(workers[0]);
	close(slots[0]);
	harness_close(&h);
}

static void
test_link_with_garbage_is_closed(void **unused)
{
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", "");
	harness_send(h.link, WIRE_SPAWN);
	assert_true(harness_is_closed(h.link));
	harness_close(&h);
}

static void
test_link_adopted_anew_replaces_the_old_one(void **unused)
{
	int old, slot, worker;
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	old = h.link;
	harness_adopt(&h);
	assert_true(harness_is_closed(old));
	assert_true(harness_is_closed(worker));
	close(old);
	close(worker);
	close(slot);
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_engine_told_to_retire_ends_after_its_link(void **unused)
{
	struct wire_message result;
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_send(h.supervisor, WIRE_RETIRE);
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	assert_int_equal(0, waitpid(h.engine, NULL, WNOHANG));
	fd_close(&h.link);
	assert_int_equal(0, harness_exit_status(harness_wait(&h)));
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
engine_ends_with_its_supervisor(const char *mode)
{
	struct harness h;
	int slot, worker;

	harness_serve(&h, mode, "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_start_slow_scan(&h, worker);
	fd_close(&h.supervisor);
	assert_int_equal(0, harness_exit_status(harness_wait(&h)));
	assert_true(harness_is_closed(worker));
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_engine_without_supervisor_ends_at_once(void **unused)
{
	(void)unused;
	engine_ends_with_its_supervisor("contained");
	engine_ends_with_its_supervisor("plain");
}

static void
test_engine_garbage_from_the_supervisor_ends_it(void **unused)
{
	struct harness h;

	(void)unused;
	harness_serve(&h, "contained", "");
	harness_send(h.supervisor, WIRE_SPAWN);
	assert_int_equal(EX_SOFTWARE, harness_exit_status(harness_wait(&h)));
	harness_close(&h);
}

static void
engine_killed_takes_its_workers_along(const char *mode)
{
	struct harness h;
	int slot, worker;

	harness_serve(&h, mode, "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_start_slow_scan(&h, worker);
	kill(h.engine, SIGKILL);
	harness_wait(&h);
	assert_true(harness_is_closed(worker));
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_engine_killed_takes_its_workers_along(void **unused)
{
	(void)unused;
	engine_killed_takes_its_workers_along("contained");
	engine_killed_takes_its_workers_along("plain");
}

static unsigned long
resident_pages(pid_t pid)
{
	unsigned long size, resident;
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(2, fscanf(file, "%lu %lu", &size, &resident));
	fclose(file);
	return resident;
}

static void
test_engine_neither_grows_nor_leaks_over_many_workers(void **unused)
{
	unsigned fds_before = 0, i;
	unsigned long pages_before = 0;
	struct wire_message result;
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "contained", "");
	for (i = 0; i < 200; i++) {
		if (i == 20) {
			fds_before = harness_count_in_proc(h.engine, "fd");
			pages_before = resident_pages(h.engine);
		}
		slot = harness_slot(&h);
		worker = harness_spawn(slot);
		result = harness_scan(worker, harness_clean_mail);
		harness_assert_verdict(&result, VERDICT_CLEAN, "");
		close(worker);
		harness_recv(slot, WIRE_ENDED, NULL);
		close(slot);
	}
	harness_wait_for_children(&h, 0);
	usleep(20000);
	assert_in_range(harness_count_in_proc(h.engine, "fd"), fds_before - 2,
	    fds_before);
	assert_in_range(resident_pages(h.engine), 0, pages_before + 64);
	harness_close(&h);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_engine_ready_names_generation_and_counts_signatures),
		cmocka_unit_test(
		    test_engine_same_set_on_another_host_has_the_same_name),
		cmocka_unit_test(
		    test_engine_broken_signature_file_fails_and_is_named),
		cmocka_unit_test(test_engine_without_signatures_fails),
		cmocka_unit_test(
		    test_engine_whose_signatures_find_nothing_fails),
		cmocka_unit_test(
		    test_engine_counts_only_signatures_that_find_something),
		cmocka_unit_test(
		    test_engine_plain_without_room_on_disk_fails_its_self_test),
		cmocka_unit_test(
		    test_slot_nice_and_kill_out_of_turn_are_harmless),
		cmocka_unit_test(
		    test_slot_nice_slows_its_worker_which_then_retires),
		cmocka_unit_test(test_slot_closed_ends_its_worker),
		cmocka_unit_test(
		    test_slot_with_garbage_is_closed_and_the_others_live),
		cmocka_unit_test(test_slots_over_the_bound_are_refused),
		cmocka_unit_test(test_link_closed_ends_all_workers),
		cmocka_unit_test(test_link_with_garbage_is_closed),
		cmocka_unit_test(test_link_adopted_anew_replaces_the_old_one),
		cmocka_unit_test(
		    test_engine_told_to_retire_ends_after_its_link),
		cmocka_unit_test(test_engine_without_supervisor_ends_at_once),
		cmocka_unit_test(
		    test_engine_garbage_from_the_supervisor_ends_it),
		cmocka_unit_test(test_engine_killed_takes_its_workers_along),
		cmocka_unit_test(
		    test_engine_neither_grows_nor_leaks_over_many_workers),
	};

	harness_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
