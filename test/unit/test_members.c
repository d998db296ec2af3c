/* test_members - what the directories of ZIP and tar archives promise
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

#include <cmocka.h>

#include "coverage/members.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* --- ZIP: only the directory is read, so that is all there is ----------- */

struct entry {
	uint32_t offset, packed, size;
	bool encrypted;
};

struct buffer {
	unsigned char data[8192];
	size_t size;
};

static void
put(struct buffer *to, uint64_t value, size_t bytes)
{
	assert_true(to->size + bytes <= sizeof to->data);
	while (bytes-- > 0) {
		to->data[to->size++] = value & 0xff;
		value >>= 8;
	}
}

static void
put_entry(struct buffer *to, const struct entry *entry)
{
	put(to, 0x02014b50, 4);
	put(to, 20, 2);
	put(to, 20, 2);
	put(to, entry->encrypted, 2);
	put(to, 8, 2);
	put(to, 0, 8); /* time, checksum */
	put(to, entry->packed, 4);
	put(to, entry->size, 4);
	put(to, 1, 2); /* length of the name */
	put(to, 0, 12);
	put(to, entry->offset, 4);
	put(to, 'a', 1);
}

static void
put_end(struct buffer *to, unsigned count, size_t length, size_t offset,
    unsigned comment)
{
	put(to, 0x06054b50, 4);
	put(to, 0, 4);
	put(to, count, 2);
	put(to, count, 2);
	put(to, length, 4);
	put(to, offset, 4);
	put(to, comment, 2);
}

static void
make_zip(struct buffer *to, const struct entry *entries, unsigned count)
{
	size_t i;

	memset(to, 0, sizeof *to);
	to->size = 50; /* where the members would be */
	for (i = 0; i < count; i++)
		put_entry(to, &entries[i]);
	put_end(to, count, to->size - 50, 50, 0);
}

/* In memory of exactly its size, so that a sanitizer sees what is read past
 * the end. */
static void
read_zip(struct members *members, const unsigned char *data, size_t size)
{
	unsigned char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, data, size);
	members_read_zip(members, copy, size);
	free(copy);
}

static void
test_members_of_zip_come_as_they_lie_and_once(void **unused)
{
	static const struct entry entries[] = {
		{ 300, 50, 1000, false }, { 100, 20, 30, false },
		{ 100, 20, 30, false }, /* the same again */
		{ 100, 25, 31, false }, /* another, at the same place */
		{ 200, 10, 5, false },  /* too small to be looked at */
		{ 210, 0, 0, false },   /* a directory */
		{ 220, 65, 5, false },  /* not as small as it claims */
	};
	struct members members;
	struct buffer zip;

	(void)unused;
	make_zip(&zip, entries, LENGTH(entries));
	read_zip(&members, zip.data, zip.size);
	assert_true(members.sound);
	assert_false(members.encrypted);
	assert_int_equal(4, members.count);
	assert_false(members_take(&members, 31));
	assert_true(members_take(&members, 30));
	assert_true(members_take(&members, 31));
	assert_true(members_take(&members, 5));
	assert_false(members_complete(&members));
	assert_true(members_take(&members, 1000));
	assert_false(members_take(&members, 1000));
	assert_true(members_complete(&members));
	members_fini(&members);
	members_fini(&members);
}

static void
test_members_of_zip_that_are_encrypted_are_not_due(void **unused)
{
	static const struct entry entries[] = {
		{ 100, 20, 30, true },
		{ 200, 20, 30, false },
	};
	struct members members;
	struct buffer zip;

	(void)unused;
	make_zip(&zip, entries, LENGTH(entries));
	read_zip(&members, zip.data, zip.size);
	assert_true(members.encrypted);
	assert_int_equal(1, members.count);
	members_fini(&members);
}

