/* attachments - parts of a mail that need not be scanned again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/attachments.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "wire/wire.h"

#define MAIL "CL_TYPE_MAIL"

void
attachments_plan_make(struct attachments_plan *plan,
    const struct config *config, const char *version)
{
	plan->sound = strncmp(version, "1.4.", strlen("1.4.")) == 0;
	randombytes_buf(plan->secret, sizeof plan->secret);
	plan->bytes_max = config->engine_max_scan_size / 2;
	plan->layers_max = config->engine_max_files / 2;
	plan->known = NULL;
	plan->context = NULL;
}

void
attachments_init(struct attachments *parts, const struct attachments_plan *plan)
{
	memset(parts, 0, sizeof *parts);
	parts->plan = plan;
}

void
attachments_member(struct attachments *parts, const char *container,
    uint64_t size)
{
	bool ours = parts->open == 1 && container != NULL &&
	    strcmp(container, MAIL) == 0;

	parts->due = ours ? size : 0;
}

/* A layer that is only a stretch of another layer comes with that layer's
 * descriptor, or with -1. */
static bool
is_file_of_its_own(const struct attachments_layer *layer)
{
	struct stat st;

	return fstat(layer->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == layer->size;
}

/* The one surrounding that counts (attachments.h). */
static bool
is_part_of_mail(const struct attachments *parts,
    const struct attachments_layer *layer)
{
	return parts->mail && parts->open == 1 && layer->level == 1 &&
	    parts->due == layer->size && layer->attributes == 0 &&
	    is_file_of_its_own(layer);
}

static struct key
layer_key(const struct attachments_plan *plan,
    const struct attachments_layer *layer)
{
	uint64_t size = layer->size;
	crypto_generichash_state state;
	struct key key;

	crypto_generichash_init(&state, plan->secret, sizeof plan->secret,
	    sizeof key.bytes);
	crypto_generichash_update(&state, (const unsigned char *)layer->type,
	    strlen(layer->type) + 1);
	crypto_generichash_update(&state, (const unsigned char *)&size,
	    sizeof size);
	crypto_generichash_update(&state, layer->data, size);
	crypto_generichash_final(&state, key.bytes, sizeof key.bytes);
	return key;
}

static bool
is_known(struct attachments *parts, const struct attachments_layer *layer)
{
	const struct attachments_plan *plan = parts->plan;
	struct key key;

	if (!plan->sound || plan->known == NULL || layer->data == NULL ||
	    layer->size < ATTACHMENTS_SIZE_MIN ||
	    parts->asked >= WIRE_ATTACHMENTS_MAX ||
	    !is_part_of_mail(parts, layer))
		return false;
	parts->asked++;
	key = layer_key(plan, layer);
	return plan->known(plan->context, &key, layer->size);
}

bool
attachments_begin(struct attachments *parts,
    const struct attachments_layer *layer)
{
	bool known = is_known(parts, layer);

	if (parts->count == 0)
		parts->mail = layer->level == 0 &&
		    strcmp(layer->type, MAIL) == 0;
	parts->due = 0;
	parts->open++;
	parts->count++;
	parts->bytes += layer->size;
	return known;
}

void
attachments_end(struct attachments *parts, int error)
{
	parts->due = 0;
	if (parts->open == 0 || error != 0)
		parts->failed = true;
	if (parts->open > 0)
		parts->open--;
}

bool
attachments_whole(const struct attachments *parts)
{
	return parts->mail && parts->open == 0 && !parts->failed &&
	    parts->count <= parts->plan->layers_max &&
	    parts->bytes <= parts->plan->bytes_max;
}
