/* test_engine_worker - the real workers: verdicts, ends, containment
 *
 *   test_engine_worker PATH-OF-VSCAN-ENGINE [TEST]
 *
 * Must be root.  VSCAN_ENGINE_FAULTS names the library built of
 * engine_faults.c; without it the tests of faults are skipped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "engine_harness.h"
#include "wire/verdict.h"

/* One member, flagged as encrypted. */
static const char encrypted_zip[] =
    "UEsDBBQAAQAIAAAAIQB4VjQSKAAAABwAAAAFAAAAYS50eHQBAgMEBQYHCAkKCwwNDg8QERIT"
    "FBUWFxgZGhscHR4fICEiIyQlJicoUEsBAhQAFAABAAgAAAAhAHhWNBIoAAAAHAAAAAUAAAAA"
    "AAAAAAAAAAAAAAAAAGEudHh0UEsFBgAAAAABAAEAMwAAAEsAAAAAAA==";

/* 200,000 zero bytes: more than max_file_size = 64K. */
static const char large_member_zip[] =
    "UEsDBBQAAAAIAAAAIQB7WOBc0wAAAEANAwAHAAAAYmlnLmJpbu3BMQEAAADCoPVPbQZ/oAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACA1wBQSwECFAAUAAAACAAAACEAe1jgXNMA"
    "AABADQMABwAAAAAAAAAAAAAAAAAAAAAAYmlnLmJpblBLBQYAAAAAAQABADUAAAD4AAAAAAA=";

/* The marker of a RAR archive and nothing that can be opened. */
static const char shut_rar[] = "UmFyIRoHAM+QcwAADQAAAAAAAAA=";

/* --- scans ------------------------------------------------------------- */

static void
scan_table(const char *mode)
{
	static const struct {
		const char *base64;
		enum verdict_kind kind;
		const char *name;
	} cases[] = {
		{ "aGVsbG8=", VERDICT_CLEAN, "" },
		{ encrypted_zip, VERDICT_ENCRYPTED, "Zip" },
		{ large_member_zip, VERDICT_INCOMPLETE, "MaxFileSize" },
		{ shut_rar, VERDICT_INCOMPLETE, "RAR-not-opened" },
	};
	struct wire_message result;
	struct harness h;
	int slot, worker;
	char *mail;
	size_t i;

	harness_serve(&h, mode, "max_file_size = \"64K\"");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		mail = harness_mail_encoded(cases[i].base64);
		result = harness_scan(worker, mail);
		harness_assert_verdict(&result, cases[i].kind, cases[i].name);
		assert_int_equal(7, result.id);
		assert_int_equal(0, result.flags);
		free(mail);
	}
	mail = harness_mail(HARNESS_EICAR, strlen(HARNESS_EICAR));
	result = harness_scan(worker, mail);
	harness_assert_verdict(&result, VERDICT_INFECTED, HARNESS_EICAR_NAME);
	free(mail);
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_tells_clean_infected_encrypted_incomplete(void **unused)
{
	(void)unused;
	scan_table("contained");
}

static void
test_worker_without_namespaces_tells_the_same(void **unused)
{
	(void)unused;
	scan_table("plain");
}

static void
test_worker_message_over_file_size_is_incomplete(void **unused)
{
	size_t size = 200000;
	char *mail = malloc(size + 1);
	struct wire_message result;
	struct harness h;
	int slot, worker;

	(void)unused;
	assert_non_null(mail);
	memset(mail, 'x', size);
	mail[size] = '\0';
	memcpy(mail, harness_clean_mail, strlen(harness_clean_mail));
	harness_serve(&h, "contained", "max_file_size = \"64K\"");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	result = harness_scan(worker, mail);
	harness_assert_verdict(&result, VERDICT_INCOMPLETE, "MaxFileSize");
	free(mail);
	close(worker);
	close(slot);
	harness_close(&h);
}

/* Creates a file as the account that the scratch knows; root is none there. */
static int
create_as_worker(int directory, const char *name)
{
	int fd;

	assert_int_equal(0, setegid(65534));
	assert_int_equal(0, seteuid(65534));
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(0, seteuid(0));
	assert_int_equal(0, setegid(0));
	return fd;
}

/* Leaves so many bytes free in the scratch of a worker. */
static void
fill_scratch(pid_t worker, unsigned long long leave)
{
	char path[64];
	struct statvfs fs;
	int directory, fd;

	snprintf(path, sizeof path, "/proc/%d/root", (int)worker);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	fd = create_as_worker(directory, "filler");
	assert_true(fd >= 0);
	assert_int_equal(0, fstatvfs(fd, &fs));
	assert_int_equal(0,
	    posix_fallocate(fd, 0, (off_t)(fs.f_bavail * fs.f_bsize - leave)));
	close(fd);
	close(directory);
}

