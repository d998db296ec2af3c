/* contents - what is in the signature files, told the same on every host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/contents.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/config.h"
#include "engine/sigset.h"

#define HEADER_SIZE 512

static_assert(CONTENTS_DIGEST_BYTES == crypto_generichash_BYTES,
    "libsodium's default");

/* What one file adds to the whole. */
struct part {
	char name[256];
	unsigned char digest[CONTENTS_DIGEST_BYTES];
};

struct reading {
	struct contents *contents;
	struct part *parts;
	size_t count;
	size_t room;
};

/* The header of an official file: ClamAV-VDB, date, version, signatures,
 * level, MD5, signature, builder, seconds; colons between them. */
struct header {
	unsigned version;
	unsigned signatures;
	int64_t built; /* 0: does not say */
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
is_official(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL &&
	    (strcasecmp(dot, ".cvd") == 0 || strcasecmp(dot, ".cld") == 0);
}

/* The field of that number, or "" if there are not so many. */
static const char *
field(const char *text, unsigned number)
{
	while (number-- > 0) {
		text = strchr(text, ':');
		if (text == NULL)
			return "";
		text++;
	}
	return text;
}

static bool
parse_header(const char *text, struct header *header_r)
{
	if (strncmp(text, "ClamAV-VDB:", 11) != 0 ||
	    sscanf(field(text, 2), "%u:%u:", &header_r->version,
		&header_r->signatures) != 2)
		return false;
	if (sscanf(field(text, 8), "%" SCNd64, &header_r->built) != 1)
		header_r->built = 0;
	return true;
}

/* False if the file has no header that makes sense. */
static bool
read_header(int fd, struct header *header_r)
{
	char text[HEADER_SIZE + 1];
	ssize_t len = pread(fd, text, HEADER_SIZE, 0);

	if (len < 0)
		return false;
	text[len] = '\0';
	return parse_header(text, header_r);
}

static void
add_official(struct reading *reading, struct part *part,
    const struct header *header)
{
	struct contents *contents = reading->contents;
	char text[64], *suffix = strrchr(part->name, '.');
	int len;

	if (header->built > contents->built) {
		contents->built = header->built;
		snprintf(contents->newest, sizeof contents->newest, "%.63s",
		    part->name);
	}
	/* The update in place makes a .cld of a .cvd. */
	memset(suffix, 0, strlen(suffix));
	len = snprintf(text, sizeof text, "official:%u:%u", header->version,
	    header->signatures);
	crypto_generichash(part->digest, sizeof part->digest,
	    (const unsigned char *)text, (size_t)len, NULL, 0);
}

static enum error_code
add_bytes(struct part *part, int fd, const char *path, struct error *err)
{
	unsigned char buffer[65536];
	crypto_generichash_state state;
	ssize_t len;

	crypto_generichash_init(&state, NULL, 0, sizeof part->digest);
	while ((len = read(fd, buffer, sizeof buffer)) != 0) {
		if (len < 0 && errno != EINTR)
			return error_sys(err, errno, "%s", path);
		if (len > 0)
			crypto_generichash_update(&state, buffer, (size_t)len);
	}
	crypto_generichash_final(&state, part->digest, sizeof part->digest);
	return ERROR_NONE;
}

static struct part *
new_part(struct reading *reading, const char *name)
{
	struct part *part;

	if (reading->count == reading->room) {
		reading->room = 2 * reading->room + 16;
		reading->parts = realloc(reading->parts,
		    reading->room * sizeof *reading->parts);
		if (reading->parts == NULL)
			abort();
	}
	part = &reading->parts[reading->count++];
	memset(part, 0, sizeof *part);
	snprintf(part->name, sizeof part->name, "%s", name);
	return part;
}

static enum error_code
add_file(void *context, const char *path, const struct stat *st,
    struct error *err)
{
	struct reading *reading = context;
	enum error_code code = ERROR_NONE;
	struct header header;
	struct part *part;
	int fd;

	(void)st;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	part = new_part(reading, base_name(path));
	if (is_official(part->name) && read_header(fd, &header))
		add_official(reading, part, &header);
	else
		code = add_bytes(part, fd, path, err);
	fd_close(&fd);
	return code;
}

static int
by_name_and_digest(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct part));
}

/* The files are taken in an order that doesn't depend on directories. */
static void
finish(struct reading *reading)
{
	if (reading->count > 0)
		qsort(reading->parts, reading->count, sizeof *reading->parts,
		    by_name_and_digest);
	crypto_generichash(reading->contents->digest,
	    sizeof reading->contents->digest,
	    (const unsigned char *)reading->parts,
	    reading->count * sizeof *reading->parts, NULL, 0);
}

enum error_code
contents_read(const struct config_strings *database,
    struct contents *contents_r, struct error *err)
{
	struct reading reading = { .contents = contents_r };
	enum error_code code;

	memset(contents_r, 0, sizeof *contents_r);
	code = sigset_each(database, add_file, &reading, err);
	if (code == ERROR_NONE)
		finish(&reading);
	free(reading.parts);
	return code;
}

static void *
read_in_thread(void *context)
{
	struct contents_reader *reader = context;

	reader->code = contents_read(reader->database, &reader->contents,
	    &reader->err);
	return NULL;
}

enum error_code
contents_begin(struct contents_reader *reader,
    const struct config_strings *database, struct error *err)
{
	int failed;

	reader->database = database;
	failed = pthread_create(&reader->thread, NULL, read_in_thread, reader);
	return failed
	    ? error_sys(err, failed, "starting to read the signature files")
	    : ERROR_NONE;
}

enum error_code
contents_end(struct contents_reader *reader, struct contents *contents_r,
    struct error *err)
{
	pthread_join(reader->thread, NULL);
	*contents_r = reader->contents;
	if (reader->code != ERROR_NONE)
		*err = reader->err;
	return reader->code;
}
