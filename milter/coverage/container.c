/* container - which archives there are, and which lie in some bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/container.h"

#include <stdint.h>
#include <string.h>

#include "coverage/cms.h"
#include "coverage/members.h"

/* Of a directory in OLE2, in bytes. */
#define OLE2_ENTRY 128
/* Of tar, and where in a header its mark is. */
#define TAR_BLOCK 512
#define TAR_MARK 257

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct container containers[] = {
	{ "CL_TYPE_ZIP", "ZIP", CONTAINER_ZIP, false, members_read_zip },
	{ "CL_TYPE_OOXML_WORD", "OOXML", CONTAINER_ZIP, false,
	    members_read_zip },
	{ "CL_TYPE_OOXML_XL", "OOXML", CONTAINER_ZIP, false, members_read_zip },
	{ "CL_TYPE_OOXML_PPT", "OOXML", CONTAINER_ZIP, false,
	    members_read_zip },
	{ "CL_TYPE_OOXML_HWP", "OOXML", CONTAINER_ZIP, false,
	    members_read_zip },
	{ "CL_TYPE_POSIX_TAR", "TAR", CONTAINER_TAR, false, members_read_tar },
	{ "CL_TYPE_OLD_TAR", "TAR", CONTAINER_TAR, false, members_read_tar },
	{ "CL_TYPE_7Z", "7Z", CONTAINER_7Z, false, NULL },
	{ "CL_TYPE_RAR", "RAR", CONTAINER_RAR, false, NULL },
	{ "CL_TYPE_MSCAB", "CAB", CONTAINER_CAB, false, NULL },
	{ "CL_TYPE_MSCHM", "CHM", 0, false, NULL },
	{ "CL_TYPE_GZ", "GZIP", 0, false, NULL },
	{ "CL_TYPE_BZ", "BZIP2", 0, false, NULL },
	{ "CL_TYPE_XZ", "XZ", 0, false, NULL },
	{ "CL_TYPE_ARJ", "ARJ", 0, false, NULL },
	{ "CL_TYPE_CPIO_OLD", "CPIO", 0, false, NULL },
	{ "CL_TYPE_CPIO_ODC", "CPIO", 0, false, NULL },
	{ "CL_TYPE_CPIO_NEWC", "CPIO", 0, false, NULL },
	{ "CL_TYPE_CPIO_CRC", "CPIO", 0, false, NULL },
	{ "CL_TYPE_MSOLE2", "OLE2", 0, false, NULL },
	{ "CL_TYPE_ISO9660", "ISO", 0, true, NULL },
	{ "CL_TYPE_EGG", "EGG", 0, false, NULL },
	{ "CL_TYPE_ALZ", "ALZ", 0, false, NULL },
	{ "CL_TYPE_LHA_LZH", "LHA", 0, false, NULL },
	{ "CL_TYPE_XAR", "XAR", 0, false, NULL },
	{ "CL_TYPE_SIS", "SIS", 0, false, NULL },
	{ "CL_TYPE_MSSZDD", "SZDD", 0, false, NULL },
	{ "CL_TYPE_BINHEX", "BinHex", 0, false, NULL },
	{ "CL_TYPE_CRYPTFF", "CryptFF", 0, false, NULL },
};

/* offset counts from the beginning of the file, or from its end if it is
 * negative. */
struct magic {
	long offset;
	const char *bytes;
	size_t len;
	const char *name;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): it is an initialiser. */
