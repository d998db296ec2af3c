/* test_sealed - encrypted files and S/MIME objects are recognised
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coverage/cms.h"
#include "coverage/sealed.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof s - 1

static unsigned char *
copy_of(const char *bytes, size_t len)
{
	unsigned char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* --- S/MIME ------------------------------------------------------------ */

/* Types: 1.2.840.113549.1.7.x and 1.2.840.113549.1.9.16.1.x. */
#define PKCS7 "\6\x09\x2a\x86\x48\x86\xf7\x0d\1\7"
#define SMIME "\6\x0b\x2a\x86\x48\x86\xf7\x0d\1\x09\x10\1"
#define SHA256 "\x31\x0d\x30\x0b\6\x09\x60\x86\x48\1\x65\3\4\2\1"

static const struct {
	const char *bytes;
	size_t len;
	enum cms_kind kind;
} objects[] = {
	{ BYTES("\x30\x82\3\xff" PKCS7 "\3\xa0"), CMS_ENCRYPTED },
	{ BYTES("\x30\x80" PKCS7 "\3\xa0\x80"), CMS_ENCRYPTED },
	{ BYTES("\x30\x20" PKCS7 "\6\xa0"), CMS_ENCRYPTED },
	{ BYTES("\x30\x82\3\xff" SMIME "\x17\xa0"), CMS_ENCRYPTED },
	{ BYTES("\x30\x82\3\xff" SMIME "\x09\xa0"), CMS_COMPRESSED },
	{ BYTES("\x30\x82\3\xff" PKCS7 "\2\xa0\x82\3\xf0\x30\x82\3\xec"
		"\2\1\1" SHA256 "\x30\x82\2\x73" PKCS7 "\1\xa0\x82\2\x64\4"),
	    CMS_SIGNED },
	/* As Outlook writes it: lengths left open. */
	{ BYTES("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\1\1" SHA256
		"\x30\x80" PKCS7 "\1\xa0\x80\x24\x80\4"),
	    CMS_SIGNED },
	/* A signature beside its message: certificates come next. */
	{ BYTES("\x30\x82\3\xff" PKCS7 "\2\xa0\x82\3\xf0\x30\x82\3\xec"
		"\2\1\1" SHA256 "\x30\x0b" PKCS7 "\1\xa0\x82\2\x64\x30"),
	    CMS_NONE },
	{ BYTES("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\1\1" SHA256
		"\x30\x80" PKCS7 "\1\0\0\xa0\x80"),
	    CMS_NONE },
	/* Signed, but no message: a catalogue of Windows. */
	{ BYTES("\x30\x82\3\xff" PKCS7 "\2\xa0\x82\3\xf0\x30\x82\3\xec"
		"\2\1\1" SHA256 "\x30\x82\2\x73\6\x09\x2b\6\1\4\1\x82\x37\x0a\1"
		"\xa0\x82"),
	    CMS_NONE },
	/* What can't be followed. */
	{ BYTES("\x30\x82\3\xff" PKCS7 "\2"), CMS_SIGNED },
	{ BYTES("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\x7f\1"), CMS_SIGNED },
	/* Something else. */
	{ BYTES("\x30\x82\3\xff" PKCS7 "\1\xa0"), CMS_NONE },
	{ BYTES("\x30\x82\3\xff\2\1\0"), CMS_NONE },
	{ BYTES("\x30\x85\1\1\1\1\1" PKCS7 "\3"), CMS_NONE },
	{ BYTES("text"), CMS_NONE },
	{ BYTES(""), CMS_NONE },
};

static void
test_cms_knows_what_holds_a_message(void **unused)
{
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(objects); i++) {
		data = copy_of(objects[i].bytes, objects[i].len);
		if (cms_kind_of(data, objects[i].len) != objects[i].kind)
			fail_msg("object %zu", i);
		free(data);
	}
}

static void
test_cms_bears_any_beginning_and_any_byte(void **unused)
{
	unsigned char *data;
	size_t i, len;

	(void)unused;
	for (i = 0; i < LENGTH(objects); i++) {
		for (len = 0; len < objects[i].len; len++) {
			data = copy_of(objects[i].bytes, len);
			cms_kind_of(data, len);
			free(data);
			data = copy_of(objects[i].bytes, objects[i].len);
			data[len] ^= 0xff;
			cms_kind_of(data, objects[i].len);
			free(data);
		}
	}
}

/* --- files ------------------------------------------------------------- */