/* A small scratch: more than max_scan_size + 2 * max_file_size. */
#define SMALL_SCRATCH \
	"scratch = \"16M\" max_scan_size = \"6M\" max_file_size = \"3M\""

static void
test_worker_full_scratch_is_never_clean(void **unused)
{
	static const struct {
		unsigned long long leave;
		enum verdict_kind kind;
	} cases[] = {
		{ 64 * 1024, VERDICT_ERROR },        /* seen before */
		{ 1500 * 1024, VERDICT_INCOMPLETE }, /* seen during */
	};
	size_t size = 1024 * 1024, i;
	struct wire_message result;
	char *data = calloc(1, size), *mail;
	struct harness h;
	int slot, worker;

	(void)unused;
	assert_non_null(data);
	mail = harness_mail(data, size);
	free(data);
	harness_serve(&h, "contained", SMALL_SCRATCH);
	slot = harness_slot(&h);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		worker = harness_spawn(slot);
		fill_scratch(harness_child(h.engine), cases[i].leave);
		result = harness_scan(worker, mail);
		harness_assert_verdict(&result, cases[i].kind, "scratch-full");
		assert_int_equal(WIRE_RETIRING, result.flags);
		close(worker);
		harness_recv(slot, WIRE_ENDED, NULL);
	}
	free(mail);
	close(slot);
	harness_close(&h);
}

/* About two seconds' work. */
#define FOUR_TICKS \
	"VSCAN-SLOW-TICK VSCAN-SLOW-TICK VSCAN-SLOW-TICK VSCAN-SLOW-TICK\r\n"

/* Where the scratch is a directory, somebody may remove it. */
static void
test_plain_worker_without_its_scratch_is_never_clean(void **unused)
{
	char path[PATH_MAX], away[PATH_MAX], mail[512];
	struct wire_message result, ended;
	struct harness h;
	int slot, worker;
	int64_t before;

	(void)unused;
	harness_serve(&h, "plain", "");
	snprintf(path, sizeof path, "%s/scratch/0/0", h.state);
	snprintf(away, sizeof away, "%s/away", h.state);
	snprintf(mail, sizeof mail, "%s" FOUR_TICKS FOUR_TICKS,
	    harness_clean_mail);
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	assert_int_equal(0, rename(path, away));
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_ERROR, "scratch-full");
	assert_int_equal(WIRE_RETIRING, result.flags);
	harness_recv(slot, WIRE_ENDED, NULL);
	close(worker);

	worker = harness_spawn(slot); /* which makes it anew */
	before = harness_children_cpu(&h);
	harness_send_job(worker, mail, strlen(mail), strlen(mail));
	/* So that it is in the middle. */
	harness_wait_cpu(&h, before + 200 * MONOTIME_MS);
	snprintf(away, sizeof away, "%s/away2", h.state);
	assert_int_equal(0, rename(path, away));
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_int_equal(WIRE_EXIT_CANARY, harness_exit_status(ended.status));
	close(worker);
	close(slot);
	harness_close(&h);
}

/* One engine, one mail with the text of a signature for unwanted software. */
static struct wire_message
scan_unwanted(const char *settings)
{
	struct wire_message result;
	struct harness h;
	int slot, worker;
	char *mail;

	harness_open(&h);
	/* "unwanted" */
	harness_write(&h, "test.ndu", "PUA.Test:0:*:756e77616e746564\n");
	harness_start(&h, "contained", settings, NULL);
	assert_int_equal(WIRE_READY, harness_first_message(&h).type);
	harness_adopt(&h);
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	mail = harness_mail("unwanted", 8);
	result = harness_scan(worker, mail);
	free(mail);
	close(worker);
	close(slot);
	harness_close(&h);
	return result;
}

static void
test_worker_looks_for_pua_only_if_it_is_asked_to(void **unused)
{
	struct wire_message result;

	(void)unused;
	result = scan_unwanted("");
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	result = scan_unwanted("} action { pua = \"reject\"");
	harness_assert_verdict(&result, VERDICT_PUA, "PUA.Test.UNOFFICIAL");
}

