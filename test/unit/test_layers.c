/* test_layers - what is missing from the layers of a message
 *
 * Each test is one scan as libclamav would report it; that it does is shown
 * by test/component/test_never_clean.py.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coverage/layers.h"

#define MAX_FILE_SIZE 100000

static unsigned char zeros[200000];

static void
begin(struct layers *layers)
{
	layers_init(layers, MAX_FILE_SIZE);
	layers_enter(layers, 0, "CL_TYPE_MAIL", zeros, 1000);
}

static void
assert_unread(struct layers *layers, const char *what)
{
	layers_end(layers);
	assert_string_equal(what, layers->unread);
}

/* A layer in which there is nothing more. */
static void
leaf(struct layers *layers, unsigned level, const char *type, size_t size)
{
	layers_enter(layers, level, type, zeros, size);
	layers_leave(layers);
}

/* The same, of bytes that are not zeros. */
static void
leaf_with(struct layers *layers, const char *type, const unsigned char *data,
    size_t size)
{
	layers_enter(layers, 1, type, data, size);
	layers_leave(layers);
}

static void
test_layers_of_a_plain_mail_are_all_there(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 100, false);
	leaf(&layers, 1, "CL_TYPE_TEXT_ASCII", 100);
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 3, false); /* too small */
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 200, false);
	leaf(&layers, 1, "CL_TYPE_PNG", 200);
	layers_leave(&layers);
	assert_unread(&layers, "");
	assert_false(layers.oversize);
	assert_null(layers.encrypted);
	layers_end(&layers);
}

static void
test_layers_archive_from_which_nothing_came(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	leaf(&layers, 1, "CL_TYPE_RAR", 100);
	assert_unread(&layers, "RAR-not-opened");
	assert_false(layers.several);

	begin(&layers);
	leaf(&layers, 1, "CL_TYPE_RAR", 100);
	leaf(&layers, 1, "CL_TYPE_7Z", 100);
	assert_unread(&layers, "RAR-not-opened");
	assert_true(layers.several);

	begin(&layers); /* nor within another */
	layers_enter(&layers, 1, "CL_TYPE_7Z", zeros, 100);
	layers_announce(&layers, "CL_TYPE_7Z", 50, 50, false);
	leaf(&layers, 2, "CL_TYPE_MSCAB", 50);
	layers_leave(&layers);
	assert_unread(&layers, "CAB-not-opened");

	begin(&layers); /* an empty file is something */
	layers_enter(&layers, 1, "CL_TYPE_7Z", zeros, 100);
	layers_announce(&layers, "CL_TYPE_7Z", 50, 0, false);
	layers_leave(&layers);
	assert_unread(&layers, "");
}

static void
test_layers_member_that_was_announced_and_did_not_come(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers); /* the last */
	layers_enter(&layers, 1, "CL_TYPE_ARJ", zeros, 100);
	layers_announce(&layers, "CL_TYPE_ARJ", 50, 50, false);
	leaf(&layers, 2, "CL_TYPE_TEXT_ASCII", 50);
	layers_announce(&layers, "CL_TYPE_ARJ", 50, 60, false);
	layers_leave(&layers);
	assert_unread(&layers, "ARJ-in-part");

	begin(&layers); /* one before */
	layers_enter(&layers, 1, "CL_TYPE_ARJ", zeros, 100);
	layers_announce(&layers, "CL_TYPE_ARJ", 50, 60, false);
	layers_announce(&layers, "CL_TYPE_ARJ", 50, 50, false);
	leaf(&layers, 2, "CL_TYPE_TEXT_ASCII", 50);
	layers_leave(&layers);
	assert_unread(&layers, "ARJ-in-part");

	begin(&layers); /* not whole */
	layers_enter(&layers, 1, "CL_TYPE_MSCAB", zeros, 100);
	layers_announce(&layers, "CL_TYPE_MSCAB", 50, 60, false);
	leaf(&layers, 2, "CL_TYPE_TEXT_ASCII", 59);
	layers_leave(&layers);
	assert_unread(&layers, "CAB-in-part");

	begin(&layers); /* a part of the mail */
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 50, false);
	assert_unread(&layers, "attachment-in-part");

	begin(&layers); /* of an archive behind a program */
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", zeros, 100);
	layers_announce(&layers, "CL_TYPE_7Z", 50, 50, false);
	layers_leave(&layers);
	assert_unread(&layers, "7Z-in-part");
}

