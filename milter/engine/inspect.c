/* inspect - one message through libclamav
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/inspect.h"

#include <stdio.h>
#include <string.h>

#include "coverage/layers.h"
#include "engine/library.h"
#include "engine/messages.h"
#include "coverage/opaque.h"
#include "coverage/attachments.h"
#include "engine/scratch.h"
#include "coverage/sealed.h"

/* What the callbacks see of one scan.  libclamav takes a layer that a callback
 * passes over for clean.  So they pass over only a layer that is known to be
 * clean, and every layer after a signature has matched. */
struct watch {
	const struct library *library;
	const struct scratch *scratch;
	struct finding *finding;
	struct layers layers;
	struct attachments parts;
};

static bool
is_type(const char *type, const char *name)
{
	return type != NULL && strncmp(type, name, strlen(name)) == 0;
}

/* Beyond these limits libclamav leaves out a part of its work, and does not say
 * so. */
static const char *
find_limit(const struct library *library, const char *type, size_t size)
{
	if (is_type(type, "CL_TYPE_HTML") && size > library->max_html)
		return "MaxHTMLNormalize";
	/* Not UTF-16: much binary data looks like that. */
	if ((is_type(type, "CL_TYPE_TEXT_ASCII") ||
		is_type(type, "CL_TYPE_TEXT_UTF8") ||
		is_type(type, "CL_TYPE_SCRIPT")) &&
	    size > library->max_script)
		return "MaxScriptNormalize";
	return NULL;
}

/* What is encrypted in a layer, and what libclamav makes too little of. */
static const char *
find_sealed(const struct attachments_layer *layer, const char **unread_r)
{
	*unread_r = NULL;
	/* The message itself is looked at where it is complete. */
	if (layer->level == 0)
		return NULL;
	if (is_type(layer->type, "CL_TYPE_MAIL"))
		return opaque_find(layer->data, layer->size, unread_r);
	if (is_type(layer->type, "CL_TYPE_TEXT") &&
	    opaque_is_mail(layer->data, layer->size))
		*unread_r = "mail-not-opened";
	return sealed_find(layer->type, layer->data, layer->size);
}

static void
note_unread(struct finding *finding, const char *what)
{
	if (what == NULL || what[0] == '\0')
		return;
	if (finding->unread[0] == '\0')
		snprintf(finding->unread, sizeof finding->unread, "%s", what);
	else if (strcmp(finding->unread, what) != 0)
		finding->several = true;
}

/* Notes what a layer's own bytes show.  This isn't needed for a layer that is
 * passed over: if anything were amiss in it, no scan would have vouched for
 * it. */
static void
note_contents(struct watch *watch, const struct attachments_layer *layer)
{
	struct finding *finding = watch->finding;
	const char *sealed, *unread;

	layers_enter(&watch->layers, layer->level, layer->type, layer->data,
	    layer->size);
	sealed = find_sealed(layer, &unread);
	note_unread(finding, unread);
	if (finding->sealed == NULL)
		finding->sealed = sealed;
	if (finding->limit == NULL)
		finding->limit = find_limit(watch->library, layer->type,
		    layer->size);
}

/* Each layer, with all of its bytes, before it is scanned. */
static cl_error_t
watch_contents(int fd, const char *type, const char **ancestors,
    size_t parent_size, const char *name, size_t size, const char *data,
    uint32_t level, uint32_t attributes, void *context)
{
	struct watch *watch = context;
	struct finding *finding = watch->finding;
	const struct attachments_layer layer = {
		.fd = fd,
		.type = type != NULL ? type : "",
		.data = data != NULL ? data : "",
		.size = data != NULL ? size : 0,
		.level = level,
		.attributes = attributes,
	};

	(void)ancestors;
	(void)parent_size;
	(void)name;
	if (data == NULL)
		finding->complaints++;
	note_contents(watch, &layer);
	if (finding->names[VERDICT_INFECTED] != NULL)
		return CL_BREAK; /* the rest can change nothing */
	if (!attachments_begin(&watch->parts, &layer))
		return CL_CLEAN;
	layers_pass(&watch->layers);
	return CL_BREAK;
}

/* Called before each layer, while its file is in the scratch.  Afterwards the
 * room is free again, so only here can a full scratch be noticed. */
static cl_error_t
watch_room(int fd, const char *type, void *context)
{
	struct watch *watch = context;

	(void)fd;
	(void)type;
	if (!scratch_has_room(watch->scratch))
		watch->finding->scratch_low = true;
	return CL_CLEAN;
}

static cl_error_t
watch_end(int fd, int result, const char *name, void *context)
{
	struct watch *watch = context;

	(void)fd;
	(void)name;
	layers_leave(&watch->layers);
	attachments_end(&watch->parts, result);
	return CL_CLEAN;
}

static cl_error_t
watch_member(const char *container, unsigned long packed, const char *name,
    unsigned long size, int encrypted, unsigned int position, void *context)
{
	struct watch *watch = context;

	(void)name;
	(void)position;
	attachments_member(&watch->parts, container, size);
	layers_announce(&watch->layers, container, packed, size,
	    encrypted != 0);
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
	struct cl_engine *engine = library->engine;

	cl_engine_set_clcb_file_inspection(engine, watch_contents);
	cl_engine_set_clcb_pre_scan(engine, watch_room);
	cl_engine_set_clcb_post_scan(engine, watch_end);
	cl_engine_set_clcb_meta(engine, watch_member);
	cl_engine_set_clcb_virus_found(engine, watch_match);
}

static void
scan_map(const struct library *library, cl_fmap_t *map, struct watch *watch)
{
	struct cl_scan_options options = library->options;
	struct finding *finding = watch->finding;
	unsigned long scanned = 0;
	const char *name = NULL;

	layers_init(&watch->layers, library->max_file_size);
	finding->code = cl_scanmap_callback(map, NULL, &name, &scanned,
	    library->engine, &options, watch);
	if (finding->code == CL_VIRUS)
		classify_note(finding, name);
	layers_end(&watch->layers);
	note_unread(finding, watch->layers.unread);
	if (watch->layers.several)
		finding->several = true;
	if (watch->layers.oversize)
		finding->limit = "MaxFileSize";
	if (finding->sealed == NULL)
		finding->sealed = watch->layers.encrypted;
}

void
inspect(const struct library *library, const struct scratch *scratch,
    const void *data, size_t size, struct finding *finding_r)
{
	struct watch watch = {
		.library = library,
		.scratch = scratch,
		.finding = finding_r,
	};
	const struct messages *said = messages_get();
	const char *unread;
	cl_fmap_t *map;

	memset(finding_r, 0, sizeof *finding_r);
	if (size > library->max_file_size)
		finding_r->limit = "MaxFileSize";
	finding_r->sealed = opaque_find(data, size, &unread);
	note_unread(finding_r, unread);
	attachments_init(&watch.parts, &library->parts);
	messages_reset(0);
	map = cl_fmap_open_memory(data, size);
	if (map == NULL) {
		finding_r->code = CL_EMEM;
	} else {
		scan_map(library, map, &watch);
		cl_fmap_close(map);
	}
	finding_r->whole = attachments_whole(&watch.parts);
	finding_r->complaints += said->warnings + said->errors;
	if (!scratch_has_room(scratch))
		finding_r->scratch_low = true;
}