static void
test_worker_message_over_its_memory_is_incomplete(void **unused)
{
	size_t size = 24 * 1024 * 1024;
	char *mail = malloc(size);
	struct wire_message result;
	struct harness h;
	int slot, worker;

	(void)unused;
	assert_non_null(mail);
	memset(mail, 'x', size - 1);
	memcpy(mail, harness_clean_mail, strlen(harness_clean_mail));
	mail[size - 1] = '\0';
	harness_serve(&h, "contained", "worker_memory = \"16M\"");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	result = harness_scan(worker, mail);
	harness_assert_verdict(&result, VERDICT_INCOMPLETE, "memory");
	free(mail);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_retires_after_a_hundred_messages(void **unused)
{
	struct wire_message result, ended;
	struct harness h;
	int slot, worker, i;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	for (i = 1; i <= 100; i++) {
		result = harness_scan(worker, harness_clean_mail);
		assert_int_equal(i == 100 ? WIRE_RETIRING : 0, result.flags);
	}
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_int_equal(0, harness_exit_status(ended.status));
	assert_true(ended.value > 0);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_job_of_wrong_size_is_a_breach_of_protocol(void **unused)
{
	struct wire_message ended;
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_send_job(worker, harness_clean_mail, 10, 4096);
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_int_equal(WIRE_EXIT_PROTOCOL, harness_exit_status(ended.status));
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_workers_in_parallel_do_not_disturb_each_other(void **unused)
{
	char *mail = harness_mail(HARNESS_EICAR, strlen(HARNESS_EICAR));
	int slots[2], workers[2], i, round;
	struct wire_message result;
	struct harness h;

	(void)unused;
	harness_serve(&h, "plain", "");
	for (i = 0; i < 2; i++) {
		slots[i] = harness_slot(&h);
		workers[i] = harness_spawn(slots[i]);
	}
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 2; i++)
			harness_send_job(workers[i], mail, strlen(mail),
			    strlen(mail));
		for (i = 0; i < 2; i++) {
			result = harness_recv(workers[i], WIRE_RESULT, NULL);
			harness_assert_verdict(&result, VERDICT_INFECTED,
			    HARNESS_EICAR_NAME);
		}
	}
	free(mail);
	for (i = 0; i < 2; i++) {
		close(workers[i]);
		close(slots[i]);
	}
	harness_close(&h);
}

/* --- how a worker ends ------------------------------------------------- */

static void
test_worker_killed_in_the_middle_is_reported_at_once(void **unused)
{
	struct wire_message ended;
	struct harness h;
	int slot, worker;
	int64_t before;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_start_slow_scan(&h, worker);
	before = monotime_now();
	harness_send(slot, WIRE_KILL);
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_true(monotime_now() - before < 10 * MONOTIME_S);
	assert_true(WIFSIGNALED(ended.status));
	assert_int_equal(SIGKILL, WTERMSIG(ended.status));
	assert_true((int64_t)ended.value > 100 * MONOTIME_MS);
	close(worker);
	worker = harness_spawn(slot); /* the slot can be used again */
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_past_its_cpu_limit_says_so(void **unused)
{
	struct wire_message ended;
	struct harness h;
	int slot, worker;

	(void)unused;
#ifdef __SANITIZE_THREAD__
	print_message("skipped: ThreadSanitizer puts signals off until the "
		      "next call that it knows, and a scan makes none\n");
	skip();
#endif
	harness_serve(&h, "contained", "} deadline { scan_cpu = \"2s\"");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	harness_start_slow_scan(&h, worker);
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_int_equal(WIRE_EXIT_SIGNAL + SIGXCPU,
	    harness_exit_status(ended.status));
	assert_in_range(ended.value, 1900 * MONOTIME_MS, 3500 * MONOTIME_MS);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_deadly_signal_from_outside_is_told(void **unused)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGXFSZ };
	struct wire_message ended;
	struct harness h;
	int slot, worker;
	size_t i;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	for (i = 0; i < sizeof signals / sizeof *signals; i++) {
		worker = harness_spawn(slot);
		kill(harness_child(h.engine), signals[i]);
		ended = harness_recv(slot, WIRE_ENDED, NULL);
		assert_int_equal(WIRE_EXIT_SIGNAL + signals[i],
		    harness_exit_status(ended.status));
		close(worker);
	}
	close(slot);
	harness_close(&h);
}

static void
test_worker_faults_of_its_own_end_it_and_are_told(void **unused)
{
	static const struct {
		const char *fault;
		int status;
	} cases[] = {
		{ "FAULT-STACK", WIRE_EXIT_SIGNAL + SIGSEGV },
		{ "FAULT-ABORT", WIRE_EXIT_SIGNAL + SIGABRT },
		{ "FAULT-DIVIDE", WIRE_EXIT_SIGNAL + SIGFPE },
		{ "FAULT-FILE", WIRE_EXIT_SIGNAL + SIGXFSZ },
		{ "FAULT-BLIND", WIRE_EXIT_CANARY },
	};
	const char *preload = getenv("VSCAN_ENGINE_FAULTS");
	struct wire_message ended;
	int slot, worker;
	struct harness h;
	char mail[256];
	size_t i;

	(void)unused;
	if (preload == NULL)
		skip();
	harness_open(&h);
	harness_start(&h, "contained", "", preload);
	assert_int_equal(WIRE_READY, harness_first_message(&h).type);
	harness_adopt(&h);
	slot = harness_slot(&h);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(mail, sizeof mail, "%s%s\r\n", harness_clean_mail,
		    cases[i].fault);
		worker = harness_spawn(slot);
		harness_send_job(worker, mail, strlen(mail), strlen(mail));
		ended = harness_recv(slot, WIRE_ENDED, NULL);
		assert_int_equal(cases[i].status,
		    harness_exit_status(ended.status));
		close(worker);
	}
	close(slot);
	harness_close(&h);
}

