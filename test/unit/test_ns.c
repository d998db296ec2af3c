/* test_ns - what a contained process is, from inside and from outside
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/ns.h"
#include "base/seqpacket.h"
#include "support.h"

/* No account of that number needs to exist. */
#define ACCOUNT 54321

static const struct priv_account account = {
	.uid = ACCOUNT,
	.gid = ACCOUNT + 1,
	.name = "unit-test",
};

/* What a process in namespaces finds around itself. */
struct view {
	pid_t pid;
	uid_t uid, euid;
	gid_t gid, egid;
	int groups;
	unsigned interfaces;
	bool only_lo;
	unsigned names; /* in the scratch directory */
	bool mounted;
	bool scratch_flags; /* nosuid, nodev, noexec */
	bool full;          /* the scratch space has an end */
};

static void
look_around(struct view *view)
{
	struct if_nameindex *list = if_nameindex();

	memset(view, 0, sizeof *view);
	view->pid = getpid();
	view->uid = getuid();
	view->euid = geteuid();
	view->gid = getgid();
	view->egid = getegid();
	view->groups = getgroups(0, NULL);
	view->only_lo = list != NULL;
	for (unsigned i = 0; list != NULL && list[i].if_index != 0; i++) {
		view->interfaces++;
		view->only_lo &= strcmp(list[i].if_name, "lo") == 0;
	}
	if_freenameindex(list);
}

/* A contained process that runs body with its end of a socket, and then is
 * killed; the caller's end is *sock_r. */
static pid_t
start(void (*body)(int sock, void *context), void *context, int *sock_r)
{
	struct error err;
	int pair[2];
	pid_t pid;

	assert_int_equal(seqpacket_pair(pair, &err), ERROR_NONE);
	if (ns_fork_contained(&account, &pid, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	if (pid == 0) {
		fd_close(&pair[0]);
		body(pair[1], context);
		_exit(0);
	}
	fd_close(&pair[1]);
	*sock_r = pair[0];
	return pid;
}

static void
end(pid_t pid, int *sock)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd_close(sock);
}

static void
receive(int sock, void *data, size_t len)
{
	struct error err;

	if (seqpacket_recv(sock, data, len, NULL,
		monotime_after(10 * MONOTIME_S), &err) != ERROR_NONE)
		fail_msg("%s", err.text);
}

/* In a child: says it and stays. */
static void
tell(int sock, const void *data, size_t len)
{
	if (seqpacket_send(sock, data, len, -1, NULL) != ERROR_NONE)
		_exit(1);
}

static void
tell_view(int sock, void *context)
{
	struct view view;

	(void)context;
	look_around(&view);
	tell(sock, &view, sizeof view);
	pause();
}

static void
test_ns_contained_process_is_process_1_and_root_inside(void **state)
{
	struct view view;
	pid_t pid;
	int sock;

	(void)state;
	pid = start(tell_view, NULL, &sock);
	receive(sock, &view, sizeof view);
	end(pid, &sock);
	assert_int_equal(view.pid, 1);
	assert_int_equal(view.uid, 0);
	assert_int_equal(view.euid, 0);
	assert_int_equal(view.gid, 0);
	assert_int_equal(view.egid, 0);
	assert_int_equal(view.groups, 0);
}

static void
test_ns_contained_process_has_no_network(void **state)
{
	struct view view;
	pid_t pid;
	int sock;

	(void)state;
	pid = start(tell_view, NULL, &sock);
	receive(sock, &view, sizeof view);
	end(pid, &sock);
	assert_int_equal(view.interfaces, 1);
	assert_true(view.only_lo);
}

/* Reads one line of /proc/PID/status, without its name. */
static void
read_status(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	out[0] = '\0';
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			snprintf(out, size, "%s", line + strlen(name));
	fclose(file);
}

static void
test_ns_contained_process_is_the_account_outside(void **state)
{
	char uids[128], gids[128], groups[128];
	struct view view;
	pid_t pid;
	int sock;

	(void)state;
	pid = start(tell_view, NULL, &sock);
	receive(sock, &view, sizeof view);
	read_status(pid, "Uid:", uids, sizeof uids);
	read_status(pid, "Gid:", gids, sizeof gids);
	read_status(pid, "Groups:", groups, sizeof groups);
	end(pid, &sock);
	assert_string_equal(uids, "\t54321\t54321\t54321\t54321\n");
	assert_string_equal(gids, "\t54322\t54322\t54322\t54322\n");
	assert_int_equal(strspn(groups, " \t\n"), strlen(groups));
}

/* A worker with a scratch mount of 1 MiB and 8 inodes, which it fills. */
static void
be_worker(int sock, const char *directory)
{
	static char block[65536];
	char path[96];
	struct statvfs fs;
	struct view view;
	int fd;

	look_around(&view);
	view.mounted = ns_mount_scratch(directory, 1 << 20, 8, NULL) ==
	    ERROR_NONE;
	view.names = support_count_names(directory);
	view.scratch_flags = statvfs(directory, &fs) == 0 &&
	    (fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC)) ==
		(ST_NOSUID | ST_NODEV | ST_NOEXEC);
	snprintf(path, sizeof path, "%s/big", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 32 && fd >= 0; i++)
		view.full |= write(fd, block, sizeof block) !=
		    (ssize_t)sizeof block;
	tell(sock, &view, sizeof view);
	pause();
}

/* Process 1: starts a worker, waits until it has said its view and the test
 * has asked, and says what it sees itself. */
