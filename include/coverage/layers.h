/* layers - whether all that was in a message has been looked at
 *
 * libclamav takes a message apart into layers, and calls back when it enters
 * one, when an archive announces a member, and when it leaves one.  What it
 * can't unpack it passes over without a word.  So this module keeps the books:
 * something has to come out of each archive; a member that is announced has to
 * come next, in the size that was announced; and where the archive's own
 * directory can be read (members.h), every file that it lists has to come.
 *
 *   layers_init
 *   layers_enter, layers_pass, layers_announce, layers_leave
 *                                                 as libclamav calls back
 *   layers_end                                    then the rest may be read
 *
 * The first thing that was amiss is kept.  Belongs to one scan, in a worker.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_LAYERS_H
#define COVERAGE_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coverage/members.h"

/* engine.max_recursion is at most 100. */
#define LAYERS_MAX 128

struct container;

/* One layer that was entered and not left. */
struct layer {
	unsigned level;
	uint64_t size;
	const struct container *container; /* NULL: no archive */
	const char *image;                 /* it is a disk image of that kind */
	struct members members; /* of it, or of a ZIP that lies behind it */
	bool zip_behind;
	bool shadow;          /* cut out of an archive, across its members */
	unsigned behind;      /* archives in it: CONTAINER_… */
	unsigned opened;      /* those that were opened in it or below */
	unsigned came;        /* layers right below it */
	unsigned announced;   /* members that it has announced */
	uint64_t due;         /* size of one that was announced; 0: none */
	const char *due_name; /* of its archive */
	bool passed;          /* by layers_pass() */
	bool may_be_empty;
	bool has_more;
	uint64_t at_least; /* bytes that have to come out of it */
};

struct layers {
	uint64_t max_file_size;
	struct layer stack[LAYERS_MAX];
	unsigned depth;
	unsigned beyond;       /* layers for which the stack has no room */
	bool oversize;         /* a part is over max_file_size, or cut there */
	char unread[40];       /* "ZIP-not-opened", "TAR-in-part", …, or "" */
	bool several;          /* something else was amiss as well */
	const char *encrypted; /* kind of an encrypted member, or NULL */
};

void layers_init(struct layers *layers, uint64_t max_file_size);

/* A layer begins, level deep below the message; data is only read now.  type
 * may be NULL. */
void layers_enter(struct layers *layers, unsigned level, const char *type,
    const unsigned char *data, size_t size);

/* The layer that began last is passed over: it was looked at before, and all
 * that it holds was opened then. */
void layers_pass(struct layers *layers);

/* The innermost layer announces a member of so many bytes (packed: as it lies
 * there; 0 if that is not known).  type is libclamav's of the archive that it
 * is in, which may lie within the layer, or NULL. */
void layers_announce(struct layers *layers, const char *type, uint64_t packed,
    uint64_t size, bool encrypted);

/* The innermost layer ends. */
void layers_leave(struct layers *layers);

/* The scan has ended; frees what is held.  Harmless when called twice. */
void layers_end(struct layers *layers);

#endif
