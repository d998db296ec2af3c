/* inspect - one message through libclamav
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/inspect.h"

#include <string.h>

#include "engine/library.h"
#include "engine/messages.h"
#include "engine/opaque.h"
#include "engine/parts.h"
#include "engine/scratch.h"

/* What the callbacks see of one scan. */
struct watch {
	const struct scratch *scratch;
	uint64_t max_file_size;
	struct finding *finding;
	struct parts parts;
	bool rar_shut;		/* a RAR archive, and no member of it yet */
	bool unopened;		/* one before it */
};

/* Before each layer, when its file is in the scratch.  Afterwards the room is
 * back, so this is where a scratch that was full shows. */
static cl_error_t
watch_layer(int fd, const char *type, void *context)
{
	struct watch *watch = context;

	(void)fd;
	if (!scratch_has_room(watch->scratch))
		watch->finding->scratch_low = true;
	/* Without its unrar module libclamav passes a RAR archive over. */
	if (type != NULL && strcmp(type, "CL_TYPE_RAR") == 0) {
		watch->unopened |= watch->rar_shut;
		watch->rar_shut = true;
	}
	return CL_CLEAN;
}

/* A member that is declared larger than the limit is cut without a word. */
static cl_error_t
watch_member(const char *container, unsigned long container_size,
    const char *name, unsigned long size, int encrypted,
    unsigned int position, void *context)
{
	struct watch *watch = context;

	parts_member(&watch->parts, container, size);
	(void)container_size;
	(void)name;
	(void)encrypted;
	(void)position;
	if (size > watch->max_file_size)
		watch->finding->limit = "MaxFileSize";
	if (container != NULL && strcmp(container, "CL_TYPE_RAR") == 0)
		watch->rar_shut = false;
	return CL_CLEAN;
}

/* Each layer, with its own bytes, before libclamav looks into it: passed over
 * with CL_BREAK. */
static cl_error_t
watch_begin(int fd, const char *type, const char **ancestors,
    size_t parent_size, const char *name, size_t size, const char *data,
    uint32_t level, uint32_t attributes, void *context)
{
	struct watch *watch = context;
	const struct parts_layer layer = {
		.fd = fd,
		.type = type != NULL ? type : "",
		.data = data,
		.size = size,
		.level = level,
		.attributes = attributes
	};

	(void)ancestors;
	(void)parent_size;
	(void)name;
	return parts_begin(&watch->parts, &layer) ? CL_BREAK : CL_CLEAN;
}

/* After each of them, also those passed over. */
static cl_error_t
watch_end(int fd, int result, const char *name, void *context)
{
	struct watch *watch = context;

	(void)fd;
	(void)name;
	parts_end(&watch->parts, result);
	return CL_CLEAN;
}

static void
watch_match(int fd, const char *name, void *context)
{
	struct watch *watch = context;

	(void)fd;
	classify_note(watch->finding, name);
}

void
inspect_install(struct library *library)
{
	cl_engine_set_clcb_file_inspection(library->engine, watch_begin);
	cl_engine_set_clcb_pre_scan(library->engine, watch_layer);
	cl_engine_set_clcb_post_scan(library->engine, watch_end);
	cl_engine_set_clcb_meta(library->engine, watch_member);
	cl_engine_set_clcb_virus_found(library->engine, watch_match);
}

static void
scan_map(const struct library *library, cl_fmap_t *map, struct watch *watch)
{
	struct cl_scan_options options = library->options;
	struct finding *finding = watch->finding;
	unsigned long scanned = 0;
	const char *name = NULL;

	finding->code = cl_scanmap_callback(map, NULL, &name, &scanned,
	    library->engine, &options, watch);
	if (finding->code == CL_VIRUS)
		classify_note(finding, name);
}

void
inspect(const struct library *library, const struct scratch *scratch,
    const void *data, size_t size, struct finding *finding_r)
{
	struct watch watch = {
		.scratch = scratch,
		.max_file_size = library->max_file_size,
		.finding = finding_r
	};
	const struct messages *said = messages_get();
	cl_fmap_t *map;

	memset(finding_r, 0, sizeof *finding_r);
	if (size > library->max_file_size)
		finding_r->limit = "MaxFileSize";
	parts_init(&watch.parts, &library->parts);
	messages_reset(0);
	map = cl_fmap_open_memory(data, size);
	if (map == NULL) {
		finding_r->code = CL_EMEM;
	} else {
		scan_map(library, map, &watch);
		cl_fmap_close(map);
	}
	if (watch.unopened || watch.rar_shut)
		strcpy(finding_r->unread, "RAR-not-opened");
	finding_r->whole = parts_whole(&watch.parts);
	finding_r->sealed = opaque_find(data, size);
	finding_r->complaints = said->warnings + said->errors;
	if (!scratch_has_room(scratch))
		finding_r->scratch_low = true;
}
