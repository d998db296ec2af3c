/* layers - whether all that was in a message has been looked at
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/layers.h"

#include <stdio.h>
#include <string.h>

#include "coverage/container.h"

/* libclamav cuts a member that turns out too large at a multiple of its
 * buffer, below the limit. */
#define CUT_BUFFER 8192

void
layers_init(struct layers *layers, uint64_t max_file_size)
{
	memset(layers, 0, sizeof *layers);
	layers->max_file_size = max_file_size;
}

static void
note(struct layers *layers, const char *name, const char *what)
{
	char text[sizeof layers->unread];

	snprintf(text, sizeof text, "%s-%s", name, what);
	if (layers->unread[0] == '\0')
		memcpy(layers->unread, text, sizeof text);
	else if (strcmp(layers->unread, text) != 0)
		layers->several = true;
}

static struct layer *
innermost(struct layers *layers)
{
	return layers->depth > 0 ? &layers->stack[layers->depth - 1] : NULL;
}

static const char *
name_of(const struct layer *layer)
{
	if (layer->container != NULL)
		return layer->container->name;
	return layer->image != NULL ? layer->image : "archive";
}

/* --- a layer begins ---------------------------------------------------- */

/* Reads what is in the archive, as its own directory says. */
static void
read_directory(struct layers *layers, struct layer *layer,
    const unsigned char *data, size_t size)
{
	if (layer->container != NULL && layer->container->read != NULL) {
		layer->container->read(&layer->members, data, size);
	} else {
		members_read_zip(&layer->members, data, size);
		layer->zip_behind = layer->members.count > 0;
	}
	if (layer->members.encrypted)
		layers->encrypted = "ZIP";
}

/* A layer that was cut out of the middle of an archive may hold pieces of other
 * archives.  Those come whole, too, when the outer archive is unpacked. */
static bool
is_shadow(const struct layer *outer, unsigned level)
{
	return outer != NULL &&
	    (outer->shadow ||
		(outer->container != NULL && level > outer->level + 1));
}

static void
recognise(struct layers *layers, struct layer *layer, const char *type,
    const unsigned char *data, size_t size)
{
	const struct layer *outer = layers->depth > 1 ? layer - 1 : NULL;
	const char *name;

	layer->shadow = is_shadow(outer, layer->level);
	layer->container = container_of_type(type);
	layer->image = container_image(data, size);
	if (!layer->shadow) {
		layer->behind = container_embedded(data, size);
		read_directory(layers, layer, data, size);
	}
	if (layer->container == NULL) {
		name = container_foreign(data, size);
		if (name != NULL)
			note(layers, name, "not-opened");
		return;
	}
	layer->may_be_empty = container_may_be_empty(layer->container, data,
	    size);
	layer->has_more = container_has_more(layer->container, data, size);
	layer->at_least = container_at_least(layer->container, data, size);
}

/* True if a layer of this size is the member that has to come next out of the
 * archive in layer.  Members of an archive behind a program come one level
 * deeper, among other things that libclamav finds in the program. */
static bool
is_next_member(struct layer *layer, unsigned level, uint64_t size)
{
	unsigned step = layer->zip_behind ? 2 : 1;

	if (layer->members.sizes == NULL || level != layer->level + step)
		return true;
	return members_take(&layer->members, size) || layer->zip_behind;
}

/* Something has come out of layer. */
static void
count_child(struct layers *layers, struct layer *layer, unsigned level,
    uint64_t size)
{
	layer->came++;
	if (level > layer->level + 1)
		layer->opened |= CONTAINER_NSIS | CONTAINER_ZIP;
	if (size < layer->due)
		note(layers, layer->due_name, "in-part");
	layer->due = 0;
	if (size < layer->at_least || !is_next_member(layer, level, size))
		note(layers, name_of(layer), "in-part");
	/* A member of just about the limit has been cut there. */
	if (size + CUT_BUFFER > layers->max_file_size &&
	    size > layers->max_file_size / 2)
		layers->oversize = true;
}

/* This ZIP is the one that an outer layer has seen in itself. */
static void
claim_zip(struct layers *layers, const struct layer *zip)
{
	unsigned i;

	for (i = 0; i + 1 < layers->depth; i++) {
		struct layer *outer = &layers->stack[i];

		if (!outer->zip_behind ||
		    outer->members.identity != zip->members.identity)
			continue;
		members_fini(&outer->members);
		outer->zip_behind = false;
	}
}

void
layers_enter(struct layers *layers, unsigned level, const char *type,
    const unsigned char *data, size_t size)
{
	struct layer *layer = innermost(layers);

	while (layer != NULL && layer->level >= level) {
		layers_leave(layers);
		layer = innermost(layers);
	}
	if (layer != NULL)
		count_child(layers, layer, level, size);
	if (layers->depth == LAYERS_MAX) {
		layers->beyond++;
		note(layers, "nesting", "too-deep");
		return;
	}
	layer = &layers->stack[layers->depth++];
	memset(layer, 0, sizeof *layer);
	layer->level = level;
	layer->size = size;
	recognise(layers, layer, type, data, size);
	if (layer->container != NULL &&
	    layer->container->read == members_read_zip)
		claim_zip(layers, layer);
}