static void
test_layers_encrypted_member_does_not_come_and_is_told(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_ARJ", zeros, 100);
	layers_announce(&layers, "CL_TYPE_ARJ", 50, 50, true);
	layers_leave(&layers);
	assert_unread(&layers, "");
	assert_string_equal("ARJ", layers.encrypted);
}

/* InstallShield announces files that come later, ISO 9660 directories, and a
 * program that knows ZIP has "PK" in it, without a ZIP behind that. */
static void
test_layers_announcements_that_mean_nothing(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", zeros, 100);
	layers_announce(&layers, "CL_TYPE_MSEXE", 50, 50, false);
	layers_announce(&layers, "CL_TYPE_ISO9660", 50, 2048, false);
	layers_announce(&layers, "CL_TYPE_ZIP", 50, MAX_FILE_SIZE + 1, true);
	layers_announce(&layers, "CL_TYPE_ZIP", 50, 30, false);
	layers_leave(&layers);
	assert_unread(&layers, "");
	assert_false(layers.oversize);
	assert_null(layers.encrypted);
}

static void
test_layers_member_over_the_limit_was_cut(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers); /* as it is announced */
	layers_announce(&layers, "CL_TYPE_MAIL", 50, MAX_FILE_SIZE + 1, false);
	layers_end(&layers);
	assert_true(layers.oversize);

	begin(&layers); /* as it turned out */
	leaf(&layers, 1, "CL_TYPE_BINARY_DATA", MAX_FILE_SIZE / 8192 * 8192);
	layers_end(&layers);
	assert_true(layers.oversize);

	begin(&layers);
	leaf(&layers, 1, "CL_TYPE_BINARY_DATA", MAX_FILE_SIZE - 8192);
	layers_end(&layers);
	assert_false(layers.oversize);
}

/* --- directories ------------------------------------------------------- */

/* A ZIP of two members of 1000 and 2000 bytes, without the members. */
static const unsigned char zip[] =
    "PK\1\2\24\0\24\0\0\0\10\0\0\0\0\0\0\0\0\0\100\0\0\0\350\3\0\0\1\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0a"
    "PK\1\2\24\0\24\0\0\0\10\0\0\0\0\0\0\0\0\0\100\0\0\0\320\7\0\0\1\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\200\0\0\0b"
    "PK\5\6\0\0\0\0\2\0\2\0\136\0\0\0\0\0\0\0\0";
#define ZIP_SIZE (sizeof zip)

static void
enter_zip(struct layers *layers, const char *type)
{
	begin(layers);
	layers_enter(layers, 1, type, zip, ZIP_SIZE);
	layers_announce(layers, "CL_TYPE_ZIP", 50, 1000, false);
	layers_announce(layers, "CL_TYPE_ZIP", 50, 2000, false);
}

static void
test_layers_zip_gives_all_that_its_directory_lists(void **unused)
{
	static const struct {
		size_t sizes[3];
		const char *unread;
	} rows[] = {
		{ { 1000, 2000 }, "" },
		{ { 0 }, "ZIP-not-opened" },
		{ { 1000 }, "ZIP-in-part" },
		{ { 2000 }, "ZIP-in-part" },
		{ { 2000, 1000 }, "ZIP-in-part" },
		{ { 1000, 1999 }, "ZIP-in-part" },
		{ { 1000, 2000, 10 }, "ZIP-in-part" },
	};
	struct layers layers;
	size_t i, j;

	(void)unused;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		enter_zip(&layers, "CL_TYPE_ZIP");
		for (j = 0; j < 3 && rows[i].sizes[j] > 0; j++)
			leaf(&layers, 2, "CL_TYPE_TEXT_ASCII",
			    rows[i].sizes[j]);
		layers_leave(&layers);
		assert_unread(&layers, rows[i].unread);
	}
}

static void
test_layers_zip_without_a_directory_is_not_opened(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	leaf(&layers, 1, "CL_TYPE_ZIP", 100);
	assert_unread(&layers, "ZIP-not-opened");

	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_ZIP", zeros, 100);
	leaf(&layers, 2, "CL_TYPE_TEXT_ASCII", 1000);
	layers_leave(&layers);
	assert_unread(&layers, "ZIP-in-part");
}