static void
have_worker(int sock, void *directory)
{
	struct view view;
	struct error err;
	char go;
	pid_t worker;

	if (ns_fork_worker(&worker, &err) != ERROR_NONE)
		_exit(1);
	if (worker == 0)
		be_worker(sock, directory);
	if (seqpacket_recv(sock, &go, 1, NULL, MONOTIME_NEVER, &err) !=
	    ERROR_NONE)
		_exit(1);
	look_around(&view);
	view.names = support_count_names(directory);
	view.mounted = worker > 1;
	tell(sock, &view, sizeof view);
	pause();
}

static void
test_ns_worker_has_a_scratch_mount_that_only_it_sees(void **state)
{
	struct view worker, engine;
	char directory[32], path[64];
	pid_t pid;
	int sock, fd;

	(void)state;
	support_make_directory(directory);
	assert_int_equal(chmod(directory, 0777), 0);
	snprintf(path, sizeof path, "%s/outside", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	fd_close(&fd);
	pid = start(have_worker, directory, &sock);
	receive(sock, &worker, sizeof worker);
	assert_int_equal(seqpacket_send(sock, "g", 1, -1, NULL), ERROR_NONE);
	receive(sock, &engine, sizeof engine);
	assert_int_equal(support_count_names(directory), 1);
	end(pid, &sock);
	assert_true(worker.mounted);
	assert_int_equal(worker.names, 0);
	assert_true(worker.scratch_flags);
	assert_true(worker.full);
	assert_int_equal(engine.names, 1);
	assert_int_equal(unlink(path), 0);
	support_remove_directory(directory);
}

static void
test_ns_worker_is_process_1_of_its_own(void **state)
{
	struct view worker, engine;
	char directory[32];
	pid_t pid;
	int sock;

	(void)state;
	support_make_directory(directory);
	assert_int_equal(chmod(directory, 0777), 0);
	pid = start(have_worker, directory, &sock);
	receive(sock, &worker, sizeof worker);
	assert_int_equal(seqpacket_send(sock, "g", 1, -1, NULL), ERROR_NONE);
	receive(sock, &engine, sizeof engine);
	end(pid, &sock);
	assert_int_equal(worker.pid, 1);
	assert_int_equal(worker.uid, 0);
	assert_int_equal(engine.pid, 1);
	assert_true(engine.mounted);
	assert_int_equal(worker.interfaces, 1);
	assert_true(worker.only_lo);
	support_remove_directory(directory);
}

/* The socket's other end is held by the engine and by its worker: its end
 * means that both are gone. */
static void
test_ns_death_of_the_first_ends_the_worker(void **state)
{
	struct view worker;
	char directory[32], byte;
	struct error err;
	pid_t pid;
	int sock;

	(void)state;
	support_make_directory(directory);
	assert_int_equal(chmod(directory, 0777), 0);
	pid = start(have_worker, directory, &sock);
	receive(sock, &worker, sizeof worker);
	kill(pid, SIGKILL);
	assert_int_equal(seqpacket_recv(sock, &byte, 1, NULL,
			     monotime_after(10 * MONOTIME_S), &err),
	    ERROR_GONE);
	end(pid, &sock);
	support_remove_directory(directory);
}

static void
test_ns_failure_leaves_no_child_and_no_descriptor(void **state)
{
	const struct priv_account invalid = { .uid = (uid_t)-1 };
	unsigned before = support_open_fds();
	struct error err;
	pid_t pid;

	(void)state;
	assert_int_not_equal(ns_fork_contained(&invalid, &pid, &err),
	    ERROR_NONE);
	assert_string_not_equal(err.text, "");
	assert_int_equal(support_open_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The kernel may not let an ordinary account do it. */
static bool
contain_as_account(void *context)
{
	struct error err = { .text = "" };
	enum error_code code;
	pid_t pid;
	int status = -1;

	(void)context;
	if (setresgid(account.gid, account.gid, account.gid) < 0 ||
	    setresuid(account.uid, account.uid, account.uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1) < 0)
		return support_check(false, "root could be given up");
	code = ns_fork_contained(&account, &pid, &err);
	if (code != ERROR_NONE) {
		fprintf(stderr, "not tried: %s\n", err.text);
		return true;
	}
	if (pid == 0)
		_exit(getpid() == 1 && getuid() == 0 && getgid() == 0 ? 7 : 8);
	waitpid(pid, &status, 0);
	return support_check(WIFEXITED(status) && WEXITSTATUS(status) == 7,
	    "the account is root inside");
}

static void
test_ns_ordinary_account_can_contain_too(void **state)
{
	(void)state;
	support_in_child(contain_as_account, NULL);
}

/* NULL if it can be tried here. */
static const char *
why_not(void)
{
	static struct error err;
	pid_t pid;

	if (geteuid() != 0)
		return "only root can map another account";
	if (ns_fork_contained(&account, &pid, &err) != ERROR_NONE)
		return err.text;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return NULL;
}

int
main(void)
{
	const char *reason = why_not();
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_ns_contained_process_is_process_1_and_root_inside),
		cmocka_unit_test(test_ns_contained_process_has_no_network),
		cmocka_unit_test(
		    test_ns_contained_process_is_the_account_outside),
		cmocka_unit_test(
		    test_ns_worker_has_a_scratch_mount_that_only_it_sees),
		cmocka_unit_test(test_ns_worker_is_process_1_of_its_own),
		cmocka_unit_test(test_ns_death_of_the_first_ends_the_worker),
		cmocka_unit_test(
		    test_ns_failure_leaves_no_child_and_no_descriptor),
		cmocka_unit_test(test_ns_ordinary_account_can_contain_too),
	};

	if (reason != NULL) {
		printf("skipped: %s\n", reason);
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
