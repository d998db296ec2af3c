/* test_headroom - what a machine and its control groups leave to be taken
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "supervisor/headroom.h"
#include "support.h"

#define MIB (UINT64_C(1) << 20)

static char root[32];

static int
set_up(void **state)
{
	(void)state;
	support_make_directory(root);
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

/* Writes a file below root, making its directories. */
static void
write_file(const char *path, const char *text)
{
	char command[512], full[256];
	FILE *file;

	snprintf(full, sizeof full, "%s%s", root, path);
	snprintf(command, sizeof command, "mkdir -p $(dirname %s)", full);
	assert_int_equal(system(command), 0);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A machine with a gigabyte to be had, in a group of version 2. */
static void
write_machine(const char *cgroup, const char *mountinfo)
{
	write_file("/proc/meminfo",
	    "MemTotal:        4000000 kB\nMemFree:  12 kB\n"
	    "MemAvailable:    1048576 kB\n");
	write_file("/proc/self/cgroup", cgroup);
	write_file("/proc/self/mountinfo", mountinfo);
}

#define V2_MOUNT \
	"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 " \
	"cgroup2 rw,nsdelegate\n"
#define V1_MOUNT \
	"31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup " \
	"rw,cpu\n" \
	"35 30 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup " \
	"rw,memory\n"

static void
test_headroom_without_groups_is_what_is_available(void **state)
{
	(void)state;
	assert_true(headroom_bytes(root) == HEADROOM_UNKNOWN);
	write_file("/proc/meminfo", "MemAvailable:    1048576 kB\n");
	assert_true(headroom_bytes(root) == 1024 * MIB);
}

static void
test_headroom_in_a_group_is_what_its_limit_leaves(void **state)
{
	(void)state;
	write_machine("0::/system.slice/vscan.service\n", V2_MOUNT);
#define GROUP "/sys/fs/cgroup/system.slice/vscan.service"
	write_file(GROUP "/memory.current", "314572800\n");
	write_file(GROUP "/memory.max", "max\n");
	assert_true(headroom_bytes(root) == 1024 * MIB);
	write_file(GROUP "/memory.max", "419430400\n");
	assert_true(headroom_bytes(root) == 100 * MIB);
	/* What is only cached can be had; shared memory can't. */
	write_file(GROUP "/memory.stat",
	    "anon 1\nfile 209715200\nshmem 157286400\n"
	    "inactive_file 31457280\nactive_file 20971520\n");
	assert_true(headroom_bytes(root) == 150 * MIB);
	write_file(GROUP "/memory.high", "366710784\n");
	assert_true(
	    headroom_bytes(root) == 150 * MIB - (419430400 - 366710784));
	write_file(GROUP "/memory.current", "999999999\n");
	assert_true(headroom_bytes(root) == 0);
#undef GROUP
}

static void
test_headroom_is_that_of_the_tightest_group_above(void **state)
{
	(void)state;
	write_machine("0::/machine.slice/a/b\n", V2_MOUNT);
	write_file("/sys/fs/cgroup/machine.slice/a/b/memory.max", "max\n");
	write_file("/sys/fs/cgroup/machine.slice/memory.max", "104857600\n");
	write_file("/sys/fs/cgroup/machine.slice/memory.current", "1048576\n");
	assert_true(headroom_bytes(root) == 99 * MIB);
}

static void
test_headroom_total_is_the_tightest_limit(void **state)
{
	(void)state;
	assert_true(headroom_total(root) == HEADROOM_UNKNOWN);
	write_machine("0::/machine.slice/a/b\n", V2_MOUNT);
	assert_true(headroom_total(root) == UINT64_C(4000000) * 1024);
	write_file("/sys/fs/cgroup/machine.slice/a/b/memory.max", "max\n");
	write_file("/sys/fs/cgroup/machine.slice/memory.max", "104857600\n");
	write_file("/sys/fs/cgroup/machine.slice/memory.current", "1048576\n");
	assert_true(headroom_total(root) == 100 * MIB);
	write_machine("4:memory:/mail\n0::/\n", V1_MOUNT);
	write_file("/sys/fs/cgroup/memory/mail/memory.limit_in_bytes",
	    "209715200\n");
	assert_true(headroom_total(root) == 200 * MIB);
}

static void
test_headroom_in_a_group_of_version_1(void **state)
{
	(void)state;
	write_machine("9:cpu,cpuacct:/other\n4:memory:/mail\n0::/\n", V1_MOUNT);
	write_file("/sys/fs/cgroup/memory/mail/memory.usage_in_bytes",
	    "104857600\n");
	write_file("/sys/fs/cgroup/memory/mail/memory.limit_in_bytes",
	    "9223372036854771712\n");
	assert_true(headroom_bytes(root) == 1024 * MIB);
	write_file("/sys/fs/cgroup/memory/mail/memory.limit_in_bytes",
	    "209715200\n");
	assert_true(headroom_bytes(root) == 100 * MIB);
	write_file("/sys/fs/cgroup/memory/mail/memory.stat",
	    "active_file 1\ntotal_inactive_file 1048576\n"
	    "total_active_file 2097152\n");
	assert_true(headroom_bytes(root) == 103 * MIB);
}

/* The mount shows the container's group as its top; /proc may name the group
 * from there, or as the host does. */
static void
test_headroom_in_a_container(void **state)
{
	static const char *const groups[] = {
		"4:memory:/docker/1f\n",
		"4:memory:/\n",
		"4:memory:/../../elsewhere\n",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(groups); i++) {
		write_machine(groups[i],
		    "35 30 0:32 /docker/1f /sys/fs/cgroup/memory ro - cgroup "
		    "cgroup rw,memory\n");
		write_file("/sys/fs/cgroup/memory/memory.usage_in_bytes",
		    "104857600\n");
		write_file("/sys/fs/cgroup/memory/memory.limit_in_bytes",
		    "209715200\n");
		assert_true(headroom_bytes(root) == 100 * MIB);
	}
}

static void
test_headroom_counts_what_the_kernel_has_killed(void **state)
{
	(void)state;
	assert_true(headroom_kills(root) == 0);
	write_file("/proc/vmstat", "nr_free 1\noom_kill 17\nfoo 3\n");
	assert_true(headroom_kills(root) == 17);
}

static void
test_headroom_of_this_machine_is_known(void **state)
{
	(void)state;
	assert_true(headroom_bytes("") != HEADROOM_UNKNOWN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_headroom_without_groups_is_what_is_available),
		TEST(test_headroom_in_a_group_is_what_its_limit_leaves),
		TEST(test_headroom_is_that_of_the_tightest_group_above),
		TEST(test_headroom_total_is_the_tightest_limit),
		TEST(test_headroom_in_a_group_of_version_1),
		TEST(test_headroom_in_a_container),
		TEST(test_headroom_counts_what_the_kernel_has_killed),
		TEST(test_headroom_of_this_machine_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
