/* fuzz_opaque - mail as a worker reads it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coverage/opaque.h"
#include "fuzz.h"

void
fuzz_begin(void)
{
}

static void
check_kind(const char *kind)
{
	assert(kind == NULL || strcmp(kind, "PGP-MIME") == 0 ||
	    strcmp(kind, "S-MIME") == 0 || strcmp(kind, "PGP") == 0);
}

/* What stands in a message stays found, whatever comes behind it. */
static void
check_beginning(const char *mail, size_t size, size_t cut, const char *kind)
{
	const char *lf = memchr(mail + cut, '\n', size - cut);
	const char *found, *unread;

	if (lf == NULL)
		return;
	found = opaque_find(mail, (size_t)(lf + 1 - mail), &unread);
	assert(found == NULL || (kind != NULL && strcmp(kind, found) == 0));
}

/* And nothing that comes before hides what is encrypted: after two empty lines
 * a body has begun. */
static void
check_end(const char *mail, size_t size)
{
	static const char armour[] = "\r\n\r\n\r\n-----BEGIN PGP MESSAGE-----";
	size_t len = sizeof armour - 1;
	const char *unread;
	char *longer = malloc(size + len);

	assert(longer != NULL);
	memcpy(longer, mail, size);
	memcpy(longer + size, armour, len);
	assert(opaque_find(longer, size + len, &unread) != NULL);
	free(longer);
}

void
fuzz_one(struct fuzz_input *in)
{
	size_t cut = (size_t)fuzz_number(in), size;
	const char *kind, *unread;
	char *mail;

	size = in->left;
	/* No byte behind its end may be read, not even a NUL. */
	mail = malloc(size + 1);
	assert(mail != NULL);
	fuzz_bytes(in, mail + 1, size);
	kind = opaque_find(mail + 1, size, &unread);
	assert(unread == NULL || strcmp(unread, "MIME-in-part") == 0);
	(void)opaque_is_mail(mail + 1, size);
	check_kind(kind);
	if (size > 0)
		check_beginning(mail + 1, size, cut % size, kind);
	check_end(mail + 1, size);
	free(mail);
}
