/* canary - a signature of our own that a sound engine must find
 *
 * libclamav says "clean" to everything when its scratch directory is missing
 * or full.  So each engine loads one more signature, 16 random bytes that no
 * sender can know, and a mail that carries them in an attachment: to find
 * them the mail must be taken apart in the scratch directory.  A worker that
 * misses its canary is blind and must not be believed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_CANARY_H
#define ENGINE_CANARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct canary {
	char name[32];    /* "VScan.Canary." and 16 hex digits */
	char pattern[33]; /* the bytes, hexadecimal */
	char mail[512];   /* a mail with the bytes attached */
	size_t size;      /* of mail */
};

/* Draws a new one. */
void canary_make(struct canary *canary);

/* Writes the signature file that makes libclamav look for it; path ends in
 * ".ndb".  On failure there may be an incomplete file. */
CHECK_RESULT enum error_code canary_write(const struct canary *canary,
    const char *path, struct error *err);

/* True if a signature name that libclamav reported is this canary's. */
bool canary_is(const struct canary *canary, const char *name);

#endif
