/* members - what an archive's own directory says is in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/members.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 1000000

/* ZIP (APPNOTE 4.3) */
#define ZIP_END 22 /* bytes, without the comment */
#define ZIP_COMMENT_MAX 65535
#define ZIP_ENTRY 46 /* bytes, without name, extra and comment */
/* What a member of fewer than MEMBERS_SMALLEST bytes takes at most, packed by
 * any method and encrypted. */
#define ZIP_SMALL 64

/* tar (POSIX.1-1988, ustar) */
#define TAR_BLOCK 512
#define TAR_SIZE 124
#define TAR_CHECKSUM 148
#define TAR_TYPE 156
#define TAR_MAGIC 257

static const unsigned char zip_header[] = { 'P', 'K', 3, 4 };
static const unsigned char zip_end[] = { 'P', 'K', 5, 6 };
static const unsigned char zip_entry[] = { 'P', 'K', 1, 2 };

struct zip_member {
	uint32_t offset; /* of its local header */
	uint32_t packed;
	uint32_t size;
	bool encrypted;
};

static uint32_t
le16(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t
le32(const unsigned char *at)
{
	return le16(at) | le16(at + 2) << 16;
}

static void
clear(struct members *members)
{
	memset(members, 0, sizeof *members);
}

/* --- ZIP --------------------------------------------------------------- */

/* Finds the end record that unzip programs use: the last one whose comment
 * fits. */
static const unsigned char *
find_zip_end(const unsigned char *data, size_t size)
{
	size_t at, tries;

	if (size < ZIP_END)
		return NULL;
	at = size - ZIP_END;
	for (tries = 0; tries <= ZIP_COMMENT_MAX; tries++, at--) {
		if (memcmp(data + at, zip_end, sizeof zip_end) == 0 &&
		    le16(data + at + 20) <= size - ZIP_END - at)
			return data + at;
		if (at == 0)
			break;
	}
	return NULL;
}

/* Returns where the directory begins: right before its end record, or where the
 * end record says.  NULL if it is at neither place. */
static const unsigned char *
find_zip_directory(const unsigned char *data, const unsigned char *end)
{
	size_t before = (size_t)(end - data);
	size_t length = le32(end + 12), offset = le32(end + 16);

	if (length >= ZIP_ENTRY && length <= before &&
	    memcmp(end - length, zip_entry, sizeof zip_entry) == 0)
		return end - length;
	if (offset < before && before - offset >= ZIP_ENTRY &&
	    memcmp(data + offset, zip_entry, sizeof zip_entry) == 0)
		return data + offset;
	return NULL;
}

/* If there is a second end record in the directory or in the comment, it
 * depends on the program which members it sees. */
static bool
has_second_end(const unsigned char *directory, const unsigned char *end,
    const unsigned char *limit)
{
	return memmem(directory, (size_t)(end - directory), zip_end,
		   sizeof zip_end) != NULL ||
	    memmem(end + 1, (size_t)(limit - end - 1), zip_end,
		sizeof zip_end) != NULL;
}

static int
compare_offsets(const void *a, const void *b)
{
	const struct zip_member *first = a, *second = b;

	if (first->offset != second->offset)
		return first->offset < second->offset ? -1 : 1;
	if (first->packed != second->packed)
		return first->packed < second->packed ? -1 : 1;
	return 0;
}

/* libclamav takes the members in the order in which they lie in the file, each
 * one once. */
static void
take_over(struct members *members, struct zip_member *list, size_t count)
{
	size_t i;

	qsort(list, count, sizeof *list, compare_offsets);
	for (i = 0; i < count; i++) {
		members->encrypted |= list[i].encrypted;
		if (i > 0 && compare_offsets(&list[i - 1], &list[i]) == 0)
			continue;
		if (list[i].packed == 0 || list[i].encrypted ||
		    (list[i].size < MEMBERS_SMALLEST &&
			list[i].packed <= ZIP_SMALL))
			continue;
		members->sizes[members->count++] = list[i].size;
	}
}

/* Reads up to count entries into list; returns how many there are.  *at is
 * left behind the last. */
static size_t
read_entries(struct zip_member *list, size_t count, const unsigned char **at,
    const unsigned char *end)
{
	const unsigned char *entry = *at;
	size_t i, length;

	for (i = 0; i < count && end - entry >= ZIP_ENTRY &&
	     memcmp(entry, zip_entry, sizeof zip_entry) == 0;
	     i++) {
		length = ZIP_ENTRY + (size_t)le16(entry + 28) +
		    le16(entry + 30) + le16(entry + 32);
		if (length > (size_t)(end - entry))
			break;
		list[i].encrypted = (entry[8] & 1) != 0;
		list[i].packed = le32(entry + 20);
		list[i].size = le32(entry + 24);
		list[i].offset = le32(entry + 42);
		entry += length;
	}
	*at = entry;
	return i;
}

static void
read_zip_directory(struct members *members, const unsigned char *directory,
    const unsigned char *end)
{
	size_t count = le16(end + 10), found;
	const unsigned char *at = directory;
	struct zip_member *list;

	list = calloc(count + 1, sizeof *list);
	members->sizes = calloc(count + 1, sizeof *members->sizes);
	if (list != NULL && members->sizes != NULL) {
		found = read_entries(list, count, &at, end);
		take_over(members, list, found);
		members->sound = found == count &&
		    ((size_t)(end - at) < sizeof zip_entry ||
			memcmp(at, zip_entry, sizeof zip_entry) != 0);
	}
	free(list);
}

/* FNV-1a: to tell directories apart, not to prove anything. */
static uint64_t
identity_of(const unsigned char *at, const unsigned char *end)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; at < end; at++)
		hash = (hash ^ *at) * UINT64_C(0x100000001b3);
	return hash;
}

