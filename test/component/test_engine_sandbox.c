/* test_engine_sandbox - what workers get of the sandbox, and what they don't
 *
 *   test_engine_sandbox PATH-OF-VSCAN-ENGINE [TEST]
 *
 * Must be root, on a kernel that has all of it; what an older one lacks is
 * taken away by a system call filter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/landlock.h"
#include "engine_harness.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define REQUIRE "sandbox = \"require\""
#define OFF "sandbox = \"off\""

/* A kernel that lacks something, and what that is called. */
struct kernel {
	const char *name;
	const struct callfilter_rule rules[2];
};

static const struct kernel no_landlock = { "Landlock",
	{
	    { "landlock_create_ruleset", CALLFILTER_UNKNOWN, 0, 0, 0 },
	    { "landlock_restrict_self", CALLFILTER_UNKNOWN, 0, 0, 0 },
	} };

/* Switched on by the kernel's command line, and not: EPERM or the like. */
static const struct kernel shy_landlock = { "Landlock",
	{
	    { "landlock_restrict_self", CALLFILTER_REFUSE, 0, 0, 0 },
	    { "landlock_add_rule", CALLFILTER_REFUSE, 0, 0, 0 },
	} };

static const struct kernel no_seccomp = { "seccomp",
	{
	    { "seccomp", CALLFILTER_UNKNOWN, 0, 0, 0 },
	    { "bpf", CALLFILTER_UNKNOWN, 0, 0, 0 },
	} };

static const struct kernel no_root = { "a root directory of their own",
	{
	    { "pivot_root", CALLFILTER_REFUSE, 0, 0, 0 },
	    { "chroot", CALLFILTER_REFUSE, 0, 0, 0 },
	} };

static const struct kernel no_pivot = { "",
	{
	    { "pivot_root", CALLFILTER_REFUSE, 0, 0, 0 },
	    { "bpf", CALLFILTER_REFUSE, 0, 0, 0 },
	} };

static const struct kernel *const lacking[] = {
	&no_landlock,
	&shy_landlock,
	&no_seccomp,
	&no_root,
};

/* An engine on that kernel; NULL: on this one.  Returns its first message. */
static struct wire_message
start(struct harness *h, const struct kernel *kernel, const char *mode,
    const char *settings)
{
	struct callfilter_profile profile = { .others = CALLFILTER_ALLOW };

	harness_open(h);
	if (kernel != NULL) {
		profile.rules = kernel->rules;
		profile.rules_count = LENGTH(kernel->rules);
		h->kernel = &profile;
	}
	harness_start(h, mode, settings, NULL);
	h->kernel = NULL;
	return harness_first_message(h);
}

/* What one worker has. */
struct has {
	unsigned filters;
	unsigned mounts;
	bool root; /* an empty one */
};

static unsigned
number(pid_t pid, const char *field)
{
	unsigned value = 0;
	char text[64];

	harness_read_status(pid, field, text);
	sscanf(text, "%u", &value);
	return value;
}

/* Looks at a worker that scans as it should. */
static struct has
look(struct harness *h)
{
	struct wire_message result;
	char path[PATH_MAX];
	struct has has;
	int slot, worker;
	pid_t pid;

	harness_adopt(h);
	slot = harness_slot(h);
	worker = harness_spawn(slot);
	pid = harness_child(h->engine);
	has.filters = number(pid, "Seccomp_filters") -
	    number(h->engine, "Seccomp_filters");
	has.mounts = harness_count_mounts(pid);
	snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	has.root = harness_count_entries(path) == 0;
	result = harness_scan(worker, harness_clean_mail);
	harness_assert_verdict(&result, VERDICT_CLEAN, "");
	close(worker);
	close(slot);
	return has;
}

static void
test_sandbox_required_is_whole(void **unused)
{
	struct harness h;
	struct has has;

	(void)unused;
	assert_int_equal(WIRE_READY,
	    start(&h, NULL, "contained", REQUIRE).type);
	has = look(&h);
	assert_int_equal(2, has.filters);
	assert_int_equal(1, has.mounts);
	assert_true(has.root);
	harness_close(&h);
}

static void
test_sandbox_required_and_refused_starts_no_engine(void **unused)
{
	struct wire_message message;
	struct harness h;

	(void)unused;
	for (size_t i = 0; i < LENGTH(lacking); i++) {
		message = start(&h, lacking[i], "contained", REQUIRE);
		assert_int_equal(WIRE_FAILED, message.type);
		assert_non_null(strstr(message.text, "engine.sandbox"));
		assert_non_null(strstr(message.text, lacking[i]->name));
		assert_int_equal(EX_SOFTWARE,
		    harness_exit_status(harness_wait(&h)));
		harness_close(&h);
	}
	message = start(&h, NULL, "plain", REQUIRE);
	assert_int_equal(WIRE_FAILED, message.type);
	assert_non_null(strstr(message.text, "namespaces"));
	harness_close(&h);
}

static void
test_sandbox_best_effort_goes_without_what_is_refused(void **unused)
{
	struct harness h;
	struct has has;

	(void)unused;
	for (size_t i = 0; i < LENGTH(lacking); i++) {
		assert_int_equal(WIRE_READY,
		    start(&h, lacking[i], "contained", "").type);
		has = look(&h);
		assert_int_equal(lacking[i] == &no_seccomp ? 0 : 2,
		    has.filters);
		assert_int_equal(lacking[i] != &no_root, has.root);
		harness_close(&h);
	}
}

static void
test_sandbox_without_pivot_root_has_a_root_of_its_own(void **unused)
{
	struct harness h;
	struct has has;

	(void)unused;
	assert_int_equal(WIRE_READY,
	    start(&h, &no_pivot, "contained", REQUIRE).type);
	has = look(&h);
	assert_true(has.root);
	harness_close(&h);
}

static void
test_sandbox_off_leaves_the_file_system(void **unused)
{
	struct harness h;
	struct has has;

	(void)unused;
	assert_int_equal(WIRE_READY, start(&h, NULL, "contained", OFF).type);
	has = look(&h);
	assert_int_equal(0, has.filters);
	assert_false(has.root);
	harness_close(&h);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox_required_is_whole),
		cmocka_unit_test(
		    test_sandbox_required_and_refused_starts_no_engine),
		cmocka_unit_test(
		    test_sandbox_best_effort_goes_without_what_is_refused),
		cmocka_unit_test(
		    test_sandbox_without_pivot_root_has_a_root_of_its_own),
		cmocka_unit_test(test_sandbox_off_leaves_the_file_system),
	};

	harness_main(argc, argv);
	if (landlock_version() == 0) {
		fprintf(stderr, "skipped: this kernel has no Landlock\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