#define MAGIC(offset, bytes, name) \
	{ \
		offset, bytes, sizeof bytes - 1, name \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct magic foreign[] = {
	MAGIC(0, "Rar!\x1a\x07", "RAR"),
	MAGIC(7, "**ACE**", "ACE"),
	MAGIC(0, "\x28\xb5\x2f\xfd", "Zstandard"),
	MAGIC(0, "\x04\x22\x4d\x18", "LZ4"),
	MAGIC(0, "LZIP", "lzip"),
	MAGIC(0, "\x89LZO\0\r\n\x1a\n", "lzop"),
	MAGIC(0, "LRZI", "lrzip"),
	MAGIC(20, "\xdc\xa7\xc4\xfd", "ZOO"),
	MAGIC(0, "SIT!", "StuffIt"),
	MAGIC(0, "StuffIt ", "StuffIt"),
	MAGIC(0, "!<arch>\n", "ar"),
	MAGIC(0, "\xed\xab\xee\xdb", "RPM"),
	MAGIC(0, "MSWIM\0\0\0", "WIM"),
	MAGIC(0, "hsqs", "SquashFS"),
	MAGIC(0, "conectix", "VHD"),
	MAGIC(-512, "conectix", "VHD"),
	MAGIC(0, "vhdxfile", "VHDX"),
	MAGIC(0, "KDMV", "VMDK"),
	MAGIC(0, "QFI\xfb", "QCOW"),
	MAGIC(64, "\x7f\x10\xda\xbe", "VDI"),
	MAGIC(0, "encrcdsa", "DMG"),
};

/* They count only where the file has the mark of a boot sector. */
static const struct magic file_systems[] = {
	MAGIC(3, "NTFS    ", "NTFS"),
	MAGIC(3, "EXFAT   ", "exFAT"),
	MAGIC(54, "FAT12   ", "FAT"),
	MAGIC(54, "FAT16   ", "FAT"),
	MAGIC(82, "FAT32   ", "FAT"),
};

static const struct magic images[] = {
	MAGIC(32769, "CD001", "ISO"),
	MAGIC(32769, "BEA01", "UDF"),
	MAGIC(-512, "koly", "DMG"),
	MAGIC(512, "EFI PART", "GPT"),
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

const struct container *
container_of_type(const char *type)
{
	size_t i;

	for (i = 0; type != NULL && i < LENGTH(containers); i++)
		if (strcmp(containers[i].type, type) == 0)
			return &containers[i];
	return NULL;
}

/* --- what libclamav has no type for ------------------------------------ */

static const char *
find_magic(const struct magic *list, size_t count, const unsigned char *data,
    size_t size)
{
	size_t i, at;

	for (i = 0; i < count; i++) {
		if (list[i].offset < 0 && size < (size_t)-list[i].offset)
			continue;
		at = list[i].offset < 0 ? size - (size_t)-list[i].offset
					: (size_t)list[i].offset;
		if (size >= at + list[i].len &&
		    memcmp(data + at, list[i].bytes, list[i].len) == 0)
			return list[i].name;
	}
	return NULL;
}

/* compress(1): two bytes, and one that says up to how many bits, 9 to 16. */
static bool
is_compress(const unsigned char *data, size_t size)
{
	return size > 3 && data[0] == 0x1f && data[1] == 0x9d &&
	    (data[2] & 0x60) == 0 && (data[2] & 0x1f) >= 9 &&
	    (data[2] & 0x1f) <= 16;
}

/* lzma(1), which has no magic: the usual properties, a dictionary of a
 * multiple of 64 KiB, and a size that is unknown or not absurd. */
static bool
is_lzma(const unsigned char *data, size_t size)
{
	uint32_t high;

	if (size < 14 || data[0] != 0x5d || le16(data + 1) != 0 ||
	    le16(data + 3) == 0)
		return false;
	high = le32(data + 9);
	return high < 256 ||
	    (high == UINT32_MAX && le32(data + 5) == UINT32_MAX);
}

/* A message within a signature, which libclamav takes for data. */
static const char *
find_cms(const unsigned char *data, size_t size)
{
	switch (cms_kind_of(data, size)) {
	case CMS_SIGNED:
		return "S-MIME-signed";
	case CMS_COMPRESSED:
		return "S-MIME-compressed";
	case CMS_NONE:
	case CMS_ENCRYPTED: /* sealed.h */
		break;
	}
	return NULL;
}

const char *
container_foreign(const unsigned char *data, size_t size)
{
	const char *name = find_magic(foreign, LENGTH(foreign), data, size);

	if (name == NULL)
		name = find_cms(data, size);
	if (name == NULL && is_compress(data, size))
		name = "compress";
	if (name == NULL && is_lzma(data, size))
		name = "LZMA";
	if (name == NULL && size >= 512 && data[510] == 0x55 &&
	    data[511] == 0xaa)
		name = find_magic(file_systems, LENGTH(file_systems), data,
		    size);
	return name;
}

const char *
container_image(const unsigned char *data, size_t size)
{
	return find_magic(images, LENGTH(images), data, size);
}

/* --- what lies behind something else ----------------------------------- */

/* Each of these functions is given the data, where the mark stands in it, and
 * how much there is from the mark on. */

/* The main header of RAR 1.5 to 4, or main or encryption header of RAR 5
 * (whose size takes one byte or two). */
static bool
is_rar(const unsigned char *data, const unsigned char *at, size_t left)
{
	size_t type;

	(void)data;
	if (left < 20)
		return false;
	if (at[6] == 0)
		return at[9] == 0x73;
	if (at[6] != 1 || at[7] != 0)
		return false;
	type = (at[12] & 0x80) != 0 ? 14 : 13;
	return at[type] == 1 || at[type] == 4;
}

static uint32_t
crc32_of(const unsigned char *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	while (size-- > 0) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* Its start header has a checksum. */
static bool
is_7z(const unsigned char *data, const unsigned char *at, size_t left)
{
	(void)data;
	return left > 32 && le32(at + 8) == crc32_of(at + 12, 20);
}

static bool
is_cab(const unsigned char *data, const unsigned char *at, size_t left)
{
	(void)data;
	return left > 36 && le32(at + 4) == 0 && le32(at + 12) == 0 &&
	    le32(at + 8) >= 36 && le32(at + 8) <= left && at[25] == 1 &&
	    le16(at + 26) > 0 && le16(at + 28) > 0;
}

static bool
is_ace(const unsigned char *data, const unsigned char *at, size_t left)
{
	(void)data;
	/* The type of the main header, before the mark. */
	return left > 20 && at[-3] == 0;
}

/* Flags before the mark; behind it the lengths of the header and, counted from
 * the flags, of the archive. */
static bool
is_nsis(const unsigned char *data, const unsigned char *at, size_t left)
{
	(void)data;
	return left > 28 && le32(at - 4) < 256 && le32(at + 16) > 0 &&
	    le32(at + 20) > 28 && le32(at + 20) <= left + 4;
}

/* tar goes from block to block until it finds a header. */
static bool
is_tar(const unsigned char *data, const unsigned char *at, size_t left)
{
	size_t block = (size_t)(at - data) - TAR_MARK;

	return block % TAR_BLOCK == 0 && left >= TAR_BLOCK - TAR_MARK &&
	    members_is_tar_header(data + block);
}

/* A member's header, whose version, method and name are such as exist. */
static bool
is_zip(const unsigned char *data, const unsigned char *at, size_t left)
{
	size_t len, i;

	(void)data;
	if (left < 30)
		return false;
	len = le16(at + 26);
	if (le16(at + 4) > 63 || le16(at + 8) > 99 || len == 0 ||
	    len > left - 30)
		return false;
	for (i = 0; i < len; i++)
		if (at[30 + i] < ' ')
			return false;
	return true;
}

static const struct embedded {
	unsigned bit;
	const char *name;
	const char *mark;
	size_t len;
	size_t before; /* bytes of it that lie before the mark */
	bool (*check)(const unsigned char *data, const unsigned char *at,
	    size_t left);
} embedded[CONTAINER_BITS] = {
	{ CONTAINER_RAR, "RAR", "Rar!\x1a\x07", 6, 1, is_rar },
	{ CONTAINER_7Z, "7Z", "7z\xbc\xaf\x27\x1c", 6, 1, is_7z },
	{ CONTAINER_CAB, "CAB", "MSCF", 4, 1, is_cab },
	{ CONTAINER_ACE, "ACE", "**ACE**", 7, 8, is_ace },
	{ CONTAINER_NSIS, "NSIS", "\xef\xbe\xad\xdeNullsoftInst", 16, 5,
	    is_nsis },
	{ CONTAINER_TAR, "TAR", "ustar", 5, TAR_BLOCK + TAR_MARK, is_tar },
	{ CONTAINER_ZIP, "ZIP", "PK\3\4", 4, 1, is_zip },
};

const char *
container_bit_name(unsigned bit)
{
	size_t i;

	for (i = 0; i < LENGTH(embedded) - 1; i++)
		if (embedded[i].bit == bit)
			break;
	return embedded[i].name;
}

static bool
is_embedded(const struct embedded *kind, const unsigned char *data, size_t size)
{
	const unsigned char *at = data + kind->before, *end = data + size;

	if (size <= kind->before)
		return false;
	while ((at = memmem(at, (size_t)(end - at), kind->mark, kind->len)) !=
	    NULL) {
		if (kind->check(data, at, (size_t)(end - at)))
			return true;
		at++;
	}
	return false;
}

unsigned
container_embedded(const unsigned char *data, size_t size)
{
	unsigned found = 0;
	size_t i;

	for (i = 0; i < LENGTH(embedded); i++)
		if (is_embedded(&embedded[i], data, size))
			found |= embedded[i].bit;
	return found;
}

/* --- what single formats tell ------------------------------------------ */

static bool
is_named(const struct container *container, const char *name)
{
	return strcmp(container->name, name) == 0;
}

/* An archive of this size holds at most a file of fewer than MEMBERS_SMALLEST
 * bytes. */
bool
container_may_be_empty(const struct container *container,
    const unsigned char *data, size_t size)
{
	if (container->read != NULL)
		return true; /* its directory says what has to come */
	if (is_named(container, "GZIP"))
		return size >= 4 && size <= 64 &&
		    le32(data + size - 4) < MEMBERS_SMALLEST;
	if (is_named(container, "BZIP2") || is_named(container, "XZ"))
		return size <= 72;
	if (is_named(container, "7Z"))
		return size <= 32;
	return false;
}

/* "BZh", a digit and a block: streams begin at whole bytes. */
static bool
has_second_stream(const unsigned char *data, size_t size)
{
	static const char block[] = "1AY&SY";
	const unsigned char *at = data + 1, *end = data + size;

	while ((at = memmem(at, (size_t)(end - at), "BZh", 3)) != NULL) {
		if (end - at > 10 &&
		    memcmp(at + 4, block, sizeof block - 1) == 0)
			return true;
		at++;
	}
	return false;
}

/* A mark of 48 bits and a checksum of 32, at any bit, fill the last byte. */
static bool
has_stream_end(const unsigned char *data, size_t size)
{
	const uint64_t mark = UINT64_C(0x177245385090);
	uint64_t bits = 0;
	size_t i;

	if (size < 12)
		return false;
	for (i = size - 12; i < size - 4; i++)
		bits = bits << 8 | data[i];
	for (i = 0; i < 8; i++)
		if ((bits >> i & UINT64_C(0xffffffffffff)) == mark)
			return true;
	return false;
}

/* An entry of the directory ([MS-CFB] 2.6) that stands for a stream: the name
 * ends with a NUL, there is no child. */
static bool
is_stream_entry(const unsigned char *entry)
{
	uint32_t len = le16(entry + 64);

	return len > 2 && len <= 64 && len % 2 == 0 &&
	    le16(entry + len - 2) == 0 && entry[66] == 2 && entry[67] <= 1 &&
	    le32(entry + 76) == UINT32_MAX;
}

static bool
has_oversized_stream(const unsigned char *data, size_t size)
{
	size_t at;

	for (at = 512; at + OLE2_ENTRY <= size; at += OLE2_ENTRY)
		if (is_stream_entry(data + at) && le32(data + at + 120) > size)
			return true;
	return false;
}

bool
container_has_more(const struct container *container, const unsigned char *data,
    size_t size)
{
	if (is_named(container, "BZIP2"))
		return !has_stream_end(data, size) ||
		    has_second_stream(data, size);
	return is_named(container, "OLE2") && has_oversized_stream(data, size);
}

uint64_t
container_at_least(const struct container *container, const unsigned char *data,
    size_t size)
{
	return is_named(container, "GZIP") && size >= 4 ? le32(data + size - 4)
							: 0;
}
