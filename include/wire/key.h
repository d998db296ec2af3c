/* key - the identity of a message's content
 *
 * A BLAKE2b-256 digest (libsodium crypto_generichash) of the scan options, of
 * exactly the bytes that the engine is shown, and of whether they are the whole
 * message.  (Among the options are the actions that choose between several
 * findings: engine/classify.h.)  Equal keys mean that the engine would do the
 * same work, and that its verdict means the same.  The digest is computed as
 * the bytes arrive.
 *
 * A struct key_digest belongs to one message and is used by one thread at a
 * time.  sodium_init() must have been called.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef WIRE_KEY_H
#define WIRE_KEY_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

#define KEY_BYTES 32
#define KEY_SHORT_SIZE 17 /* 16 hexadecimal digits and the NUL */

struct config;

struct key {
	unsigned char bytes[KEY_BYTES];
};

struct key_digest {
	crypto_generichash_state state;
};

/* Begins a digest with the scan options in config. */
void key_digest_init(struct key_digest *digest, const struct config *config);

void key_digest_update(struct key_digest *digest, const void *data, size_t len);

/* whole: false if the bytes are only the beginning of the message. */
struct key key_digest_final(struct key_digest *digest, bool whole);

/* The digest of sender and recipients, as they were given: a late verdict
 * holds for tries of the same envelope only.  Recipients may be in any
 * order; recipients and count are the caller's. */
struct key key_of_envelope(const char *sender, char *const *recipients,
    size_t count);

/* The first 16 hexadecimal digits, for the log. */
char *key_short(const struct key *key, char out[KEY_SHORT_SIZE]);

#endif
