/* canary - a signature of our own that a sound engine must find
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/canary.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_BYTES 16
#define BASE64 sodium_base64_VARIANT_ORIGINAL

/* A Received: line first: without a header that it knows libclamav may not
 * take the bytes for mail. */
static const char mail_format[] =
    "Received: from localhost by localhost; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    "Subject: canary\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"b\"\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Type: application/octet-stream; name=\"canary.bin\"\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "%s\r\n"
    "--b--\r\n";

void
canary_make(struct canary *canary)
{
	unsigned char bytes[PATTERN_BYTES], id[8];
	char hex[2 * sizeof id + 1];
	char base64[sodium_base64_ENCODED_LEN(PATTERN_BYTES, BASE64)];

	randombytes_buf(bytes, sizeof bytes);
	randombytes_buf(id, sizeof id);
	snprintf(canary->name, sizeof canary->name, "VScan.Canary.%s",
	    sodium_bin2hex(hex, sizeof hex, id, sizeof id));
	sodium_bin2hex(canary->pattern, sizeof canary->pattern, bytes,
	    sizeof bytes);
	sodium_bin2base64(base64, sizeof base64, bytes, sizeof bytes, BASE64);
	snprintf(canary->mail, sizeof canary->mail, mail_format, base64);
	canary->size = strlen(canary->mail);
}

enum error_code
canary_write(const struct canary *canary, const char *path, struct error *err)
{
	bool written;
	FILE *file;

	file = fopen(path, "we");
	if (file == NULL)
		return error_sys(err, errno, "%s", path);
	written = fprintf(file, "%s:0:*:%s\n", canary->name, canary->pattern) >
	    0;
	if (fclose(file) != 0 || !written)
		return error_sys(err, errno, "writing %s", path);
	return ERROR_NONE;
}

bool
canary_is(const struct canary *canary, const char *name)
{
	/* What follows is libclamav's ".UNOFFICIAL". */
	return name != NULL &&
	    strncmp(name, canary->name, strlen(canary->name)) == 0;
}