/* One entry, and what is changed about it; whether it is sound then. */
static void
test_members_of_zip_with_another_end_than_it_says(void **unused)
{
	static const struct {
		const char *what;
		unsigned count;
		size_t length, offset;
		unsigned comment;
		bool sound;
	} rows[] = {
		{ "as it is", 1, 47, 50, 0, true },
		{ "something before it all", 1, 47, 10, 0, true },
		{ "length unknown, offset right", 1, 0, 50, 0, true },
		{ "neither", 1, 20, 20, 0, false },
		{ "one more than there is", 2, 47, 50, 0, false },
		{ "one less than there is", 0, 47, 50, 0, false },
		{ "Zip64", 0xffff, 0xffffffff, 0xffffffff, 0, false },
		{ "the comment is missing", 1, 47, 50, 10, false },
	};
	static const struct entry entry = { 0, 20, 30, false };
	struct members members;
	struct buffer zip;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(rows); i++) {
		make_zip(&zip, &entry, 1);
		zip.size -= 22;
		put_end(&zip, rows[i].count, rows[i].length, rows[i].offset,
		    rows[i].comment);
		read_zip(&members, zip.data, zip.size);
		if (members.sound != rows[i].sound)
			fail_msg("%s", rows[i].what);
		members_fini(&members);
	}
}

static void
test_members_of_zip_with_two_ends_are_not_sound(void **unused)
{
	static const struct entry entry = { 0, 20, 30, false };
	struct members members;
	struct buffer zip;

	(void)unused;
	make_zip(&zip, &entry, 1);
	zip.size -= 22;
	put_end(&zip, 1, 47, 50, 22);
	put_end(&zip, 0, 0, 0, 0);
	read_zip(&members, zip.data, zip.size);
	assert_false(members.sound);
	members_fini(&members);

	make_zip(&zip, &entry, 1); /* behind a comment of any other kind */
	zip.data[zip.size - 2] = 22;
	zip.size += 22;
	read_zip(&members, zip.data, zip.size);
	assert_true(members.sound);
	members_fini(&members);
}

/* Two archives in one, of one size: the directory of the first lies where
 * that of the second says that its own is. */
static void
test_members_of_zip_that_begins_as_one_are_where_it_says(void **unused)
{
	static const struct entry entry = { 0, 20, 30, false };
	struct buffer zip, second;
	struct members members;

	(void)unused;
	make_zip(&zip, &entry, 1);
	memcpy(zip.data, "PK\3\4", 4);
	read_zip(&members, zip.data, zip.size);
	assert_true(members.sound);
	members_fini(&members);

	make_zip(&second, &entry, 1);
	memcpy(zip.data + zip.size, second.data, second.size);
	zip.size += second.size;
	read_zip(&members, zip.data, zip.size);
	assert_false(members.sound);
	members_fini(&members);
}

static void
test_members_of_zip_bear_any_beginning_and_any_byte(void **unused)
{
	static const struct entry entries[] = {
		{ 100, 20, 30, false },
		{ 200, 20, 30, false },
	};
	struct members members;
	struct buffer zip;
	size_t i;

	(void)unused;
	make_zip(&zip, entries, LENGTH(entries));
	for (i = 0; i < zip.size; i++) {
		read_zip(&members, zip.data, i);
		assert_false(members.sound);
		members_fini(&members);
		zip.data[i] ^= 0xff;
		read_zip(&members, zip.data, zip.size);
		members_fini(&members);
		zip.data[i] ^= 0xff;
	}
}

/* --- tar --------------------------------------------------------------- */

struct file {
	const char *name;
	char type;
	const char *size; /* as it stands there */
	size_t data;      /* bytes that follow */
	const char *text; /* what they begin with */
};

static void
put_file(struct buffer *to, const struct file *file)
{
	unsigned char *header = to->data + to->size;
	unsigned sum = 0;
	size_t i;

	assert_true(to->size + 512 + file->data <= sizeof to->data);
	memset(header, 0, 512);
	strcpy((char *)header, file->name);
	memcpy(header + 124, file->size, strlen(file->size) + 1);
	header[156] = (unsigned char)file->type;
	memset(header + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += header[i];
	sprintf((char *)header + 148, "%06o", sum);
	if (file->text != NULL)
		strcpy((char *)header + 512, file->text);
	to->size += 512 + (file->data + 511) / 512 * 512;
}

static void
read_tar(struct members *members, const unsigned char *data, size_t size)
{
	unsigned char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, data, size);
	members_read_tar(members, copy, size);
	free(copy);
}

