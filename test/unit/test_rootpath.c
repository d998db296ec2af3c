/* test_rootpath - root uses no path that another account can bend
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/priv.h"
#include "base/rootpath.h"
#include "support.h"

static struct priv_account nobody;
static char top[PATH_MAX]; /* root's; each test begins with it empty */

/* The path of a name below top; one at a time. */
static const char *
below(const char *name)
{
	static char path[PATH_MAX * 2];

	snprintf(path, sizeof path, "%s/%s", top, name);
	return path;
}

static void
make(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	assert_int_equal(mkdir(below(name), 0700), 0);
	assert_int_equal(chown(below(name), uid, gid), 0);
	assert_int_equal(chmod(below(name), mode), 0);
}

static enum error_code
make_for_nobody(const char *name, int *fd_r, struct error *err)
{
	return rootpath_make_directory("state", below(name), nobody.uid,
	    nobody.gid, fd_r, err);
}

static enum error_code
open_directory(const char *name, struct error *err)
{
	enum error_code code;
	int fd;

	code = rootpath_open_directory("state", below(name), &fd, err);
	assert_int_equal(code == ERROR_NONE, fd >= 0);
	fd_close(&fd);
	return code;
}

static enum error_code
open_file(const char *name, struct error *err)
{
	enum error_code code;
	int fd;

	code = rootpath_open_file("pid_file", below(name), &fd, err);
	assert_int_equal(code == ERROR_NONE, fd >= 0);
	fd_close(&fd);
	return code;
}

static void
test_rootpath_makes_directories_whatever_the_umask(void **state)
{
	struct error err = { .text = "" };
	struct stat st, named;
	mode_t mask = umask(0777);
	int fd;

	(void)state;
	assert_true(
	    support_check(make_for_nobody("new", &fd, &err) == ERROR_NONE,
		err.text));
	umask(mask);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(stat(below("new"), &named), 0);
	assert_int_equal(st.st_ino, named.st_ino);
	assert_int_equal(st.st_uid, nobody.uid);
	assert_int_equal(st.st_gid, nobody.gid);
	assert_int_equal(st.st_mode & 07777, 0755);
	fd_close(&fd);
}

static void
test_rootpath_leaves_a_directory_that_is_there_as_it_is(void **state)
{
	struct error err;
	struct stat st;
	int fd;

	(void)state;
	make("old", 0, 0, 0700);
	assert_int_equal(make_for_nobody("old", &fd, &err), ERROR_NONE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	fd_close(&fd);
}

static void
test_rootpath_passes_directories_by_who_can_write_to_them(void **state)
{
	static const struct {
		const char *about;
		bool account_owns, account_group;
		mode_t mode;
		enum error_code expected;
	} cases[] = {
		{ "root's alone", false, false, 0755, ERROR_NONE },
		{ "root's group", false, false, 0775, ERROR_NONE },
		{ "another group", false, true, 0775, ERROR_INPUT },
		{ "a group that reads", false, true, 0750, ERROR_NONE },
		{ "everybody", false, false, 0777, ERROR_INPUT },
		{ "as /tmp", false, true, 01777, ERROR_NONE },
		{ "the account", true, false, 0700, ERROR_INPUT },
		{ "the account, as /tmp", true, false, 01777, ERROR_INPUT },
	};
	struct error err;
	char name[32];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		uid_t uid = cases[i].account_owns ? nobody.uid : 0;
		gid_t gid = cases[i].account_group ? nobody.gid : 0;
		bool fine = cases[i].expected == ERROR_NONE;
		int fd;

		snprintf(name, sizeof name, "%zu", i);
		make(name, uid, gid, cases[i].mode);
		snprintf(name, sizeof name, "%zu/new", i);
		assert_true(support_check(make_for_nobody(name, &fd, &err) ==
			cases[i].expected,
		    cases[i].about));
		fd_close(&fd);
		assert_int_equal(access(below(name), F_OK) == 0, fine);
		snprintf(name, sizeof name, "%zu/file", i);
		assert_int_equal(open_file(name, &err), cases[i].expected);
		assert_int_equal(access(below(name), F_OK) == 0, fine);
		if (!fine)
			assert_non_null(strstr(err.text,
			    "pid_file: the "
			    "directory "));
	}
}

static void
test_rootpath_looks_at_every_directory_above(void **state)
{
	struct error err;

	(void)state;
	make("theirs", nobody.uid, nobody.gid, 0755);
	make("theirs/ours", 0, 0, 0755);
	make("theirs/ours/deep", 0, 0, 0755);
	assert_int_equal(open_directory("theirs/ours/deep", &err), ERROR_INPUT);
	assert_non_null(strstr(err.text, below("theirs belongs to nobody")));
	assert_int_equal(open_directory("theirs", &err), ERROR_NONE);
}

