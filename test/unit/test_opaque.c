/* test_opaque - encrypted mail is recognised, other mail is not
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

#include "engine/opaque.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct sample {
	const char *mail;
	const char *kind;	/* NULL: not encrypted */
};

/* In memory of exactly its size, so that a sanitizer sees what is read past
 * the end. */
static const char *
find_in(const char *mail, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	const char *kind;

	assert_non_null(copy);
	memcpy(copy, mail, size);
	kind = opaque_find(copy, size);
	free(copy);
	return kind;
}

static void
check(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *kind = find_in(samples[i].mail,
		    strlen(samples[i].mail));

		if (samples[i].kind == NULL && kind == NULL)
			continue;
		if (samples[i].kind == NULL || kind == NULL)
			fail_msg("%s: %s", samples[i].mail,
			    kind != NULL ? kind : "not encrypted");
		else
			assert_string_equal(kind, samples[i].kind);
	}
}

static void
test_opaque_knows_the_types_of_encrypted_mail(void **state)
{
	static const struct sample samples[] = {
		{ "Content-Type: multipart/encrypted; boundary=b\r\n\r\n",
		    "PGP-MIME" },
		{ "content-TYPE:MULTIPART/Encrypted;\r\n\tboundary=b\r\n\r\n",
		    "PGP-MIME" },
		{ "Subject: x\nContent-Type: multipart/encrypted\n\nx",
		    "PGP-MIME" },
		{ "Content-Type: application/pkcs7-mime;\r\n"
		    " smime-type=enveloped-data\r\n\r\n", "S-MIME" },
		{ "Content-Type: application/x-pkcs7-mime; "
		    "smime-type=\"authEnveloped-data\"\r\n\r\n", "S-MIME" },
		{ "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
		    "\r\n", "S-MIME" },
		{ "Content-Type: application/pkcs7-mime; "
		    "smime-type=signed-data\r\n\r\n", NULL },
		{ "Content-Type: application/pkcs7-mime; name=x;\r\n "
		    "smime-type = \"certs-only\"\r\n\r\n", NULL },
		{ "Content-Type: application/pkcs7-signature\r\n\r\n", NULL },
		{ "Content-Type: multipart/encryptedx\r\n\r\n", NULL },
		{ "Subject: Content-Type: multipart/encrypted\r\n\r\n", NULL },
		{ "Subject: x\r\n Content-Type: multipart/encrypted\r\n\r\n",
		    NULL },
		{ "\r\nContent-Type: multipart/encrypted\r\n\r\n", NULL },
	};

	(void)state;
	check(samples, LENGTH(samples));
}

static void
test_opaque_looks_into_parts_and_forwarded_messages(void **state)
{
	static const struct sample samples[] = {
		{ "Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n"
		    "--a b\r\nContent-Type: application/pkcs7-mime\r\n\r\nx",
		    "S-MIME" },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		    "--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		    "--b\r\nContent-Type: multipart/encrypted\r\n\r\n",
		    "PGP-MIME" },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		    "--a\r\nContent-Type: message/rfc822\r\n\r\n"
		    "Content-Type: multipart/encrypted\r\n\r\n", "PGP-MIME" },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		    "--b\r\nContent-Type: multipart/encrypted\r\n\r\n", NULL },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		    "--a--\r\nContent-Type: multipart/encrypted\r\n\r\n",
		    NULL },
		{ "Content-Type: text/plain\r\n\r\n"
		    "Content-Type: multipart/encrypted\r\n\r\n", NULL },
	};

	(void)state;
	check(samples, LENGTH(samples));
}

static void
test_opaque_knows_inline_pgp(void **state)
{
	static const struct sample samples[] = {
		{ "Subject: x\r\n\r\nHi\r\n-----BEGIN PGP MESSAGE-----\r\n",
		    "PGP" },
		{ "\n-----BEGIN PGP MESSAGE-----", "PGP" },
		{ "\r\nLS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0tCg==\r\n", "PGP" },
		{ "Content-Type: multipart/mixed; boundary=---B\r\n\r\n"
		    "-----BEGIN PGP MESSAGE-----\r\n", "PGP" },
		{ "\r\n> -----BEGIN PGP MESSAGE-----\r\n", NULL },
		{ "\r\n-----BEGIN PGP SIGNATURE-----\r\n", NULL },
		{ "\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n", NULL },
		{ "\r\n-----BEGIN PGP MESSAGE----", NULL },
		{ "X: -----BEGIN PGP MESSAGE-----\r\n\r\n", NULL },
	};

	(void)state;
	check(samples, LENGTH(samples));
}

/* Whatever the end, nothing behind it is read, and nothing is found that the
 * whole doesn't have. */
static void
test_opaque_bears_any_beginning_of_a_mail(void **state)
{
	static const char mail[] =
	    "Content-Type: multipart/mixed; boundary=\"q\\\"uoted\"\r\n\r\n"
	    "--q\"uoted\r\nContent-Type: application/pkcs7-mime; smime-type="
	    "\"signed-data\"; x=\"\r\n\r\nbody\r\n--q\"uoted--\r\n--\r\n-\r\n";

	(void)state;
	for (size_t size = 0; size < sizeof mail; size++)
		if (size < 90)
			assert_null(find_in(mail, size));
		else
			find_in(mail, size);
	assert_null(find_in(mail, sizeof mail - 1));
}

static void
test_opaque_bears_many_boundaries_and_endless_lines(void **state)
{
	enum { PARTS = 1000, SIZE = PARTS * 64 };
	char *mail = calloc(1, SIZE + 1);
	size_t used = 0;

	(void)state;
	assert_non_null(mail);
	for (int i = 0; i < PARTS; i++)
		used += (size_t)sprintf(mail + used,
		    "Content-Type: multipart/mixed; boundary=%d\n\n--%d\n", i,
		    i);
	assert_null(find_in(mail, used));
	memset(mail, 'x', SIZE);
	memcpy(mail, "Content-Type:", 13);
	assert_null(find_in(mail, SIZE));
	free(mail);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_opaque_knows_the_types_of_encrypted_mail),
		cmocka_unit_test(
		    test_opaque_looks_into_parts_and_forwarded_messages),
		cmocka_unit_test(test_opaque_knows_inline_pgp),
		cmocka_unit_test(test_opaque_bears_any_beginning_of_a_mail),
		cmocka_unit_test(
		    test_opaque_bears_many_boundaries_and_endless_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
