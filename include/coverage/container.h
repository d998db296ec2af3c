/* container - which archives there are, and which lie in some bytes
 *
 * libclamav names the type of each layer that it scans, and then unpacks what
 * it can.  Known here are the types that something has to come out of, the
 * formats that it has no reader for, and how to tell that an archive lies
 * behind something else (a self-extracting one behind a program).
 *
 * This reads what an attacker wrote, and belongs into a worker.  Linear in
 * size, no allocation, any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_CONTAINER_H
#define COVERAGE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct members;

/* A type of archive that libclamav may open. */
struct container {
	const char *type; /* libclamav's name of it, "CL_TYPE_…" */
	const char *name; /* ours, for a verdict */
	unsigned bit;     /* CONTAINER_…, if it can lie behind others */
	bool unpaired;    /* it announces members that are no files, too */
	/* Reads its directory, if that can be done; else NULL. */
	void (*read)(struct members *members, const unsigned char *data,
	    size_t size);
};

/* What can lie behind a program. */
#define CONTAINER_RAR 1u
#define CONTAINER_7Z 2u
#define CONTAINER_CAB 4u
#define CONTAINER_ACE 8u
#define CONTAINER_NSIS 16u
#define CONTAINER_TAR 32u
#define CONTAINER_ZIP 64u
#define CONTAINER_BITS 7

/* NULL if nothing has to come out of a file of that type.  type may be
 * NULL. */
const struct container *container_of_type(const char *type);

/* The name for one of these bits. */
const char *container_bit_name(unsigned bit);

/* The format's name, if it is an archive or a disk image for which libclamav
 * has no reader; else NULL. */
const char *container_foreign(const unsigned char *data, size_t size);

/* The name, if it is a disk image in which libclamav has to find files, though
 * it has no type for its beginning; else NULL. */
const char *container_image(const unsigned char *data, size_t size);

/* Which archives (a set of CONTAINER_…) begin somewhere behind the first
 * byte. */
unsigned container_embedded(const unsigned char *data, size_t size);

/* True if the archive may have no contents, so that it is in order when
 * nothing comes out of it. */
bool container_may_be_empty(const struct container *container,
    const unsigned char *data, size_t size);

/* True if there is or was more in it than libclamav reads: bzip2 of several
 * streams, or cut off; a stream of OLE2 that claims to be larger than the
 * file, and is left out for its size. */
bool container_has_more(const struct container *container,
    const unsigned char *data, size_t size);

/* How many bytes have to come out of it, or 0 if that is not known: gzip says
 * so at its end (but for what is over 4 GB). */
uint64_t container_at_least(const struct container *container,
    const unsigned char *data, size_t size);

#endif
