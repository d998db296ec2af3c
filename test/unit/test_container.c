/* test_container - which archives are recognised, and which are not
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

#include "coverage/container.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* Some bytes at a place in memory of exactly that size, so that a sanitizer
 * sees what is read past the end. */
struct sample {
	size_t at;
	const char *bytes;
	size_t len;
	size_t size;
	const char *name; /* NULL: none */
	unsigned bits;
};

#define AT(at, bytes) at, bytes, sizeof bytes - 1

static unsigned char *
make(const struct sample *sample)
{
	unsigned char *data = calloc(1, sample->size);

	assert_non_null(data);
	memcpy(data + sample->at, sample->bytes, sample->len);
	return data;
}

static void
assert_name(const struct sample *sample, const char *name)
{
	if (sample->name == NULL && name == NULL)
		return;
	if (sample->name == NULL || name == NULL)
		fail_msg("%.20s: %s", sample->bytes, name != NULL ? name : "-");
	else
		assert_string_equal(sample->name, name);
}

static void
test_container_has_rows_for_types_that_hold_something(void **unused)
{
	(void)unused;
	assert_string_equal("ZIP", container_of_type("CL_TYPE_ZIP")->name);
	assert_string_equal("OOXML",
	    container_of_type("CL_TYPE_OOXML_WORD")->name);
	assert_string_equal("TAR", container_of_type("CL_TYPE_OLD_TAR")->name);
	assert_null(container_of_type("CL_TYPE_MSEXE"));
	assert_null(container_of_type("CL_TYPE_MAIL"));
	assert_null(container_of_type(""));
	assert_null(container_of_type(NULL));
}

static void
test_container_foreign_formats_have_names(void **unused)
{
	static const struct sample samples[] = {
		{ AT(0, "Rar!\x1a\x07"), 100, "RAR", 0 },
		{ AT(7, "**ACE**"), 100, "ACE", 0 },
		{ AT(7, "**ACE**"), 14, "ACE", 0 },
		{ AT(6, "**ACE**"), 100, NULL, 0 },
		{ AT(0, "\x28\xb5\x2f\xfd"), 4, "Zstandard", 0 },
		{ AT(0, "\x28\xb5\x2f"), 3, NULL, 0 },
		{ AT(0, "!<arch>\n"), 100, "ar", 0 },
		{ AT(0, "\x1f\x9d\x90"), 100, "compress", 0 },
		{ AT(0, "\x1f\x9d\xf0"), 100, NULL, 0 },
		{ AT(0, "\x1f\x9d\x01"), 100, NULL, 0 },
		{ AT(0, "]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff"), 100,
		    "LZMA", 0 },
		{ AT(0, "]\0\0\0\1\x10\x20\0\0\0\0\0\0"), 100, "LZMA", 0 },
		{ AT(0, "]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\x7f"), 100,
		    NULL, 0 },
		{ AT(0, "] said the bracket"), 100, NULL, 0 },
		{ AT(100, "conectix"), 612, "VHD", 0 },
		{ AT(0, "conectix"), 2048, "VHD", 0 },
		{ AT(0, "plain text"), 600, NULL, 0 },
		{ AT(0, ""), 1, NULL, 0 },
	};
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(samples); i++) {
		data = make(&samples[i]);
		assert_name(&samples[i],
		    container_foreign(data, samples[i].size));
		free(data);
	}
}

static void
test_container_foreign_file_system_has_a_boot_sector(void **unused)
{
	unsigned char *data = calloc(1, 512);

	(void)unused;
	assert_non_null(data);
	memcpy(data + 3, "NTFS    ", 8);
	assert_null(container_foreign(data, 512));
	data[510] = 0x55;
	data[511] = 0xaa;
	assert_string_equal("NTFS", container_foreign(data, 512));
	memset(data + 3, 0, 8);
	memcpy(data + 82, "FAT32   ", 8);
	assert_string_equal("FAT", container_foreign(data, 512));
	free(data);
}

