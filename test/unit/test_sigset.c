/* test_sigset - each change of the signature files is seen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "engine/sigset.h"

static char directory[] = "/tmp/vscan-sigset-XXXXXX";

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct sigset
read_set(void)
{
	char *items[] = { directory };
	const struct config_strings database = { 1, items };
	struct sigset sigset;
	struct error err;

	assert_int_equal(ERROR_NONE, sigset_read(&database, &sigset, &err));
	return sigset;
}

static int
enter_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL || chdir(directory) < 0;
}

static int
leave_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return chdir("/") < 0 || system(command) != 0;
}

static void
test_sigset_counts_signature_files_only(void **unused)
{
	(void)unused;
	write_file("a.txt", "");
	write_file(".hidden.ndb", "");
	write_file("freshclam.dat", "");
	assert_int_equal(0, mkdir("sub.ndb", 0700));
	assert_int_equal(0, read_set().files);
	write_file("a.ndb", "1");
	write_file("b.CVD", "1");
	assert_int_equal(2, read_set().files);
}

static void
test_sigset_sees_changes_within_a_second_and_removals(void **unused)
{
	struct timespec times[2] = { { 1000, 1 }, { 1000, 1 } };
	uint64_t before, after;

	(void)unused;
	write_file("a.ndb", "1");
	assert_int_equal(0, utimensat(AT_FDCWD, "a.ndb", times, 0));
	before = read_set().fingerprint;
	assert_true(before == read_set().fingerprint);

	times[1].tv_nsec = 2;
	assert_int_equal(0, utimensat(AT_FDCWD, "a.ndb", times, 0));
	after = read_set().fingerprint;
	assert_true(before != after);

	write_file("c.hdb", "1");
	before = read_set().fingerprint;
	assert_true(before != after);
	assert_int_equal(0, unlink("c.hdb"));
	assert_true(after == read_set().fingerprint);
	assert_int_equal(0, rename("a.ndb", "z.ndb"));
	assert_true(after != read_set().fingerprint);
}

static void
test_sigset_names_the_path_that_is_missing(void **unused)
{
	char path[] = "/nonexistent/signatures", *items[] = { path };
	const struct config_strings database = { 1, items };
	struct sigset sigset;
	struct error err;

	(void)unused;
	assert_int_equal(ERROR_SYSTEM, sigset_read(&database, &sigset, &err));
	assert_non_null(strstr(err.text, path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sigset_counts_signature_files_only),
		cmocka_unit_test(
		    test_sigset_sees_changes_within_a_second_and_removals),
		cmocka_unit_test(test_sigset_names_the_path_that_is_missing),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