void
members_read_zip(struct members *members, const unsigned char *data,
    size_t size)
{
	const unsigned char *end, *directory;

	clear(members);
	end = find_zip_end(data, size);
	if (end == NULL)
		return;
	directory = find_zip_directory(data, end);
	if (directory == NULL)
		return;
	members->identity = identity_of(directory, end);
	read_zip_directory(members, directory, end);
	/* If the file begins with a member, nothing has shifted the rest. */
	if (has_second_end(directory, end, data + size) ||
	    (memcmp(data, zip_header, sizeof zip_header) == 0 &&
		directory != data + le32(end + 16)))
		members->sound = false;
}

/* --- tar --------------------------------------------------------------- */

struct tar {
	struct members *members;
	size_t room; /* of members->sizes */
	const unsigned char *at, *end;
};

static bool
is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* An octal number with spaces and NULs around it, or, with the top bit set, a
 * number of 63 bits (GNU).  False if it is neither. */
static bool
read_number(const unsigned char *at, size_t len, uint64_t *value_r)
{
	size_t i = 0;

	*value_r = 0;
	if (at[0] == 0x80) {
		for (i = len - 8; i < len; i++)
			*value_r = *value_r << 8 | at[i];
		return true;
	}
	while (i < len && at[i] == ' ')
		i++;
	for (; i < len && at[i] >= '0' && at[i] <= '7'; i++)
		*value_r = *value_r << 3 | (uint64_t)(at[i] - '0');
	return i == len || at[i] == ' ' || at[i] == '\0';
}

/* Some programs that write tar archives add up signed bytes. */
static bool
has_good_checksum(const unsigned char *header)
{
	int64_t sum = 0, signed_sum = 0;
	uint64_t want;
	size_t i;

	if (!read_number(header + TAR_CHECKSUM, 8, &want))
		return false;
	for (i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= TAR_CHECKSUM && i < TAR_CHECKSUM + 8;

		sum += own ? ' ' : header[i];
		signed_sum += own ? ' ' : (signed char)header[i];
	}
	return (int64_t)want == sum || (int64_t)want == signed_sum;
}

bool
members_is_tar_header(const unsigned char *block)
{
	return memcmp(block + TAR_MAGIC, "ustar", 5) == 0 &&
	    has_good_checksum(block);
}

static bool
add_size(struct tar *tar, uint64_t size)
{
	struct members *members = tar->members;
	uint64_t *sizes;

	if (size < MEMBERS_SMALLEST)
		return true;
	if (members->count == MEMBERS_MAX)
		return false;
	if (members->count == tar->room) {
		tar->room = tar->room * 2 + 64;
		sizes = reallocarray(members->sizes, tar->room, sizeof *sizes);
		if (sizes == NULL)
			return false;
		members->sizes = sizes;
	}
	members->sizes[members->count++] = size;
	return true;
}

/* True if a file follows a header of that type.  (Nothing follows the header of
 * a link or a device, whatever size it claims.) */
static bool
is_file(unsigned char type)
{
	return type == '\0' || strchr("123456VKLNAEIgxX", type) == NULL;
}

static bool
has_data(unsigned char type)
{
	return type == '\0' || strchr("123456V", type) == NULL;
}

/* An extended header may give the next member another size. */
static bool
changes_size(unsigned char type, const unsigned char *data, size_t len)
{
	static const char size[] = " size=";

	return (type == 'x' || type == 'g' || type == 'X') &&
	    memmem(data, len, size, sizeof size - 1) != NULL;
}

/* Reads a header and passes over what follows it.  False if the archive is
 * not sound from here on. */
static bool
read_tar_member(struct tar *tar)
{
	const unsigned char *header = tar->at;
	unsigned char type = header[TAR_TYPE];
	uint64_t size, left;

	tar->at += TAR_BLOCK;
	if (!has_good_checksum(header) ||
	    !read_number(header + TAR_SIZE, 12, &size))
		return false;
	if (!has_data(type))
		return true;
	left = (uint64_t)(tar->end - tar->at);
	if (changes_size(type, tar->at, size < left ? size : left))
		return false;
	if (is_file(type) && !add_size(tar, size))
		return false;
	size = size <= UINT64_MAX - TAR_BLOCK
	    ? (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK
	    : UINT64_MAX;
	tar->at += size < left ? size : left;
	return true;
}

void
members_read_tar(struct members *members, const unsigned char *data,
    size_t size)
{
	struct tar tar = {
		.members = members,
		.at = data,
		.end = data + size,
	};

	clear(members);
	members->sound = true;
	while (
	    members->sound && tar.end - tar.at >= TAR_BLOCK && !is_zero(tar.at))
		members->sound = read_tar_member(&tar);
}

/* --- both -------------------------------------------------------------- */

bool
members_take(struct members *members, uint64_t size)
{
	if (members->next == members->count ||
	    members->sizes[members->next] != size)
		return false;
	members->next++;
	return true;
}

bool
members_complete(const struct members *members)
{
	return members->sound && members->next == members->count;
}

void
members_fini(struct members *members)
{
	free(members->sizes);
	clear(members);
}
