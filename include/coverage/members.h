/* members - what an archive's own directory says is in it
 *
 * libclamav passes over in silence what it can't unpack: a method that it
 * doesn't know, a Zip64 member, all of an archive whose directory is damaged.
 * So the directory is read here as well, and what it promises is held against
 * what libclamav has really looked at (layers.h).
 *
 *   members_read_zip, members_read_tar   fill it in
 *   members_take                         for each file that was unpacked
 *   members_complete                     at the archive's end
 *   members_fini
 *
 * This reads what an attacker wrote, and belongs into a worker.  Time grows
 * with the archive's size, memory is at most 16 MB; an archive that needs more
 * is not sound.  Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_MEMBERS_H
#define COVERAGE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libclamav looks at no file that is smaller. */
#define MEMBERS_SMALLEST 6

struct members {
	uint64_t *sizes; /* unpacked, as libclamav comes to them */
	size_t count;
	size_t next;       /* the first that has not come yet */
	uint64_t identity; /* of the directory */
	bool encrypted;    /* it lists encrypted ones, which can't come */
	bool sound;        /* the directory could be read to its end */
};

/* Of a ZIP archive, with or without something before it.  Without a directory
 * at its end there are no members, and it is not sound. */
void members_read_zip(struct members *members, const unsigned char *data,
    size_t size);

/* Of a tar archive. */
void members_read_tar(struct members *members, const unsigned char *data,
    size_t size);

/* True if 512 bytes are a header of a tar archive of our day (ustar). */
bool members_is_tar_header(const unsigned char *block);

/* A file of that size was unpacked.  False, and nothing changes, if another
 * one was due. */
bool members_take(struct members *members, uint64_t size);

/* True if the directory was sound and all that it promised has come. */
bool members_complete(const struct members *members);

/* Frees; harmless when empty or called twice. */
void members_fini(struct members *members);

#endif
