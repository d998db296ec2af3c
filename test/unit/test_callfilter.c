/* test_callfilter - system calls that are allowed, refused and deadly
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/callfilter.h"
#include "sandbox_internal.h"
#include "support.h"

/* What a child's body makes of itself once the filter is there. */
enum { WENT_WELL, NO_FILTER = 100 };

typedef int body_function(const void *context);

/* Runs body in a child with the profile and returns its wait status. */
static int
run(const struct callfilter_profile *profile, body_function *body,
    const void *context)
{
	struct callfilter filter;
	struct error err;
	int status;
	pid_t pid;

	if (callfilter_compile(profile, &filter, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (callfilter_keep_signals(&err) != ERROR_NONE ||
		    callfilter_load(&filter, &err) != ERROR_NONE)
			_exit(NO_FILTER);
		_exit(body(context));
	}
	callfilter_fini(&filter);
	assert_null(filter.code);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The error of one call without arguments; 0 if there is none. */
static int
call(const void *context)
{
	return syscall(*(const int *)context, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static void
assert_killed(int status, const char *what)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("%s: wait status 0x%x", what, (unsigned)status);
}

static void
assert_ends_with(int status, int want, const char *what)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
		fail_msg("%s: wait status 0x%x", what, (unsigned)status);
}

static void
test_callfilter_profile_says_what_is_done(void **state)
{
	static const char *const killed[] = { "sync", NULL };
	static const struct callfilter_rule rules[] = {
		{ "umask", CALLFILTER_REFUSE, 0, 0, 0 },
		{ "getuid", CALLFILTER_UNKNOWN, 0, 0, 0 },
	};
	const struct callfilter_profile profile = {
		.others = CALLFILTER_ALLOW,
		.killed = { NULL, killed },
		.rules = rules,
		.rules_count = 2,
	};
	int numbers[] = { SYS_getpid, SYS_sync, SYS_umask, SYS_getuid };

	(void)state;
	assert_ends_with(run(&profile, call, &numbers[0]), 0, "getpid");
	assert_killed(run(&profile, call, &numbers[1]), "sync");
	assert_ends_with(run(&profile, call, &numbers[2]), EPERM, "umask");
	assert_ends_with(run(&profile, call, &numbers[3]), ENOSYS, "getuid");
}

static void
test_callfilter_profile_without_a_list_is_empty(void **state)
{
	const struct callfilter_profile profile = {
		.others = CALLFILTER_ALLOW,
	};
	int number = SYS_getuid;

	(void)state;
	assert_ends_with(run(&profile, call, &number), 0, "getuid");
}

static void
test_callfilter_profile_that_makes_no_sense_is_refused(void **state)
{
	static const struct callfilter_rule rules[] = {
		{ "getpid", CALLFILTER_ALLOW, 9, 1, 1 },
	};
	const struct callfilter_profile profile = {
		.others = CALLFILTER_UNKNOWN,
		.rules = rules,
		.rules_count = 1,
	};
	struct callfilter filter;
	struct error err;

	(void)state;
	assert_int_equal(ERROR_UNSUPPORTED,
	    callfilter_compile(&profile, &filter, &err));
	assert_null(filter.code);
	callfilter_fini(&filter);
}

static void
test_callfilter_finds_what_is_misspelt(void **state)
{
	static const char *const names[] = { "getpid", "gepid", NULL };
	const struct callfilter_profile profile = { .killed = { names } };

	(void)state;
	assert_string_equal("gepid", callfilter_misspelt(&profile));
	assert_null(callfilter_misspelt(&sandbox_calls));
}

/* --- a worker's profile ------------------------------------------------ */

static unsigned
count(const char *const *calls, const char *name)
{
	unsigned found = 0;

	for (; *calls != NULL; calls++)
		found += strcmp(*calls, name) == 0;
	return found;
}

static void
assert_stands_nowhere_else(const char *name)
{
	unsigned found = count(sandbox_calls.allowed, name);
	size_t i;

	for (i = 0; i < CALLFILTER_KILLED; i++)
		found += count(sandbox_calls.killed[i], name);
	for (i = 0; i < sandbox_calls.rules_count && found < 2; i++)
		if (strcmp(sandbox_calls.rules[i].call, name) == 0)
			found += 2;
	if (found > 1)
		fail_msg("%s stands in two places", name);
}

/* libseccomp would take what it hears last. */
static void
test_sandbox_calls_stand_in_one_place(void **state)
{
	size_t i, k;

	(void)state;
	for (k = 0; sandbox_calls.allowed[k] != NULL; k++)
		assert_stands_nowhere_else(sandbox_calls.allowed[k]);
	for (i = 0; i < CALLFILTER_KILLED; i++)
		for (k = 0; sandbox_calls.killed[i][k] != NULL; k++)
			assert_stands_nowhere_else(sandbox_calls.killed[i][k]);
}

static void
test_sandbox_calls_that_mean_harm_are_deadly(void **state)
{
	unsigned tried = 0;
	size_t i, k;

	(void)state;
	for (i = 0; i < CALLFILTER_KILLED; i++) {
		const char *const *calls = sandbox_calls.killed[i];

		for (k = 0; calls[k] != NULL; k++) {
			int number = seccomp_syscall_resolve_name(calls[k]);

			if (number < 0)
				continue; /* not on this machine */
			assert_killed(run(&sandbox_calls, call, &number),
			    calls[k]);
			tried++;
		}
	}
	assert_in_range(tried, 60, 200);
}

static void
test_sandbox_calls_that_a_scan_makes_are_allowed(void **state)
{
	static const int numbers[] = { SYS_getpid, SYS_gettid, SYS_getuid };

	(void)state;
	for (size_t i = 0; i < LENGTH(numbers); i++)
		assert_ends_with(run(&sandbox_calls, call, &numbers[i]), 0,
		    "a call that is allowed");
}

static void
test_sandbox_calls_not_known_fail_as_in_an_old_kernel(void **state)
{
	/* One that exists, one that does not yet. */
	static const int numbers[] = { SYS_inotify_init1, SYS_memfd_create,
		SYS_clone3, 5000 };

	(void)state;
	for (size_t i = 0; i < LENGTH(numbers); i++)
		assert_ends_with(run(&sandbox_calls, call, &numbers[i]), ENOSYS,
		    "a call that is not known");
}

static int
fork_plain(const void *unused)
{
	(void)unused;
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 ? errno : 0;
}

static int
make_thread(const void *unused)
{
	(void)unused;
	return syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0,
		   0, 0) < 0
	    ? errno
	    : 0;
}

/* socket(2) by its number in x32, which no other machine than x86 has. */
static int
other_interface(const void *unused)
{
	(void)unused;
	return syscall(0x40000000 + 41, AF_UNIX, SOCK_STREAM, 0) < 0 ? errno
								     : 0;
}

static int
signal_parent(const void *unused)
{
	(void)unused;
	return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 ? errno : 0;
}

static int
signal_oneself(const void *unused)
{
	(void)unused;
	return syscall(SYS_tgkill, getpid(), getpid(), 0) < 0 ? errno : 0;
}

static int
map_code(const void *unused)
{
	(void)unused;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	    ? errno
	    : 0;
}

static int
make_code(const void *unused)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	if (page == MAP_FAILED)
		return NO_FILTER;
	if (mprotect(page, 4096, PROT_READ) < 0)
		return NO_FILTER;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int
own_signals(const void *unused)
{
	(void)unused;
	return fcntl(0, F_SETOWN, getppid()) < 0 ? errno : 0;
}

static int
others_limits(const void *unused)
{
	(void)unused;
	return syscall(SYS_prlimit64, getppid(), 0, NULL, NULL) < 0 ? errno : 0;
}

static int
own_limits(const void *unused)
{
	(void)unused;
	return syscall(SYS_prlimit64, 0, 0, NULL, NULL) < 0 ? errno : 0;
}

static void
test_sandbox_calls_depend_on_their_arguments(void **state)
{
	static const struct {
		body_function *body;
		int want; /* an error; -1: SIGSYS */
		const char *what;
	} cases[] = {
		{ fork_plain, -1, "fork by clone" },
		{ make_thread, ENOSYS, "a thread" },
		{ other_interface, -1, "x32" },
		{ signal_parent, -1, "a signal to the parent" },
		{ signal_oneself, 0, "a signal to oneself" },
		{ map_code, EPERM, "mmap PROT_EXEC" },
		{ make_code, EPERM, "mprotect PROT_EXEC" },
		{ own_signals, ENOSYS, "F_SETOWN" },
		{ others_limits, ENOSYS, "limits of the parent" },
		{ own_limits, 0, "one's own limits" },
	};
	int status;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		status = run(&sandbox_calls, cases[i].body, NULL);
		if (cases[i].body == other_interface &&
		    seccomp_arch_native() != SCMP_ARCH_X86_64)
			assert_ends_with(status, ENOSYS, cases[i].what);
		else if (cases[i].want < 0)
			assert_killed(status, cases[i].what);
		else
			assert_ends_with(status, cases[i].want, cases[i].what);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callfilter_profile_says_what_is_done),
		cmocka_unit_test(
		    test_callfilter_profile_without_a_list_is_empty),
		cmocka_unit_test(
		    test_callfilter_profile_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_callfilter_finds_what_is_misspelt),
		cmocka_unit_test(test_sandbox_calls_stand_in_one_place),
		cmocka_unit_test(test_sandbox_calls_that_mean_harm_are_deadly),
		cmocka_unit_test(
		    test_sandbox_calls_that_a_scan_makes_are_allowed),
		cmocka_unit_test(
		    test_sandbox_calls_not_known_fail_as_in_an_old_kernel),
		cmocka_unit_test(test_sandbox_calls_depend_on_their_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
