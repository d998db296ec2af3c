/* test_confine - what supervisor, engine and filter can still call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/confine.h"
#include "support.h"

/* What a child ends with; below 100 it is an error's number. */
enum { NOT_CONFINED = 100, DEADLY = 101 };

/* Returns 0 or the error. */
typedef int deed_function(void);

static int
run_true(void)
{
	char *arguments[] = { (char *)(uintptr_t) "true", NULL };

	execv("/bin/true", arguments);
	return errno;
}

static int
fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) != pid ? errno : 0;
}

static void *
do_nothing(void *unused)
{
	return unused;
}

static int
start_thread(void)
{
	pthread_t thread;
	int failed = pthread_create(&thread, NULL, do_nothing, NULL);

	return failed ? failed : pthread_join(thread, NULL);
}

static int
be_traced(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int
load_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0 ? errno : 0;
}

static int
mount_nothing(void)
{
	return syscall(SYS_mount, NULL, "/nowhere", NULL, 0, NULL) < 0 ? errno
								       : 0;
}

static int
change_account(void)
{
	return setuid(geteuid()) < 0 ? errno : 0;
}

static int
signal_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int
signal_parents_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 ? errno : 0;
}

static int
signal_oneself(void)
{
	return raise(SIGWINCH);
}

static int
signal_by_descriptor(void)
{
	return fcntl(STDIN_FILENO, F_SETOWN, getppid()) < 0 ? errno : 0;
}

static int
make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	    ? errno
	    : 0;
}

static int
open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

/* What becomes of it as each: an error's number, or DEADLY. */
static const struct deed {
	deed_function *deed;
	const char *name;
	int supervisor, engine, filter;
} deeds[] = {
	{ run_true, "running a program", 0, DEADLY, DEADLY },
	{ fork_child, "a process", 0, 0, DEADLY },
	{ start_thread, "a thread", 0, 0, 0 },
	{ be_traced, "ptrace", DEADLY, DEADLY, DEADLY },
	{ load_bpf, "bpf", DEADLY, DEADLY, DEADLY },
	{ mount_nothing, "mounting", ENOENT, ENOENT, DEADLY },
	{ change_account, "another account", 0, 0, DEADLY },
	{ signal_parent, "a signal", 0, 0, DEADLY },
	{ signal_parents_thread, "a signal to a thread", 0, 0, DEADLY },
	{ signal_oneself, "a signal to oneself", 0, 0, 0 },
	{ signal_by_descriptor, "F_SETOWN", 0, 0, DEADLY },
	{ make_code, "memory for code", 0, 0, EPERM },
	{ open_socket, "a socket", 0, 0, 0 },
};

static int
outcome(enum confine_role role, deed_function *deed)
{
	struct error err;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confine_calls(role, &err) == ERROR_NONE ? deed()
							      : NOT_CONFINED);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return DEADLY;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
assert_outcome(enum confine_role role, const struct deed *deed, int want)
{
	int got = outcome(role, deed->deed);

	if (got != want)
		fail_msg("%s in role %d: %d instead of %d", deed->name,
		    (int)role, got, want);
}

static void
test_confine_each_role_can_do_what_it_has_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(deeds); i++) {
		assert_outcome(CONFINE_RELEASE, &deeds[i], deeds[i].supervisor);
		assert_outcome(CONFINE_SUPERVISOR, &deeds[i],
		    deeds[i].supervisor);
		assert_outcome(CONFINE_ENGINE, &deeds[i], deeds[i].engine);
		assert_outcome(CONFINE_FILTER, &deeds[i], deeds[i].filter);
	}
}

static bool
sets_no_new_privs(void *context)
{
	struct error err;

	(void)context;
	return confine_calls(CONFINE_SUPERVISOR, &err) == ERROR_NONE &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void
test_confine_sets_no_new_privs(void **state)
{
	(void)state;
	support_in_child(sets_no_new_privs, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confine_each_role_can_do_what_it_has_to),
		cmocka_unit_test(test_confine_sets_no_new_privs),
	};

	if (SANITIZED) {
		puts("skipped: with a sanitizer there is no confinement");
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
