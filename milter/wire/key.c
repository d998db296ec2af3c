/* key - the identity of a message's content
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "wire/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"

void
key_digest_init(struct key_digest *digest, const struct config *config)
{
	char options[256];
	int len;

	/* The number is that of the way to a verdict: one that was kept by an
	 * older program, which saw less, must not be found. */
	len = snprintf(options, sizeof options,
	    "vscan-milter 2 scan=%" PRIu64 " file=%" PRIu64
	    " files=%u depth=%u macro=%d phishing=%d pua=%d encrypted=%d"
	    " incomplete=%d\n",
	    config->engine_max_scan_size, config->engine_max_file_size,
	    config->engine_max_files, config->engine_max_recursion,
	    config->action_macro, config->action_phishing, config->action_pua,
	    config->action_encrypted, config->action_incomplete);
	crypto_generichash_init(&digest->state, NULL, 0, KEY_BYTES);
	key_digest_update(digest, options, (size_t)len);
}

void
key_digest_update(struct key_digest *digest, const void *data, size_t len)
{
	crypto_generichash_update(&digest->state, data, len);
}

struct key
key_digest_final(struct key_digest *digest, bool whole)
{
	unsigned char end = whole;
	struct key key;

	key_digest_update(digest, &end, sizeof end);
	crypto_generichash_final(&digest->state, key.bytes, sizeof key.bytes);
	return key;
}

static struct key
digest_of_string(const char *s)
{
	struct key key;

	crypto_generichash(key.bytes, sizeof key.bytes,
	    (const unsigned char *)s, strlen(s), NULL, 0);
	return key;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key));
}

/* Digests of digests: no separator that an address could contain, and
 * sorting them makes the order of the recipients irrelevant. */
struct key
key_of_envelope(const char *sender, char *const *recipients, size_t count)
{
	crypto_generichash_state state;
	struct key *digests, key;
	size_t i;

	digests = calloc(count + 1, sizeof *digests);
	if (digests == NULL)
		abort();
	for (i = 0; i < count; i++)
		digests[i + 1] = digest_of_string(recipients[i]);
	qsort(digests + 1, count, sizeof *digests, compare_keys);
	digests[0] = digest_of_string(sender);
	crypto_generichash_init(&state, NULL, 0, sizeof key.bytes);
	crypto_generichash_update(&state, digests->bytes,
	    (count + 1) * sizeof *digests);
	crypto_generichash_final(&state, key.bytes, sizeof key.bytes);
	free(digests);
	return key;
}

char *
key_short(const struct key *key, char out[KEY_SHORT_SIZE])
{
	return text_hex(out, key->bytes, (KEY_SHORT_SIZE - 1) / 2);
}
