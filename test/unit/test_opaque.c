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

#include "coverage/opaque.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct sample {
	const char *mail;
	const char *kind; /* NULL: not encrypted */
};

/* In memory of exactly its size, so that a sanitizer sees what is read past
 * the end. */
static const char *
find_in(const char *mail, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	const char *kind, *unread;

	assert_non_null(copy);
	memcpy(copy, mail, size);
	kind = opaque_find(copy, size, &unread);
	free(copy);
	return kind;
}

static void
expect_unread(bool expected, const char *mail)
{
	const char *unread;

	(void)opaque_find(mail, strlen(mail), &unread);
	if (expected != (unread != NULL))
		fail_msg("%s: %s", mail, expected ? "seen whole" : unread);
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

#define MULTIPART(kind) "Content-Type: multipart/" kind "; boundary=b\n\n"
#define TEXT_PART "--b\n\nHello\n"
#define DATA_PART \
	"--b\nContent-Type: application/zip\n" \
	"Content-Transfer-Encoding: base64\n\nUEsDBA==\n"
#define SIGNATURE "--b\nContent-Type: application/pgp-signature\n\n=abcd\n"
#define ENCODED \
	"Content-Type: application/zip\n" \
	"Content-Transfer-Encoding:\n base64\n\nUEsDBA==\n"

static void
test_opaque_tells_of_parts_that_libclamav_passes_over(void **state)
{
	(void)state;
	expect_unread(true, MULTIPART("parallel") TEXT_PART DATA_PART);
	expect_unread(true, MULTIPART("signed") DATA_PART TEXT_PART);
	expect_unread(true, MULTIPART("signed") TEXT_PART DATA_PART);
	expect_unread(true,
	    MULTIPART("signed") DATA_PART
	    "--b\nContent-Type: Text/plain\n\nfooter\n");
	expect_unread(true, MULTIPART("signed") DATA_PART DATA_PART DATA_PART);
	expect_unread(true,
	    MULTIPART("mixed") "--b\nContent-Type: multipart/parallel; "
			       "boundary=bb\n\n"
			       "--bb\n\nHello\n--bb\n\nHello\n--bb--\n");
	expect_unread(false, MULTIPART("parallel") DATA_PART "--b--\n");
	expect_unread(false, MULTIPART("signed") DATA_PART SIGNATURE "--b--\n");
	expect_unread(true,
	    "Content-Transfer-Encoding: base64\n" MULTIPART("mixed")
		TEXT_PART DATA_PART);
	expect_unread(true,
	    "Content-Transfer-Encoding: Quoted-Printable\n"
	    "Content-Type: message/rfc822\n\nFrom: a\n\nHello\n");
	expect_unread(false,
	    "Content-Transfer-Encoding: 7bit\n"
	    "Content-Type: message/rfc822\n\nFrom: a\n\nHello\n");
	expect_unread(false, MULTIPART("mixed") TEXT_PART DATA_PART DATA_PART);
}

static void
test_opaque_tells_of_a_line_of_blanks_in_a_parts_headers(void **state)
{
	(void)state;
	expect_unread(true, MULTIPART("mixed") "--b\nX: y\n \n" ENCODED);
	expect_unread(true, MULTIPART("mixed") "--b\nX: y\n\t \r\n" ENCODED);
	expect_unread(false, MULTIPART("mixed") "--b\nX: y\n z\n" ENCODED);
	expect_unread(true,
	    MULTIPART("mixed") TEXT_PART
	    "--b\nContent-Type: message/rfc822\n\nFrom: x\n \nTo: x\n\n");
	expect_unread(false, "X: y\n \n" ENCODED);
}

static void
test_opaque_tells_of_messages_that_libclamav_does_not_know(void **state)
{
#define FORWARD \
	MULTIPART("mixed") TEXT_PART "--b\nContent-Type: message/rfc822\n\n"

	(void)state;
	expect_unread(true, FORWARD "DKIM-Signature: x\n" ENCODED);
	expect_unread(true, FORWARD "subject: x\n" ENCODED);
	expect_unread(false, FORWARD "Received: x\n" ENCODED);
	expect_unread(false, FORWARD ENCODED);
	expect_unread(false, FORWARD "DKIM-Signature: x\n\nHello\n");
	expect_unread(false, "DKIM-Signature: x\n" ENCODED);
}

static void
test_opaque_knows_a_message_by_its_headers(void **state)
{
	static const struct {
		const char *text;
		bool is_mail;
	} samples[] = {
		{ "Cc: x\n" ENCODED, true },
		{ "Cc: x\n" MULTIPART("mixed") TEXT_PART, true },
		{ "Cc: x\nContent-Type: message/rfc822\n\nA: b\n", true },
		{ "Cc: x\n\nHello\n", false },
		{ "Cc: x\nContent-Transfer-Encoding: base64\n\n", false },
		{ "Cc: x\nContent-Transfer-Encoding: base64\n", false },
		{ "Hello\n" ENCODED, false },
		{ "\n" ENCODED, false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		if (opaque_is_mail(samples[i].text, strlen(samples[i].text)) !=
		    samples[i].is_mail)
			fail_msg("%s: %s", samples[i].text,
			    samples[i].is_mail ? "no mail" : "a mail");
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
		  " smime-type=enveloped-data\r\n\r\n",
		    "S-MIME" },
		{ "Content-Type: application/x-pkcs7-mime; "
		  "smime-type=\"authEnveloped-data\"\r\n\r\n",
		    "S-MIME" },
		{ "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
		  "\r\n",
		    "S-MIME" },
		{ "Content-Type: application/pkcs7-mime; "
		  "smime-type=signed-data\r\n\r\n",
		    NULL },
		{ "Content-Type: application/pkcs7-mime; name=x;\r\n "
		  "smime-type = \"certs-only\"\r\n\r\n",
		    NULL },
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
		  "Content-Type: multipart/encrypted\r\n\r\n",
		    "PGP-MIME" },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		  "--b\r\nContent-Type: multipart/encrypted\r\n\r\n",
		    NULL },
		{ "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
		  "--a--\r\nContent-Type: multipart/encrypted\r\n\r\n",
		    NULL },
		{ "Content-Type: text/plain\r\n\r\n"
		  "Content-Type: multipart/encrypted\r\n\r\n",
		    NULL },
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
		  "-----BEGIN PGP MESSAGE-----\r\n",
		    "PGP" },
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
		    test_opaque_tells_of_parts_that_libclamav_passes_over),
		cmocka_unit_test(
		    test_opaque_tells_of_a_line_of_blanks_in_a_parts_headers),
		cmocka_unit_test(
		    test_opaque_tells_of_messages_that_libclamav_does_not_know),
		cmocka_unit_test(test_opaque_knows_a_message_by_its_headers),
		cmocka_unit_test(test_opaque_knows_the_types_of_encrypted_mail),
		cmocka_unit_test(
		    test_opaque_looks_into_parts_and_forwarded_messages),
		cmocka_unit_test(test_opaque_knows_inline_pgp),
		cmocka_unit_test(test_opaque_bears_any_beginning_of_a_mail),
		cmocka_unit_test(
		    test_opaque_bears_many_boundaries_and_endless_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