static void
test_worker_with_a_complaint_is_incomplete_and_retires(void **unused)
{
	static const struct {
		const char *fault;
		const char *name;
	} cases[] = {
		{ "FAULT-WARN", "engine-warning" },
		{ "FAULT-ERROR", "engine-error-write" },
		{ "FAULT-MEMORY", "memory" },
	};
	const char *preload = getenv("VSCAN_ENGINE_FAULTS");
	struct wire_message result, ended;
	int slot, worker;
	struct harness h;
	char mail[256];
	size_t i;

	(void)unused;
	if (preload == NULL)
		skip();
	harness_open(&h);
	harness_start(&h, "contained", "", preload);
	assert_int_equal(WIRE_READY, harness_first_message(&h).type);
	harness_adopt(&h);
	slot = harness_slot(&h);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(mail, sizeof mail, "%s%s\r\n", harness_clean_mail,
		    cases[i].fault);
		worker = harness_spawn(slot);
		result = harness_scan(worker, mail);
		harness_assert_verdict(&result, VERDICT_INCOMPLETE,
		    cases[i].name);
		assert_int_equal(WIRE_RETIRING, result.flags);
		ended = harness_recv(slot, WIRE_ENDED, NULL);
		assert_int_equal(0, harness_exit_status(ended.status));
		close(worker);
	}
	close(slot);
	harness_close(&h);
}

static void
test_worker_that_does_not_get_ready_says_why(void **unused)
{
	struct wire_message failed, ended;
	char command[PATH_MAX];
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "plain", "");
	snprintf(command, sizeof command, "rm -r %s/scratch", h.state);
	assert_int_equal(0, system(command));
	slot = harness_slot(&h);
	harness_send(slot, WIRE_SPAWN);
	harness_recv(slot, WIRE_SPAWNED, &worker);
	failed = harness_recv(worker, WIRE_FAILED, NULL);
	assert_non_null(strstr(failed.text, "/scratch/0/0: No such file"));
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_int_equal(WIRE_EXIT_SETUP, harness_exit_status(ended.status));
	close(worker);
	close(slot);
	harness_close(&h);
}

/* --- containment ------------------------------------------------------- */