/* No method that libclamav can unpack packs better than 1 to this. */
#define RATIO_MAX 1100

/* True if the announcement is to be believed.  libclamav takes any "PK" in a
 * program for the beginning of a ZIP, which it need not be; and if it is one,
 * the ZIP's own directory is the better witness. */
static bool
is_serious(const struct layer *layer, const struct container *container,
    uint64_t packed, uint64_t size)
{
	if (container == NULL || container->read == NULL ||
	    layer->container != NULL)
		return true;
	return (layer->behind & CONTAINER_ZIP) != 0 && !layer->zip_behind &&
	    packed > 0 && packed <= layer->size && size / RATIO_MAX <= packed;
}

/* True if the next layer has to be the member that is announced.  That does not
 * hold for archives that are compared with their own directory, nor where
 * libclamav takes bytes of one archive for another that is stored in it, in
 * pieces. */
static bool
is_paired(const struct layer *layer, const char *type,
    const struct container *container)
{
	if (layer->shadow)
		return false;
	if (container == NULL)
		return layer->container == NULL && type != NULL &&
		    strcmp(type, "CL_TYPE_MAIL") == 0;
	if (layer->container == NULL)
		return !container->unpaired;
	return layer->container->read == NULL &&
	    strcmp(layer->container->name, container->name) == 0;
}

void
layers_announce(struct layers *layers, const char *type, uint64_t packed,
    uint64_t size, bool encrypted)
{
	const struct container *container = container_of_type(type);
	struct layer *layer = innermost(layers);

	if (layer == NULL || !is_serious(layer, container, packed, size))
		return;
	if (layer->due > 0)
		note(layers, layer->due_name, "in-part");
	layer->due = 0;
	layer->announced++;
	/* In a Zip64 this number means that the size stands elsewhere. */
	if (size > layers->max_file_size && size != UINT32_MAX)
		layers->oversize = true;
	if (container != NULL)
		layer->opened |= container->bit;
	if (encrypted) {
		layers->encrypted = container != NULL ? container->name
						      : "archive";
	} else if (size >= MEMBERS_SMALLEST &&
	    is_paired(layer, type, container)) {
		layer->due = size;
		layer->due_name = container != NULL ? container->name
						    : "attachment";
	}
}

void
layers_pass(struct layers *layers)
{
	struct layer *layer = innermost(layers);

	if (layer != NULL)
		layer->passed = true;
}

/* --- a layer ends ------------------------------------------------------ */

/* Notes an archive out of which nothing has come, or not all. */
static void
judge_container(struct layers *layers, const struct layer *layer)
{
	const char *how = layer->came > 0 ? "in-part" : "not-opened";

	if (layer->came == 0 && layer->announced == 0 && !layer->may_be_empty)
		note(layers, name_of(layer), how);
	if (layer->container == NULL || layer->shadow)
		return;
	if (layer->container->read != NULL &&
	    !members_complete(&layer->members))
		note(layers, name_of(layer), how);
	if (layer->has_more)
		note(layers, name_of(layer), how);
}

/* The same for archives behind a program, or stored in another archive. */
static void
judge_behind(struct layers *layers, const struct layer *layer)
{
	unsigned bit, closed = layer->behind & ~layer->opened;

	if (layer->container != NULL)
		closed &= ~layer->container->bit;
	if (layer->zip_behind)
		closed &= ~CONTAINER_ZIP;
	for (bit = 1; bit < 1u << CONTAINER_BITS; bit <<= 1)
		if ((closed & bit) != 0)
			note(layers, container_bit_name(bit), "not-opened");
	if (layer->zip_behind && !members_complete(&layer->members))
		note(layers, "ZIP",
		    layer->members.next > 0 ? "in-part" : "not-opened");
}

static void
judge(struct layers *layers, const struct layer *layer)
{
	if (layer->due > 0)
		note(layers, layer->due_name, "in-part");
	if (layer->container != NULL || layer->image != NULL)
		judge_container(layers, layer);
	judge_behind(layers, layer);
}

static void
tell_outer(struct layer *outer, const struct layer *layer)
{
	outer->opened |= layer->opened;
	if (layer->passed)
		outer->opened |= layer->behind;
	if (layer->container != NULL &&
	    (layer->passed || layer->came + layer->announced > 0))
		outer->opened |= layer->container->bit;
}

void
layers_leave(struct layers *layers)
{
	struct layer *layer = innermost(layers), *outer;

	if (layers->beyond > 0) {
		layers->beyond--;
		return;
	}
	if (layer == NULL)
		return;
	layers->depth--;
	if (!layer->passed)
		judge(layers, layer);
	outer = innermost(layers);
	if (outer != NULL)
		tell_outer(outer, layer);
	members_fini(&layer->members);
}

void
layers_end(struct layers *layers)
{
	layers->beyond = 0;
	while (layers->depth > 0)
		layers_leave(layers);
}
