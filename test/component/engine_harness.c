/* engine_harness - starts a real engine and plays supervisor and filter
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine_harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/ns.h"
#include "base/priv.h"
#include "base/seqpacket.h"

const char harness_clean_mail[] =
    "Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    "Subject: hello\r\n\r\nNothing here.\r\n";

#define SKIP_CODE 77

static const char *engine_path;

/* Of HARNESS_EICAR. */
static const char eicar_signature[] =
    "Test.Eicar:0:*:58354f2150254041505b345c505a58353428505e2937434329377d\n";

static const char slow_rule[] =
    "rule VS_SLOW { strings: $a = \"VSCAN-SLOW-TICK\" condition: "
    "for all i in (1..(#a * 2000000)) : ( i > 0 ) and filesize < 0 }\n";

static void
must(enum error_code code, const struct error *err)
{
	if (code != ERROR_NONE)
		fail_msg("%s", err->text);
}

static struct priv_account
account(void)
{
	struct priv_account nobody = { .uid = 65534, .gid = 65534 };

	strcpy(nobody.name, "nobody");
	return nobody;
}

/* NULL if the tests can run here, else why not. */
static const char *
missing(void)
{
	struct priv_account nobody = account();
	struct error err;
	pid_t pid;

	if (geteuid() != 0)
		return "not root";
	if (engine_path == NULL || access(engine_path, X_OK) < 0)
		return "no vscan-engine (argument or VSCAN_ENGINE)";
	if (ns_fork_contained(&nobody, &pid, &err) != ERROR_NONE)
		return "no namespaces";
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return NULL;
}

void
harness_main(int argc, char **argv)
{
	const char *why;

	engine_path = argc > 1 ? argv[1] : getenv("VSCAN_ENGINE");
	why = missing();
	if (why == NULL && sodium_init() < 0)
		why = "libsodium does not start";
	if (why != NULL) {
		fprintf(stderr, "skipped: %s\n", why);
		exit(SKIP_CODE);
	}
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
}