static void
test_container_images_are_recognised_by_their_marks(void **unused)
{
	static const struct sample samples[] = {
		{ AT(32769, "CD001"), 32774, "ISO", 0 },
		{ AT(32769, "CD001"), 40000, "ISO", 0 },
		{ AT(32768, "CD001"), 40000, NULL, 0 },
		{ AT(32769, "BEA01"), 40000, "UDF", 0 },
		{ AT(488, "koly"), 1000, "DMG", 0 },
		{ AT(512, "EFI PART"), 1000, "GPT", 0 },
		{ AT(0, "x"), 1, NULL, 0 },
	};
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(samples); i++) {
		data = make(&samples[i]);
		assert_name(&samples[i],
		    container_image(data, samples[i].size));
		free(data);
	}
}

static void
test_container_embedded_archives_are_whole_headers(void **unused)
{
	static const struct sample samples[] = {
		{ AT(100, "Rar!\x1a\x07\0\xcf\x90\x73\0\0\x0d"), 200, NULL,
		    CONTAINER_RAR },
		{ AT(100, "Rar!\x1a\x07\0\xcf\x90\x74\0\0\x0d"), 200, NULL, 0 },
		{ AT(100, "Rar!\x1a\x07\1\0\xcf\x90\x73\0\x0d\1\0"), 200, NULL,
		    CONTAINER_RAR },
		{ AT(100, "Rar!\x1a\x07\1\0\xcf\x90\x73\0\x8d\1\4"), 200, NULL,
		    CONTAINER_RAR },
		{ AT(100, "Rar!\x1a\x07\1\0\xcf\x90\x73\0\x0d\2\0"), 200, NULL,
		    0 },
		{ AT(0, "Rar!\x1a\x07\0\xcf\x90\x73\0\0\x0d"), 200, NULL, 0 },
		{ AT(100, "Rar!\x1a\x07\0\xcf\x90\x73"), 110, NULL, 0 },
		{ AT(5,
		      "7z\xbc\xaf\x27\x1c\0\4\xef\xb5\x8e\x87\0\0\0\0\0\0\0\0"
		      "\0\0\0\0\0\0\0\0\0\0\0\0"),
		    200, NULL, 0 },
		{ AT(5,
		      "7z\xbc\xaf\x27\x1c\0\4\x8d\x9b\xd5\x0f\0\0\0\0\0\0\0\0"
		      "\0\0\0\0\0\0\0\0\0\0\0\0"),
		    200, NULL, CONTAINER_7Z },
		{ AT(5,
		      "MSCF\0\0\0\0\x40\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\3\1"
		      "\1\0\1\0"),
		    100, NULL, CONTAINER_CAB },
		{ AT(5,
		      "MSCF\0\0\0\0\x40\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\3\1"
		      "\1\0\1\0"),
		    60, NULL, 0 },
		{ AT(50, "xx\0\0**ACE**"), 200, NULL, 0 },
		{ AT(50, "xx\0xx**ACE**"), 200, NULL, CONTAINER_ACE },
		{ AT(5,
		      "PK\3\4\24\0\0\0\10\0\0\0\0\0\0\0\0\0\2\0\0\0\2\0\0"
		      "\0\1\0\0\0a"),
		    100, NULL, CONTAINER_ZIP },
		{ AT(5,
		      "PK\3\4\24\0\0\0\10\0\0\0\0\0\0\0\0\0\2\0\0\0\2\0\0"
		      "\0\1\0\0\0\1"),
		    100, NULL, 0 },
		{ AT(5,
		      "PK\3\4\124\0\0\0\10\0\0\0\0\0\0\0\0\0\2\0\0\0\2\0"
		      "\0\0\1\0\0\0a"),
		    100, NULL, 0 },
		{ AT(5, "PK\3\4PK\1\2PK\5\6"), 100, NULL, 0 },
		{ AT(9, "\xef\xbe\xad\xdeNullsoftInst\1\0\0\0\60\0\0\0"), 200,
		    NULL, CONTAINER_NSIS },
		{ AT(9, "\xef\xbe\xad\xdeNullsoftInst\1\0\0\0\60\1\0\0"), 200,
		    NULL, 0 },
		{ AT(512 + 257, "ustar"), 2048, NULL, 0 },
	};
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(samples); i++) {
		data = make(&samples[i]);
		if (container_embedded(data, samples[i].size) !=
		    samples[i].bits)
			fail_msg("row %zu: %#x", i,
			    container_embedded(data, samples[i].size));
		free(data);
	}
}