/* Whose members come one level deeper, with what else is in a program. */
static void
test_layers_zip_behind_a_program_gives_all_as_well(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", zip, ZIP_SIZE);
	leaf(&layers, 2, "CL_TYPE_GRAPHICS", 300);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 1000);
	leaf(&layers, 3, "CL_TYPE_MSEXE", 300);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 2000);
	layers_leave(&layers);
	assert_unread(&layers, "");

	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", zip, ZIP_SIZE);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 1000);
	layers_leave(&layers);
	assert_unread(&layers, "ZIP-in-part");

	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", zip, ZIP_SIZE);
	layers_leave(&layers);
	assert_unread(&layers, "ZIP-not-opened");
}

/* Then only the headers of its members are there to go by. */
static void
test_layers_zip_behind_a_program_that_was_cut_off(void **unused)
{
	static const unsigned char cut[100] =
	    "MZ  "
	    "PK\3\4\24\0\0\0\10\0\0\0\0\0\0\0\0\0\62\0\0\0\74\0\0\0\1\0"
	    "\0\0a";
	struct layers layers;

	(void)unused;
	begin(&layers);
	leaf_with(&layers, "CL_TYPE_MSEXE", cut, sizeof cut);
	assert_unread(&layers, "ZIP-not-opened");

	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", cut, sizeof cut);
	layers_announce(&layers, "CL_TYPE_ZIP", 50, 60, false);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 60);
	layers_announce(&layers, "CL_TYPE_ZIP", 50, 60, false);
	layers_leave(&layers);
	assert_unread(&layers, "ZIP-in-part");

	begin(&layers); /* a guess, of more than there is */
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", cut, sizeof cut);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 60);
	layers_announce(&layers, "CL_TYPE_ZIP", 101, 60, true);
	layers_announce(&layers, "CL_TYPE_ZIP", 1, 60000, true);
	layers_leave(&layers);
	assert_unread(&layers, "");
	assert_null(layers.encrypted);
}

/* At the end of an image, say: there it is seen, and then unpacked. */
static void
test_layers_zip_stored_in_another_file_counts_once(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_BINARY_DATA", zip, ZIP_SIZE);
	layers_enter(&layers, 2, "CL_TYPE_ZIP", zip, ZIP_SIZE);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 1000);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 2000);
	layers_leave(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");
}

/* --- what lies behind something else ----------------------------------- */

static const unsigned char rar_behind[100] = "MZ Rar!\x1a\x07\0\xcf\x90\x73";

static void
test_layers_archive_behind_a_program_is_opened_or_told(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	leaf_with(&layers, "CL_TYPE_MSEXE", rar_behind, 100);
	assert_unread(&layers, "RAR-not-opened");

	begin(&layers); /* with a module */
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", rar_behind, 100);
	layers_announce(&layers, "CL_TYPE_RAR", 50, 50, false);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 50);
	layers_leave(&layers);
	assert_unread(&layers, "");

	begin(&layers); /* stored in an archive, and opened */
	layers_enter(&layers, 1, "CL_TYPE_MSOLE2", rar_behind, 100);
	layers_enter(&layers, 2, "CL_TYPE_RAR", zeros, 100);
	layers_announce(&layers, "CL_TYPE_RAR", 50, 50, false);
	leaf(&layers, 3, "CL_TYPE_TEXT_ASCII", 50);
	layers_leave(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");
}