void
harness_write(const struct harness *h, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", h->signatures, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void
harness_open(struct harness *h)
{
	memset(h, 0, sizeof *h);
	h->supervisor = h->link = -1;
	strcpy(h->directory, "/tmp/vscan-engine-XXXXXX");
	assert_non_null(mkdtemp(h->directory));
	snprintf(h->state, sizeof h->state, "%s/state", h->directory);
	snprintf(h->signatures, sizeof h->signatures, "%s/signatures",
	    h->directory);
	assert_int_equal(0, chmod(h->directory, 0755));
	assert_int_equal(0, mkdir(h->state, 0700));
	assert_int_equal(0, chown(h->state, 65534, 65534));
	assert_int_equal(0, mkdir(h->signatures, 0755));
	harness_write(h, "test.ndb", eicar_signature);
	harness_write(h, "slow.yar", slow_rule);
}

void
harness_close(struct harness *h)
{
	char command[128];

	fd_close(&h->link);
	fd_close(&h->supervisor);
	if (h->engine > 0) {
		kill(h->engine, SIGKILL);
		waitpid(h->engine, NULL, 0);
	}
	snprintf(command, sizeof command, "rm -rf %s", h->directory);
	assert_int_equal(0, system(command));
}

/* Defaults as the program's own, but for what a test needs small. */
static int
write_config(const struct harness *h, const char *settings)
{
	struct error err;
	int fd;
	FILE *file;

	must(fd_memory("configuration", &fd, &err), &err);
	file = fdopen(dup(fd), "w");
	assert_non_null(file);
	fprintf(file,
	    "user = \"nobody\"\nstate_directory = \"%s\"\n"
	    "log { target = \"stderr\" level = \"error\" }\n"
	    "engine { database = { \"%s\" } workers = 2 background = 1 "
	    "%s }\n",
	    h->state, h->signatures, settings);
	fclose(file);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Before any privilege goes; afterwards it would take no_new_privs. */
static void
take_from_kernel(const struct callfilter_profile *lacks)
{
	struct callfilter filter;
	struct error err;

	if (lacks != NULL &&
	    (callfilter_compile(lacks, &filter, &err) != ERROR_NONE ||
		callfilter_load(&filter, &err) != ERROR_NONE))
		_exit(125);
}

static void __attribute__((noreturn))
exec_engine(const char *mode, int supervisor, int config, const char *preload)
{
	struct priv_account nobody = account();
	struct error err;

	if (strcmp(mode, "plain") == 0 &&
	    priv_drop(&nobody, &err) != ERROR_NONE)
		_exit(126);
	if (preload != NULL)
		setenv("LD_PRELOAD", preload, 1);
	/* Clear of 3 and 4 first. */
	supervisor = fcntl(supervisor, F_DUPFD, 10);
	config = fcntl(config, F_DUPFD, 10);
	if (fd_move_to(supervisor, 3, &err) == ERROR_NONE &&
	    fd_move_to(config, 4, &err) == ERROR_NONE)
		execl(engine_path, "vscan-engine", mode, (char *)0);
	_exit(127);
}

void
harness_start(struct harness *h, const char *mode, const char *settings,
    const char *preload)
{
	struct priv_account nobody = account();
	int pair[2], config;
	struct error err;

	must(seqpacket_pair(pair, &err), &err);
	config = write_config(h, settings);
	if (strcmp(mode, "plain") == 0)
		h->engine = fork();
	else
		must(ns_fork_contained(&nobody, &h->engine, &err), &err);
	if (h->engine == 0) {
		take_from_kernel(h->kernel);
		exec_engine(mode, pair[1], config, preload);
	}
	close(pair[1]);
	close(config);
	h->supervisor = pair[0];
}

struct wire_message
harness_first_message(struct harness *h)
{
	struct wire_message message;
	struct error err;

	must(wire_recv(h->supervisor,
		 WIRE_ACCEPT(WIRE_READY) | WIRE_ACCEPT(WIRE_FAILED), &message,
		 NULL, monotime_after(HARNESS_PATIENCE), &err),
	    &err);
	return message;
}

void
harness_adopt(struct harness *h)
{
	struct wire_message adopt = wire_make(WIRE_ADOPT);
	struct error err;
	int pair[2];

	must(seqpacket_pair(pair, &err), &err);
	must(wire_send(h->supervisor, &adopt, pair[1], &err), &err);
	close(pair[1]);
	h->link = pair[0];
}

void
harness_serve(struct harness *h, const char *mode, const char *settings)
{
	struct wire_message message;

	harness_open(h);
	harness_start(h, mode, settings, NULL);
	message = harness_first_message(h);
	if (message.type != WIRE_READY)
		fail_msg("engine: %s", message.text);
	harness_adopt(h);
}

int
harness_wait(struct harness *h)
{
	int64_t until = monotime_after(HARNESS_PATIENCE);
	int status;

	while (waitpid(h->engine, &status, WNOHANG) == 0) {
		if (monotime_now() > until)
			fail_msg("the engine does not end");
		usleep(5000);
	}
	h->engine = 0;
	return status;
}

int
harness_slot(struct harness *h)
{
	struct wire_message slot = wire_make(WIRE_SLOT);
	struct error err;
	int pair[2];

	must(seqpacket_pair(pair, &err), &err);
	must(wire_send(h->link, &slot, pair[1], &err), &err);
	close(pair[1]);
	return pair[0];
}

void
harness_send(int sock, enum wire_type type)
{
	struct wire_message message = wire_make(type);
	struct error err;

	must(wire_send(sock, &message, -1, &err), &err);
}

struct wire_message
harness_recv(int sock, enum wire_type type, int *fd_r)
{
	struct wire_message message;
	struct error err;

	must(wire_recv(sock, WIRE_ACCEPT(type), &message, fd_r,
		 monotime_after(HARNESS_PATIENCE), &err),
	    &err);
	return message;
}

bool
harness_is_closed(int sock)
{
	struct wire_message message;
	struct error err;

	return wire_recv(sock, 0, &message, NULL,
		   monotime_after(HARNESS_PATIENCE), &err) == ERROR_GONE;
}

int
harness_spawn(int slot)
{
	int worker;

	harness_send(slot, WIRE_SPAWN);
	harness_recv(slot, WIRE_SPAWNED, &worker);
	harness_recv(worker, WIRE_HELLO, NULL);
	return worker;
}

void
harness_send_job(int worker, const char *mail, size_t length, uint64_t size)
{
	struct wire_message job = wire_make(WIRE_JOB);
	struct error err;
	int fd;

	must(fd_memory("mail", &fd, &err), &err);
	must(fd_write_at(fd, mail, length, 0, &err), &err);
	must(fd_seal(fd, &err), &err);
	job.id = 7;
	job.value = size;
	must(wire_send(worker, &job, fd, &err), &err);
	close(fd);
}

struct wire_message
harness_scan(int worker, const char *mail)
{
	harness_send_job(worker, mail, strlen(mail), strlen(mail));
	return harness_recv(worker, WIRE_RESULT, NULL);
}

/* A mail that takes about 0.2 s for each tick. */
/* Of one process; 0 if it is gone.  The name, in parentheses, may have any
 * character in it. */
static int64_t
cpu_of(int pid)
{
	char path[64], text[1024] = "", *rest;
	unsigned long user = 0, system = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	rest = fgets(text, sizeof text, file) != NULL ? strrchr(text, ')')
						      : NULL;
	fclose(file);
	if (rest == NULL ||
	    sscanf(rest,
		") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		return 0;
	return (int64_t)(user + system) * MONOTIME_S / sysconf(_SC_CLK_TCK);
}

int64_t
harness_children_cpu(const struct harness *h)
{
	char path[64];
	int64_t sum = 0;
	FILE *file;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)h->engine,
	    (int)h->engine);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fscanf(file, "%d", &pid) == 1)
		sum += cpu_of(pid);
	fclose(file);
	return sum;
}

void
harness_wait_cpu(const struct harness *h, int64_t want)
{
	int64_t until = monotime_after(20 * MONOTIME_S);

	while (harness_children_cpu(h) < want) {
		if (monotime_now() > until)
			fail_msg("no worker scans");
		usleep(2000);
	}
}

static char *
slow_mail(unsigned ticks)
{
	static const char tick[] = "VSCAN-SLOW-TICK\r\n";
	size_t room = sizeof harness_clean_mail + ticks * sizeof tick;
	char *mail = malloc(room);
	size_t used;

	assert_non_null(mail);
	strcpy(mail, harness_clean_mail);
	used = strlen(mail);
	while (ticks-- > 0) {
		strcpy(mail + used, tick);
		used += strlen(tick);
	}
	return mail;
}

void
harness_start_slow_scan(struct harness *h, int worker)
{
	int64_t before = harness_children_cpu(h);
	char *mail = slow_mail(1000);

	harness_send_job(worker, mail, strlen(mail), strlen(mail));
	free(mail);
	harness_wait_cpu(h, before + 200 * MONOTIME_MS);
}

void
harness_assert_verdict(const struct wire_message *result,
    enum verdict_kind kind, const char *name)
{
	assert_string_equal(verdict_kind_name(kind),
	    verdict_kind_name((enum verdict_kind)result->status));
	assert_string_equal(name, result->text);
}

int
harness_exit_status(int status)
{
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

char *
harness_mail_encoded(const char *base64)
{
	static const char head[] =
	    "Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
	    "From: a@example.com\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n"
	    "--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n--x\r\n"
	    "Content-Type: application/octet-stream; name=\"a.bin\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n";
	size_t room = sizeof head + strlen(base64) + 16;
	char *mail = malloc(room);

	assert_non_null(mail);
	snprintf(mail, room, "%s%s\r\n--x--\r\n", head, base64);
	return mail;
}

char *
harness_mail(const void *data, size_t len)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t room = sodium_base64_encoded_len(len, variant);
	char *base64 = malloc(room), *mail;

	assert_non_null(base64);
	sodium_bin2base64(base64, room, data, len, variant);
	mail = harness_mail_encoded(base64);
	free(base64);
	return mail;
}

static unsigned
list_children(pid_t parent, pid_t *last_r)
{
	char path[64];
	unsigned count = 0;
	FILE *file;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent,
	    (int)parent);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fscanf(file, "%d", &pid) == 1) {
		*last_r = pid;
		count++;
	}
	fclose(file);
	return count;
}

pid_t
harness_child(pid_t parent)
{
	pid_t last = 0;

	assert_int_equal(1, list_children(parent, &last));
	return last;
}

unsigned
harness_count_children(pid_t parent)
{
	pid_t last;

	return list_children(parent, &last);
}

void
harness_wait_for_children(struct harness *h, unsigned want)
{
	int64_t until = monotime_after(5 * MONOTIME_S);

	while (harness_count_children(h->engine) != want) {
		if (monotime_now() > until)
			fail_msg("workers live on");
		usleep(2000);
	}
}

unsigned
harness_count_entries(const char *path)
{
	DIR *stream = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	if (stream == NULL)
		return 0;
	while ((entry = readdir(stream)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(stream);
	return count;
}

unsigned
harness_count_in_proc(pid_t pid, const char *what)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	return harness_count_entries(path);
}

void
harness_read_status(pid_t pid, const char *field, char value_r[64])
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	value_r[0] = '\0';
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			sscanf(line + strlen(field), ": %63s", value_r);
	fclose(file);
}

unsigned
harness_count_mounts(pid_t pid)
{
	char path[64], line[1024];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		count++;
	fclose(file);
	return count;
}