static void
test_sealed_files_are_told_from_their_contents(void **unused)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *kind; /* NULL: not encrypted */
	} rows[] = {
		{ BYTES("-----BEGIN PGP MESSAGE-----\n"), "PGP" },
		{ BYTES("Hello\n-----BEGIN PGP MESSAGE-----"), "PGP" },
		{ BYTES("> -----BEGIN PGP MESSAGE-----\n"), NULL },
		{ BYTES("> -----BEGIN PGP MESSAGE-----\n"
			"-----BEGIN PGP MESSAGE-----\n"),
		    "PGP" },
		{ BYTES("-----BEGIN PGP SIGNATURE-----\n"), NULL },
		/* A key for one recipient, for a password; then data. */
		{ BYTES("\x85\0\x0c\3keyident\1xx\xd2\x40text"), "PGP" },
		{ BYTES("\xc1\x0c\3keyident\1xx\xd2\x40xxdata"), "PGP" },
		{ BYTES("\x8c\x0d\4\7\3\2saltsalt\x60\xd2\x40xx"), "PGP" },
		{ BYTES("\xa8\3PGP\xc1\x0c\3keyident\1xx\xd2"), "PGP" },
		/* Not followed by a packet, of another version, too short. */
		{ BYTES("\x85\0\x0c\3keyident\1xxtext and text"), NULL },
		{ BYTES("\x85\0\x0c\2keyident\1xx\xd2\x40text"), NULL },
		{ BYTES("\x85\1\x0c\3keyident\1xx\xd2\x40text"), NULL },
		{ BYTES("\x30\x82\3\xff" PKCS7 "\3\xa0"), "S-MIME" },
		{ BYTES("<x><manifest:encryption-data y>"), "ODF" },
		{ BYTES("<manifest:file-entry>"), NULL },
		{ BYTES("plain text"), NULL },
		{ BYTES(""), NULL },
	};
	const char *kind;
	unsigned char *data;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(rows); i++) {
		data = copy_of(rows[i].bytes, rows[i].len);
		kind = sealed_find("CL_TYPE_TEXT_ASCII", data, rows[i].len);
		free(data);
		if (rows[i].kind == NULL && kind == NULL)
			continue;
		if (rows[i].kind == NULL || kind == NULL)
			fail_msg("row %zu: %s", i, kind != NULL ? kind : "-");
		else
			assert_string_equal(rows[i].kind, kind);
	}
}

/* Where in an OLE2 file, what is there, and whether it means encryption. */
static void
test_sealed_office_documents_are_told_from_their_streams(void **unused)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
		bool sealed;
	} rows[] = {
		{ 512, BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1"), true },
		{ 512, BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0"), false },
		{ 512, BYTES("\xec\xa5\xc1\1\0\0\0\0\0\0\0\1"), false },
		{ 576, BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1"), true },
		{ 500, BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1"), false },
		{ 512,
		    BYTES("\x09\x08\x10\0\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\x2f\0\x36\0"),
		    true },
		{ 512,
		    BYTES("\x09\x08\x10\0\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\x86\0\0\0\x2f\0\x36\0"),
		    true },
		{ 512,
		    BYTES("\x09\x08\x10\0\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\x5c\0\x36\0"),
		    false },
		{ 512,
		    BYTES("\0\0\xf6\x0f\x20\0\0\0\x14\0\0\0"
			  "\xdf\xc4\xd1\xf3"),
		    true },
		{ 512,
		    BYTES("\0\0\xf6\x0f\x20\0\0\0\x14\0\0\0"
			  "\x5f\xc0\x91\xe3"),
		    false },
	};
	unsigned char data[1024];
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(rows); i++) {
		memset(data, 0, sizeof data);
		memcpy(data + rows[i].at, rows[i].bytes, rows[i].len);
		if ((sealed_find("CL_TYPE_MSOLE2", data, sizeof data) !=
			NULL) != rows[i].sealed)
			fail_msg("row %zu", i);
		assert_null(sealed_find("CL_TYPE_MSEXE", data, sizeof data));
	}
	assert_null(sealed_find("CL_TYPE_MSOLE2", data, 0));
	assert_null(sealed_find(NULL, data, sizeof data));
}

static void
test_sealed_package_is_a_stream_of_that_name(void **unused)
{
	static const char name[] = "EncryptedPackage";
	unsigned char data[1024] = { 0 };
	unsigned char *entry = data + 640;
	size_t i;

	(void)unused;
	for (i = 0; name[i] != '\0'; i++)
		entry[2 * i] = (unsigned char)name[i];
	entry[64] = 2 * sizeof name;
	entry[66] = 2;
	assert_string_equal("Office",
	    sealed_find("CL_TYPE_MSOLE2", data, sizeof data));
	entry[66] = 1; /* a storage */
	assert_null(sealed_find("CL_TYPE_MSOLE2", data, sizeof data));
	entry[66] = 2;
	entry[0] = 'e';
	assert_null(sealed_find("CL_TYPE_MSOLE2", data, sizeof data));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cms_knows_what_holds_a_message),
		cmocka_unit_test(test_cms_bears_any_beginning_and_any_byte),
		cmocka_unit_test(
		    test_sealed_files_are_told_from_their_contents),
		cmocka_unit_test(
		    test_sealed_office_documents_are_told_from_their_streams),
		cmocka_unit_test(test_sealed_package_is_a_stream_of_that_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