static void
test_worker_is_alone_in_its_namespaces(void **unused)
{
	char path[PATH_MAX], value[64];
	struct harness h;
	int slot, worker;
	pid_t pid;
	FILE *file;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	pid = harness_child(h.engine);

	assert_int_equal(4, harness_count_in_proc(pid, "fd"));
	snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	assert_int_equal(0, access(path, F_OK));
	assert_int_equal(0, harness_count_entries(path));
	assert_int_equal(1, harness_count_mounts(pid));
	harness_read_status(pid, "CapEff", value);
	assert_string_equal("0000000000000000", value);
	harness_read_status(pid, "CapBnd", value);
	assert_string_equal("0000000000000000", value);
	harness_read_status(pid, "NoNewPrivs", value);
	assert_string_equal("1", value);
	harness_read_status(pid, "Uid", value);
	assert_string_equal("65534", value);
	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(value, sizeof value, file));
	assert_string_equal("1000\n", value);
	fclose(file);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_worker_of_a_plain_engine_has_no_descriptors_either(void **unused)
{
	struct harness h;
	int slot, worker;
	char value[64];
	pid_t pid;

	(void)unused;
	harness_serve(&h, "plain", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	pid = harness_child(h.engine);
	assert_int_equal(4, harness_count_in_proc(pid, "fd"));
	harness_read_status(pid, "CapEff", value);
	assert_string_equal("0000000000000000", value);
	harness_read_status(pid, "NoNewPrivs", value);
	assert_string_equal("1", value);
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_scratch_of_a_killed_plain_worker_is_emptied(void **unused)
{
	struct wire_message ended;
	char path[PATH_MAX], command[2 * PATH_MAX];
	struct harness h;
	int slot, worker;

	(void)unused;
	harness_serve(&h, "plain", "");
	slot = harness_slot(&h);
	worker = harness_spawn(slot);
	snprintf(path, sizeof path, "%s/scratch/0/0", h.state);
	snprintf(command, sizeof command,
	    "cd %s && d=. && for i in $(seq 200); do d=$d/deep; done && "
	    "mkdir -p $d/.. && touch $d/../file && ln -s %s link && "
	    "mkdir closed && chown -hR 65534:65534 . && chmod 0 closed",
	    path, h.signatures);
	assert_int_equal(0, system(command));
	harness_send(slot, WIRE_KILL);
	ended = harness_recv(slot, WIRE_ENDED, NULL);
	assert_true(WIFSIGNALED(ended.status));
	assert_int_equal(0, harness_count_entries(path));
	assert_int_equal(2, harness_count_entries(h.signatures));
	close(worker);
	close(slot);
	harness_close(&h);
}

static void
test_scratch_of_two_plain_engines_is_apart(void **unused)
{
	struct harness first, second;
	char path[PATH_MAX];

	(void)unused;
	harness_serve(&first, "plain", "");
	second = first;
	harness_start(&second, "plain", "", NULL);
	assert_int_equal(WIRE_READY, harness_first_message(&second).type);
	snprintf(path, sizeof path, "%s/scratch", first.state);
	assert_int_equal(2, harness_count_entries(path));
	fd_close(&second.supervisor);
	assert_int_equal(0, harness_exit_status(harness_wait(&second)));
	harness_close(&first);
}

/* Not a test but a number for the log. */
static void
test_worker_times_are_printed(void **unused)
{
	int64_t began, spawned = 0, scanned = 0;
	struct harness h;
	int slot, worker, i;

	(void)unused;
	harness_serve(&h, "contained", "");
	slot = harness_slot(&h);
	for (i = 0; i < 20; i++) {
		began = monotime_now();
		worker = harness_spawn(slot);
		spawned += monotime_now() - began;
		harness_scan(worker, harness_clean_mail);
		began = monotime_now();
		harness_scan(worker, harness_clean_mail);
		scanned += monotime_now() - began;
		close(worker);
		harness_recv(slot, WIRE_ENDED, NULL);
	}
	print_message("spawn with canary %.2f ms, small mail %.2f ms\n",
	    (double)spawned / 20e6, (double)scanned / 20e6);
	close(slot);
	harness_close(&h);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_worker_tells_clean_infected_encrypted_incomplete),
		cmocka_unit_test(test_worker_without_namespaces_tells_the_same),
		cmocka_unit_test(
		    test_worker_message_over_file_size_is_incomplete),
		cmocka_unit_test(test_worker_full_scratch_is_never_clean),
		cmocka_unit_test(
		    test_plain_worker_without_its_scratch_is_never_clean),
		cmocka_unit_test(
		    test_worker_looks_for_pua_only_if_it_is_asked_to),
		cmocka_unit_test(
		    test_worker_message_over_its_memory_is_incomplete),
		cmocka_unit_test(test_worker_retires_after_a_hundred_messages),
		cmocka_unit_test(
		    test_worker_job_of_wrong_size_is_a_breach_of_protocol),
		cmocka_unit_test(
		    test_workers_in_parallel_do_not_disturb_each_other),
		cmocka_unit_test(
		    test_worker_killed_in_the_middle_is_reported_at_once),
		cmocka_unit_test(test_worker_past_its_cpu_limit_says_so),
		cmocka_unit_test(
		    test_worker_deadly_signal_from_outside_is_told),
		cmocka_unit_test(
		    test_worker_faults_of_its_own_end_it_and_are_told),
		cmocka_unit_test(
		    test_worker_with_a_complaint_is_incomplete_and_retires),
		cmocka_unit_test(test_worker_that_does_not_get_ready_says_why),
		cmocka_unit_test(test_worker_is_alone_in_its_namespaces),
		cmocka_unit_test(
		    test_worker_of_a_plain_engine_has_no_descriptors_either),
		cmocka_unit_test(
		    test_scratch_of_a_killed_plain_worker_is_emptied),
		cmocka_unit_test(test_scratch_of_two_plain_engines_is_apart),
		cmocka_unit_test(test_worker_times_are_printed),
	};

	harness_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
