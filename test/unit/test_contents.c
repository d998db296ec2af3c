/* test_contents - the same signatures have the same digest everywhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
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
#include <sodium.h>

#include "config/config.h"
#include "engine/contents.h"
#include "support.h"

#define SIGNATURE "V.N:0:*:4141414142424242434343\n"
#define DAILY \
	"ClamAV-VDB:27 Nov 2026 08-34 +0000:27456:2066985:90:%s:sig:neo:%s"

struct fixture {
	char here[32], there[32]; /* two hosts' directories */
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	support_make_directory(f->here);
	support_make_directory(f->there);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s %s", f->here, f->there);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
write_file(const char *directory, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* An official file with a header of this MD5 and time. */
static void
write_official(const char *directory, const char *name, const char *md5,
    const char *built)
{
	char text[256];

	snprintf(text, sizeof text, DAILY, md5, built);
	write_file(directory, name, text);
}

static struct contents
read_one(char *path)
{
	const struct config_strings database = { 1, &path };
	struct contents contents;
	struct error err;

	assert_int_equal(contents_read(&database, &contents, &err), ERROR_NONE);
	return contents;
}

static bool
agree(struct fixture *f)
{
	struct contents here = read_one(f->here), there = read_one(f->there);

	return memcmp(here.digest, there.digest, sizeof here.digest) == 0;
}

static void
test_contents_are_the_same_in_another_directory(void **state)
{
	struct fixture *f = *state;

	/* In another order, too. */
	write_file(f->here, "a.ndb", SIGNATURE);
	write_file(f->here, "b.hdb", "");
	write_file(f->there, "b.hdb", "");
	write_file(f->there, "a.ndb", SIGNATURE);
	write_file(f->there, "freshclam.dat", "no signature file");
	assert_true(agree(f));
}

static void
test_contents_in_two_places_are_the_same_in_either_order(void **state)
{
	struct fixture *f = *state;
	char *one[] = { f->here, f->there }, *other[] = { f->there, f->here };
	const struct config_strings databases[] = { { 2, one }, { 2, other } };
	struct contents contents[2];
	struct error err;

	write_file(f->here, "a.ndb", SIGNATURE);
	write_file(f->there, "b.ndb", SIGNATURE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(contents_read(&databases[i], &contents[i],
				     &err),
		    ERROR_NONE);
	assert_memory_equal(contents[0].digest, contents[1].digest,
	    sizeof contents[0].digest);
}

static void
test_contents_of_another_byte_name_or_number_differ(void **state)
{
	struct fixture *f = *state;

	write_file(f->here, "a.ndb", SIGNATURE);
	assert_false(agree(f));
	write_file(f->there, "a.ndb", "V.M:0:*:4141414142424242434343\n");
	assert_false(agree(f));
	write_file(f->there, "a.ndb", SIGNATURE);
	assert_true(agree(f));
	write_file(f->there, "b.ndb", SIGNATURE);
	assert_false(agree(f));
	write_file(f->here, "c.ndb", SIGNATURE);
	assert_false(agree(f));
}

/* An update in place gives the file another suffix, and another MD5. */
static void
test_contents_official_files_of_a_version_are_the_same(void **state)
{
	struct fixture *f = *state;

	write_official(f->here, "daily.cvd", "0123456789abcdef", "1795000000");
	write_official(f->there, "daily.cld", "fedcba9876543210", "1795000000");
	assert_true(agree(f));
}

static void
test_contents_official_files_of_two_versions_differ(void **state)
{
	static const char *const heads[] = {
		"ClamAV-VDB:27 Nov 2026 08-34 +0000:27457:2066985:90:x:y:z:1",
		"ClamAV-VDB:27 Nov 2026 08-34 +0000:27456:2066986:90:x:y:z:1",
		"ClamAV-VDB:27 Nov 2026 08-34 +0000",
		"",
	};
	struct fixture *f = *state;

	write_official(f->here, "daily.cvd", "x", "1");
	for (size_t i = 0; i < LENGTH(heads); i++) {
		write_file(f->there, "daily.cvd", heads[i]);
		assert_false(agree(f));
	}
	/* The daily one is no main one. */
	write_official(f->there, "daily.cvd", "x", "1");
	assert_true(agree(f));
	write_official(f->here, "main.cvd", "x", "1");
	write_official(f->there, "bytecode.cvd", "x", "1");
	assert_false(agree(f));
}

static void
test_contents_tell_the_newest_official_file(void **state)
{
	struct fixture *f = *state;
	struct contents contents;

	write_file(f->here, "a.ndb", SIGNATURE);
	contents = read_one(f->here);
	assert_int_equal(contents.built, 0);
	assert_string_equal(contents.newest, "");
	write_official(f->here, "main.cvd", "x", "1600000000");
	write_official(f->here, "daily.cld", "x", "1795000000");
	write_official(f->here, "bytecode.cvd", "x", "1700000000");
	write_official(f->here, "odd.cvd", "x", "yesterday");
	contents = read_one(f->here);
	assert_int_equal(contents.built, 1795000000);
	assert_string_equal(contents.newest, "daily.cld");
}

static void
test_contents_name_the_path_that_can_not_be_read(void **state)
{
	char path[] = "/nonexistent/signatures", *items[] = { path };
	const struct config_strings database = { 1, items };
	struct contents_reader reader;
	struct contents contents;
	struct error err;

	(void)state;
	assert_int_equal(contents_begin(&reader, &database, &err), ERROR_NONE);
	assert_int_equal(contents_end(&reader, &contents, &err), ERROR_SYSTEM);
	assert_non_null(strstr(err.text, path));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_contents_are_the_same_in_another_directory),
		TEST(test_contents_in_two_places_are_the_same_in_either_order),
		TEST(test_contents_of_another_byte_name_or_number_differ),
		TEST(test_contents_official_files_of_a_version_are_the_same),
		TEST(test_contents_official_files_of_two_versions_differ),
		TEST(test_contents_tell_the_newest_official_file),
		TEST(test_contents_name_the_path_that_can_not_be_read),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