static void
test_rootpath_follows_links_of_root_alone(void **state)
{
	struct error err;

	(void)state;
	make("real", 0, 0, 0755);
	make("real/inner", 0, 0, 0755);
	make("as-tmp", 0, 0, 01777);
	make("theirs", nobody.uid, nobody.gid, 0755);
	make("theirs/inner", 0, 0, 0755);
	assert_int_equal(symlink("real", below("relative")), 0);
	assert_int_equal(symlink(top, below("real/up")), 0);
	assert_int_equal(symlink("theirs", below("to-theirs")), 0);
	assert_int_equal(symlink("../real", below("as-tmp/link")), 0);
	assert_int_equal(symlink("circle", below("circle")), 0);
	assert_int_equal(open_directory("relative", &err), ERROR_NONE);
	assert_int_equal(open_directory("relative//./inner/", &err),
	    ERROR_NONE);
	assert_int_equal(open_directory("relative/up/real/../real", &err),
	    ERROR_NONE);
	assert_int_equal(open_directory("as-tmp/link", &err), ERROR_INPUT);
	assert_non_null(strstr(err.text, "as-tmp/link is a symbolic link"));
	assert_int_equal(open_directory("to-theirs/inner", &err), ERROR_INPUT);
	assert_int_equal(open_directory("circle", &err), ERROR_SYSTEM);
	assert_int_equal(err.sys_errno, ELOOP);
}

static void
test_rootpath_makes_what_a_link_of_root_leads_to(void **state)
{
	struct error err;
	struct stat st;
	int fd;

	(void)state;
	make("real", 0, 0, 0755);
	assert_int_equal(symlink("real", below("link")), 0);
	assert_int_equal(make_for_nobody("link/new", &fd, &err), ERROR_NONE);
	fd_close(&fd);
	assert_int_equal(lstat(below("real/new"), &st), 0);
	assert_int_equal(st.st_uid, nobody.uid);
}

static void
test_rootpath_opens_files_of_its_own_only(void **state)
{
	struct error err = { .text = "" };
	struct stat st;
	int fd;

	(void)state;
	assert_true(
	    support_check(open_file("pid", &err) == ERROR_NONE, err.text));
	assert_int_equal(open_file("pid", &err), ERROR_NONE);
	assert_int_equal(stat(below("pid"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(symlink("pid", below("link")), 0);
	assert_int_equal(open_file("link", &err), ERROR_INPUT);
	assert_int_equal(mkfifo(below("fifo"), 0600), 0);
	assert_int_equal(open_file("fifo", &err), ERROR_INPUT);
	assert_non_null(strstr(err.text, "fifo is not a file"));
	fd = open(below("fifo"), O_RDONLY | O_NONBLOCK);
	assert_int_equal(open_file("fifo", &err), ERROR_INPUT);
	fd_close(&fd);
	assert_int_equal(chown(below("pid"), nobody.uid, nobody.gid), 0);
	assert_int_equal(open_file("pid", &err), ERROR_INPUT);
	assert_non_null(strstr(err.text, "belongs to another account"));
	assert_int_equal(open_file("no-directory/pid", &err), ERROR_SYSTEM);
}

static bool
use_as_nobody(void *context)
{
	struct error err = { .text = "" };
	bool made;
	int fd;

	(void)context;
	if (priv_drop(&nobody, &err) != ERROR_NONE)
		return support_check(false, err.text);
	made = support_check(open_directory("theirs/ours", &err) == ERROR_NONE,
		   err.text) &&
	    support_check(open_file("theirs/pid", &err) == ERROR_NONE,
		err.text);
	return made &&
	    support_check(make_for_nobody("theirs/new", &fd, &err) ==
		    ERROR_SYSTEM,
		"what is missing is not made");
}

static void
test_rootpath_refuses_nothing_to_another_account(void **state)
{
	(void)state;
	make("theirs", nobody.uid, nobody.gid, 0777);
	make("theirs/ours", nobody.uid, nobody.gid, 0777);
	support_in_child(use_as_nobody, NULL);
}

static int
set_up(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_rootpath.XXXXXX");
	return mkdtemp(top) == NULL || chmod(top, 0755) < 0;
}

static int
tear_down(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", top);
	return system(command);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_rootpath_makes_directories_whatever_the_umask),
		TEST(test_rootpath_leaves_a_directory_that_is_there_as_it_is),
		TEST(test_rootpath_passes_directories_by_who_can_write_to_them),
		TEST(test_rootpath_looks_at_every_directory_above),
		TEST(test_rootpath_follows_links_of_root_alone),
		TEST(test_rootpath_makes_what_a_link_of_root_leads_to),
		TEST(test_rootpath_opens_files_of_its_own_only),
		TEST(test_rootpath_refuses_nothing_to_another_account),
	};
	struct error err;

	if (geteuid() != 0) {
		puts("skipped: only root makes directories for others");
		return SUPPORT_SKIPPED;
	}
	if (priv_lookup("nobody", &nobody, &err) != ERROR_NONE) {
		printf("skipped: %s\n", err.text);
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