static void
test_members_of_tar_are_its_files(void **unused)
{
	static const struct file files[] = {
		{ "file", '0', "00000000144", 100, NULL },
		{ "directory", '5', "00000000000", 0, NULL },
		{ "link that claims a size", '1', "00000000144", 0, NULL },
		{ "long name", 'L', "00000000050", 40, "some name" },
		{ "old file", '\0', "144 ", 100, NULL },
		{ "extended", 'x', "00000000050", 40, "22 path=something\n" },
		{ "small", '0', "5", 5, NULL },
		{ "of a type that nobody knows", 'Q', "    1750 ", 1000, NULL },
	};
	struct members members;
	struct buffer tar = { .size = 0 };
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(files); i++)
		put_file(&tar, &files[i]);
	read_tar(&members, tar.data, tar.size);
	assert_true(members.sound);
	assert_int_equal(3, members.count);
	assert_int_equal(100, members.sizes[0]);
	assert_int_equal(100, members.sizes[1]);
	assert_int_equal(1000, members.sizes[2]);
	members_fini(&members);
}

static void
test_members_of_tar_end_with_a_block_of_zeros(void **unused)
{
	static const struct file file = { "a", '0', "144", 100, NULL };
	struct members members;
	struct buffer tar = { .size = 0 };

	(void)unused;
	put_file(&tar, &file);
	memset(tar.data + tar.size, 0, 1024);
	tar.size += 1024;
	put_file(&tar, &file);
	read_tar(&members, tar.data, tar.size);
	assert_true(members.sound);
	assert_int_equal(1, members.count);
	members_fini(&members);
}

static void
test_members_of_tar_that_programs_read_differently(void **unused)
{
	static const struct file files[] = {
		{ "bad number", '0', "12x", 10, NULL },
		{ "negative", '0', "\xff", 10, NULL },
		{ "size elsewhere", 'x', "20", 16, "16 size=1000000\n" },
	};
	struct members members;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(files); i++) {
		struct buffer tar = { .size = 0 };

		put_file(&tar, &files[i]);
		read_tar(&members, tar.data, tar.size);
		if (members.sound)
			fail_msg("%s", files[i].name);
		members_fini(&members);
	}
}

static void
test_members_of_tar_bear_any_beginning_and_any_byte(void **unused)
{
	static const struct file files[] = {
		{ "long", 'L', "00000000050", 40, "some name" },
		{ "file", '0', "00000001000", 512, "contents" },
	};
	struct buffer tar = { .size = 0 };
	struct members members;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(files); i++)
		put_file(&tar, &files[i]);
	for (i = 0; i < tar.size; i++) {
		read_tar(&members, tar.data, i);
		members_fini(&members);
		tar.data[i] ^= 0xff;
		read_tar(&members, tar.data, tar.size);
		members_fini(&members);
		tar.data[i] ^= 0xff;
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_of_zip_come_as_they_lie_and_once),
		cmocka_unit_test(
		    test_members_of_zip_that_are_encrypted_are_not_due),
		cmocka_unit_test(
		    test_members_of_zip_with_another_end_than_it_says),
		cmocka_unit_test(
		    test_members_of_zip_with_two_ends_are_not_sound),
		cmocka_unit_test(
		    test_members_of_zip_that_begins_as_one_are_where_it_says),
		cmocka_unit_test(
		    test_members_of_zip_bear_any_beginning_and_any_byte),
		cmocka_unit_test(test_members_of_tar_are_its_files),
		cmocka_unit_test(test_members_of_tar_end_with_a_block_of_zeros),
		cmocka_unit_test(
		    test_members_of_tar_that_programs_read_differently),
		cmocka_unit_test(
		    test_members_of_tar_bear_any_beginning_and_any_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
