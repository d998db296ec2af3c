/* fuzz_layers - the books of layers, whatever libclamav reports
 *
 * Layers of any depth and type begin, announce and end in any order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coverage/layers.h"
#include "fuzz.h"

#define MAX_FILE_SIZE 100000
#define EVENTS 400

static const char *const types[] = {
	"CL_TYPE_MAIL",
	"CL_TYPE_ZIP",
	"CL_TYPE_POSIX_TAR",
	"CL_TYPE_GZ",
	"CL_TYPE_BZ",
	"CL_TYPE_7Z",
	"CL_TYPE_RAR",
	"CL_TYPE_ARJ",
	"CL_TYPE_MSCAB",
	"CL_TYPE_MSOLE2",
	"CL_TYPE_MSEXE",
	"CL_TYPE_NULSFT",
	"CL_TYPE_ISO9660",
	"CL_TYPE_TEXT_ASCII",
	"",
	NULL,
};

void
fuzz_begin(void)
{
}

static const char *
choose_type(struct fuzz_input *in)
{
	return types[fuzz_choice(in, LENGTH(types))];
}

/* In memory of its own, which is gone when the next event comes. */
static void
enter(struct layers *layers, struct fuzz_input *in)
{
	unsigned level = (unsigned)fuzz_number(in) % 200;
	const char *type = choose_type(in);
	size_t size = (size_t)fuzz_number(in) % 4096;
	unsigned char *data = malloc(size + 1);

	assert(data != NULL);
	fuzz_bytes(in, data + 1, size);
	layers_enter(layers, level, type, data + 1, size);
	free(data);
}

static void
event(struct layers *layers, struct fuzz_input *in)
{
	const char *type;
	uint64_t packed, size;

	switch (fuzz_choice(in, 4)) {
	case 0:
		enter(layers, in);
		break;
	case 1:
		type = choose_type(in);
		packed = fuzz_number(in);
		size = fuzz_number(in);
		layers_announce(layers, type, packed, size, fuzz_yes(in));
		break;
	case 2:
		layers_pass(layers);
		break;
	default:
		layers_leave(layers);
		break;
	}
}

void
fuzz_one(struct fuzz_input *in)
{
	static struct layers layers;
	unsigned count;

	layers_init(&layers, MAX_FILE_SIZE);
	for (count = 0; in->left > 0 && count < EVENTS; count++) {
		event(&layers, in);
		assert(layers.depth <= LAYERS_MAX);
	}
	layers_end(&layers);
	layers_end(&layers);
	assert(layers.depth == 0 && layers.beyond == 0);
	assert(fuzz_is_line(layers.unread, sizeof layers.unread - 1));
	assert(layers.encrypted == NULL || fuzz_is_line(layers.encrypted, 16));
}
