/* attachments - parts of a mail that need not be scanned again
 *
 * The same attachment comes in many mails.  libclamav's own cache of clean
 * layers can't be used (library.c: it goes by MD5, and keeps "clean" that was
 * said for lack of room), so this is ours: a part of a mail that was scanned
 * before, whole and clean, is passed over.  Which parts those are is known to
 * the filter, for all workers together (scan/attachment_table.h).  This module
 * recognises the parts, and watches whether a scan was whole.
 *
 * What a layer's scan finds depends on more than its bytes.  Why it is sound
 * all the same, as read in the source of libclamav 1.4 (scanners.c, others.c,
 * matcher.c, blob.c, mbox.c); other versions are not trusted with it:
 *
 * - Bytes and type.  The key is a BLAKE2b-256 digest of the type and of the
 *   bytes that libclamav is about to scan, which its file inspection callback
 *   is handed (the descriptor may be that of a whole archive).  It is keyed
 *   with a secret of the engine process: no key outlives its signature set.
 *
 * - The layers around it.  Signatures can ask for the types of containers,
 *   and files embedded in a layer are looked for only if it is a buffer of
 *   its own.  So only one surrounding counts here: a file of its own that was
 *   made of a part of the message, at depth 1, in a container of type MAIL,
 *   without attributes.  It is known by the order of the callbacks: only
 *   fileblobScan() calls back about a member of a container that is MAIL at
 *   that moment, and the layer of just that size follows at once.  A message
 *   that is a disk image as well has layers at depth 1, too, but not in that
 *   order.  (A
 *   list of false positives may name a container by its hash, too: no message
 *   is there, for each begins with a header of our own.)
 *
 * - Its name.  Only .cdb signatures see names, and the container's scan
 *   matches them before the layer begins, here as without us.
 *
 * - Limits.  They are counted over the message, and some cut without a word
 *   near their end.  A scan that used up more than half of the files or bytes
 *   that it may vouches for nothing.
 *
 * - The rest of the message.  A layer that is passed over counts as a file,
 *   as it does otherwise; its inside does not count, so that less is used up.
 *   Nothing else is carried from one layer's scan to the next.
 *
 * - Whole.  A scan vouches for its parts only if each layer that began has
 *   ended, none of them with an error.  (The scan of a mail loses the errors
 *   of its parts.)  The worker adds its own: the verdict is clean, and
 *   nothing was odd.
 *
 * One scan, one thread.  No libclamav here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_ATTACHMENTS_H
#define COVERAGE_ATTACHMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/key.h"

struct config;

/* To scan a smaller part is faster than to ask about it. */
#define ATTACHMENTS_SIZE_MIN 4096

/* True if a part of this key and size is known to be clean. */
typedef bool attachments_known_function(void *context, const struct key *key,
    uint64_t size);

/* What holds for all scans of one set of signatures. */
struct attachments_plan {
	bool sound; /* with this version of libclamav */
	unsigned char secret[KEY_BYTES];
	uint64_t bytes_max; /* a larger scan vouches for nothing */
	unsigned layers_max;
	attachments_known_function *known; /* NULL: nobody is asked */
	void *context;
};

/* What was seen of one scan. */
struct attachments {
	const struct attachments_plan *plan;
	unsigned open;  /* layers that are being scanned */
	unsigned count; /* layers that have begun */
	uint64_t bytes; /* of all of them */
	unsigned asked;
	uint64_t due; /* size of the mail's part that comes next */
	bool mail;    /* the message is of type MAIL */
	bool failed;  /* a layer ended with an error */
};

/* A layer as libclamav hands it over. */
struct attachments_layer {
	int fd;
	const char *type; /* "CL_TYPE_PDF" */
	const void *data;
	size_t size;
	unsigned level; /* 0 is the message */
	unsigned attributes;
};

/* version is libclamav's.  known is NULL. */
void attachments_plan_make(struct attachments_plan *plan,
    const struct config *config, const char *version);

/* Begins a scan. */
void attachments_init(struct attachments *parts,
    const struct attachments_plan *plan);

/* A member of a container is about to become a layer. */
void attachments_member(struct attachments *parts, const char *container,
    uint64_t size);

/* A layer begins.  True if libclamav is to pass over it; attachments_end()
 * follows in either case. */
bool attachments_begin(struct attachments *parts,
    const struct attachments_layer *layer);

/* The layer that began last ends; error is 0 where libclamav has none. */
void attachments_end(struct attachments *parts, int error);

/* After the scan: whether each part that was asked about was scanned whole. */
bool attachments_whole(const struct attachments *parts);

#endif
