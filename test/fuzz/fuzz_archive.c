/* fuzz_archive - archives and other files as a worker reads them itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coverage/cms.h"
#include "coverage/container.h"
#include "coverage/members.h"
#include "coverage/sealed.h"
#include "fuzz.h"

#define MEMBERS_MEMORY (16u << 20)

static const char *const types[] = {
	"CL_TYPE_ZIP",
	"CL_TYPE_POSIX_TAR",
	"CL_TYPE_OLD_TAR",
	"CL_TYPE_GZ",
	"CL_TYPE_BZ",
	"CL_TYPE_XZ",
	"CL_TYPE_7Z",
	"CL_TYPE_RAR",
	"CL_TYPE_ARJ",
	"CL_TYPE_MSCAB",
	"CL_TYPE_MSOLE2",
	"CL_TYPE_OOXML_WORD",
	"CL_TYPE_MSEXE",
	"CL_TYPE_TEXT_ASCII",
	"CL_TYPE_BINARY_DATA",
	"",
	NULL,
};

void
fuzz_begin(void)
{
}

/* What a directory lists can be taken in its order, and then it is complete;
 * anything else is refused, and changes nothing. */
static void
check_members(void (*read)(struct members *members, const unsigned char *data,
		  size_t size),
    const unsigned char *data, size_t size)
{
	struct members members = { .count = 0 };
	size_t i;

	read(&members, data, size);
	assert(members.count <= MEMBERS_MEMORY / sizeof members.sizes[0]);
	assert(members.next == 0);
	for (i = 0; i < members.count; i++) {
		assert(!members_complete(&members));
		assert(!members_take(&members, members.sizes[i] + 1));
		assert(members_take(&members, members.sizes[i]));
	}
	assert(members_complete(&members) == members.sound);
	members_fini(&members);
	members_fini(&members);
}

static void
check_container(const char *type, const unsigned char *data, size_t size)
{
	const struct container *container = container_of_type(type);

	assert(container_embedded(data, size) < 1u << CONTAINER_BITS);
	assert(fuzz_is_line(type == NULL || container == NULL ? ""
							      : container->name,
	    16));
	(void)container_foreign(data, size);
	(void)container_image(data, size);
	if (container == NULL)
		return;
	(void)container_may_be_empty(container, data, size);
	(void)container_has_more(container, data, size);
	(void)container_at_least(container, data, size);
	if (container->read != NULL)
		check_members(container->read, data, size);
}

static void
check_sealed(const char *type, const unsigned char *data, size_t size)
{
	const char *kind = sealed_find(type, data, size);

	assert(kind == NULL || strcmp(kind, "Office") == 0 ||
	    strcmp(kind, "ODF") == 0 || strcmp(kind, "PGP") == 0 ||
	    strcmp(kind, "S-MIME") == 0);
	assert(cms_kind_of(data, size) <= CMS_COMPRESSED);
}

void
fuzz_one(struct fuzz_input *in)
{
	const char *type = types[fuzz_choice(in, LENGTH(types))];
	size_t size = in->left;
	unsigned char *room, *data;

	/* No byte behind its end may be read. */
	room = malloc(size + 1);
	assert(room != NULL);
	data = room + 1;
	fuzz_bytes(in, data, size);
	check_container(type, data, size);
	check_sealed(type, data, size);
	if (size >= 512)
		(void)members_is_tar_header(data);
	check_members(members_read_zip, data, size);
	check_members(members_read_tar, data, size);
	free(room);
}