/* A header of nothing but its mark and the sum of all its bytes; not at the
 * beginning, where it would be a tar archive. */
static void
test_container_embedded_tar_is_a_header_at_a_block(void **unused)
{
	static const size_t places[] = { 512, 1024, 1000, 0 };
	unsigned char data[2048];
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(places); i++) {
		memset(data, 0, sizeof data);
		memcpy(data + places[i] + 257, "ustar", 5);
		memcpy(data + places[i] + 148, "001457", 6);
		assert_int_equal(places[i] == 512 || places[i] == 1024
			? CONTAINER_TAR
			: 0,
		    container_embedded(data, sizeof data));
		data[places[i]] = 1;
		assert_int_equal(0, container_embedded(data, sizeof data));
	}
}

static void
test_container_names_its_bits(void **unused)
{
	(void)unused;
	assert_string_equal("RAR", container_bit_name(CONTAINER_RAR));
	assert_string_equal("7Z", container_bit_name(CONTAINER_7Z));
	assert_string_equal("CAB", container_bit_name(CONTAINER_CAB));
	assert_string_equal("ACE", container_bit_name(CONTAINER_ACE));
	assert_string_equal("NSIS", container_bit_name(CONTAINER_NSIS));
	assert_string_equal("TAR", container_bit_name(CONTAINER_TAR));
	assert_string_equal("ZIP", container_bit_name(CONTAINER_ZIP));
}

/* What bzip2 makes of "hello\n". */
#define BZIP2 \
	"BZh91AY&SY\xc1\xc0\x80\xe2\0\0\1\x41\0\0\x10\x02\x44\xa0\0\x30" \
	"\xcd\0\xc3\x46\x29\x97\x17\x72\x45\x38\x50\x90\xc1\xc0\x80\xe2"

static void
test_container_bzip2_has_more_than_one_stream_or_no_end(void **unused)
{
	static const struct sample samples[] = {
		{ AT(0, BZIP2), sizeof BZIP2 - 1, NULL, false },
		{ AT(0, BZIP2), sizeof BZIP2 - 2, NULL, true },
		{ AT(0, BZIP2), 10, NULL, true },
		{ AT(0, BZIP2), 1, NULL, true },
		{ AT(0, BZIP2 BZIP2), 2 * (sizeof BZIP2 - 1), NULL, true },
	};
	const struct container *bzip2 = container_of_type("CL_TYPE_BZ");
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(samples); i++) {
		data = malloc(samples[i].size);
		assert_non_null(data);
		memcpy(data, samples[i].bytes, samples[i].size);
		assert_int_equal(samples[i].bits,
		    container_has_more(bzip2, data, samples[i].size));
		free(data);
	}
}

static void
test_container_gzip_says_how_long_it_is(void **unused)
{
	const struct container *gzip = container_of_type("CL_TYPE_GZ");
	const struct container *bzip2 = container_of_type("CL_TYPE_BZ");
	static const unsigned char data[] = "\x1f\x8bxxxx\x10\x20\0\0";
	const size_t size = sizeof data - 1;

	(void)unused;
	assert_int_equal(0x2010, container_at_least(gzip, data, size));
	assert_int_equal(0, container_at_least(gzip, data, 3));
	assert_int_equal(0, container_at_least(bzip2, data, size));
	assert_false(container_may_be_empty(gzip, data, size));
	assert_true(container_may_be_empty(gzip,
	    (const unsigned char *)"\x1f\x8bxxxx\5\0\0", 10));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_container_has_rows_for_types_that_hold_something),
		cmocka_unit_test(test_container_foreign_formats_have_names),
		cmocka_unit_test(
		    test_container_foreign_file_system_has_a_boot_sector),
		cmocka_unit_test(
		    test_container_images_are_recognised_by_their_marks),
		cmocka_unit_test(
		    test_container_embedded_archives_are_whole_headers),
		cmocka_unit_test(
		    test_container_embedded_tar_is_a_header_at_a_block),
		cmocka_unit_test(test_container_names_its_bits),
		cmocka_unit_test(
		    test_container_bzip2_has_more_than_one_stream_or_no_end),
		cmocka_unit_test(test_container_gzip_says_how_long_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