/* Cut out of an OLE2 file, whose streams are not in one piece. */
static void
test_layers_shadow_of_an_archive_does_not_count(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_MSOLE2", zeros, 1000);
	leaf(&layers, 2, "CL_TYPE_BINARY_DATA", 500);
	layers_enter(&layers, 3, "CL_TYPE_MSEXE", rar_behind, 100);
	layers_announce(&layers, "CL_TYPE_MSCAB", 50, 50, false);
	layers_enter(&layers, 4, "CL_TYPE_ZIP", zip, ZIP_SIZE);
	layers_leave(&layers);
	layers_leave(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");
}

/* --- what was looked at before ------------------------------------------ */

static void
test_layers_that_are_passed_over_count_as_opened(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 100, false);
	layers_enter(&layers, 1, "CL_TYPE_RAR", zeros, 100);
	layers_pass(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");

	/* In a mail that is not encoded, so that both are seen in the mail. */
	layers_init(&layers, MAX_FILE_SIZE);
	layers_enter(&layers, 0, "CL_TYPE_MAIL", rar_behind, 100);
	layers_enter(&layers, 1, "CL_TYPE_MSEXE", rar_behind, 100);
	layers_pass(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");

	layers_init(&layers, MAX_FILE_SIZE);
	layers_enter(&layers, 0, "CL_TYPE_MAIL", zip, ZIP_SIZE);
	layers_enter(&layers, 1, "CL_TYPE_ZIP", zip, ZIP_SIZE);
	layers_pass(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "");
}

static void
test_layers_beside_one_that_is_passed_over_are_not_let_off(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_PDF", zeros, 100);
	layers_pass(&layers);
	layers_leave(&layers);
	leaf(&layers, 1, "CL_TYPE_RAR", 100);
	assert_unread(&layers, "RAR-not-opened");

	layers_init(&layers, MAX_FILE_SIZE);
	layers_enter(&layers, 0, "CL_TYPE_MAIL", rar_behind, 100);
	layers_enter(&layers, 1, "CL_TYPE_PDF", zeros, 100);
	layers_pass(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "RAR-not-opened");

	begin(&layers); /* another one was announced */
	layers_announce(&layers, "CL_TYPE_MAIL", 50, 200, false);
	layers_enter(&layers, 1, "CL_TYPE_PDF", zeros, 100);
	layers_pass(&layers);
	layers_leave(&layers);
	assert_unread(&layers, "attachment-in-part");
}

/* --- the books themselves ---------------------------------------------- */

static void
test_layers_that_were_not_left_are_left_with_the_next(void **unused)
{
	struct layers layers;

	(void)unused;
	begin(&layers);
	layers_enter(&layers, 1, "CL_TYPE_RAR", zeros, 100);
	layers_enter(&layers, 1, "CL_TYPE_TEXT_ASCII", zeros, 100);
	assert_int_equal(2, layers.depth);
	assert_unread(&layers, "RAR-not-opened");
}

static void
test_layers_deeper_than_any_are_told_and_balance(void **unused)
{
	struct layers layers;
	unsigned level;

	(void)unused;
	begin(&layers);
	for (level = 1; level < 200; level++)
		layers_enter(&layers, level, "CL_TYPE_TEXT_ASCII", zeros, 100);
	while (--level > 0)
		layers_leave(&layers);
	assert_int_equal(1, layers.depth);
	layers_leave(&layers);
	layers_leave(&layers); /* one too many */
	layers_announce(&layers, "CL_TYPE_ZIP", 50, 100, false);
	assert_unread(&layers, "nesting-too-deep");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers_of_a_plain_mail_are_all_there),
		cmocka_unit_test(test_layers_archive_from_which_nothing_came),
		cmocka_unit_test(
		    test_layers_member_that_was_announced_and_did_not_come),
		cmocka_unit_test(
		    test_layers_encrypted_member_does_not_come_and_is_told),
		cmocka_unit_test(test_layers_announcements_that_mean_nothing),
		cmocka_unit_test(test_layers_member_over_the_limit_was_cut),
		cmocka_unit_test(
		    test_layers_zip_gives_all_that_its_directory_lists),
		cmocka_unit_test(
		    test_layers_zip_without_a_directory_is_not_opened),
		cmocka_unit_test(
		    test_layers_zip_behind_a_program_gives_all_as_well),
		cmocka_unit_test(
		    test_layers_zip_behind_a_program_that_was_cut_off),
		cmocka_unit_test(
		    test_layers_zip_stored_in_another_file_counts_once),
		cmocka_unit_test(
		    test_layers_archive_behind_a_program_is_opened_or_told),
		cmocka_unit_test(
		    test_layers_shadow_of_an_archive_does_not_count),
		cmocka_unit_test(
		    test_layers_that_are_passed_over_count_as_opened),
		cmocka_unit_test(
		    test_layers_beside_one_that_is_passed_over_are_not_let_off),
		cmocka_unit_test(
		    test_layers_that_were_not_left_are_left_with_the_next),
		cmocka_unit_test(
		    test_layers_deeper_than_any_are_told_and_balance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
