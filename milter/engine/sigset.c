/* sigset - the signature files, and whether they have changed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/sigset.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "config/config.h"

/* What cl_load() takes from a directory, by the suffix of the name. */
static const char *const suffixes[] = {
	"cat",
	"cbc",
	"cdb",
	"cfg",
	"cld",
	"crb",
	"cud",
	"cvd",
	"db",
	"fp",
	"ftm",
	"gdb",
	"hdb",
	"hdu",
	"hsb",
	"hsu",
	"idb",
	"ign",
	"ign2",
	"imp",
	"ioc",
	"ldb",
	"ldu",
	"mdb",
	"mdu",
	"msb",
	"msu",
	"ndb",
	"ndu",
	"pdb",
	"pwdb",
	"rmd",
	"sdb",
	"sfp",
	"wdb",
	"yar",
	"yara",
	"zmd",
};

/* One walk over the files. */
struct walk {
	sigset_file_function *function;
	void *context;
};

/* One fingerprint in the making. */
struct reading {
	crypto_generichash_state digest;
	struct sigset *sigset;
};

static bool
is_signature_file(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	if (dot == NULL || name[0] == '.')
		return false;
	for (i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (strcasecmp(dot + 1, suffixes[i]) == 0)
			return true;
	return false;
}

static int
select_signatures(const struct dirent *entry)
{
	return is_signature_file(entry->d_name);
}

/* Unlike alphasort(3) the same in every locale. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file that has gone since the directory was read (an update renames files)
 * is ignored; the next look sees what took its place. */
static enum error_code
visit_entry(const struct walk *walk, const char *directory, const char *name,
    struct error *err)
{
	char path[4096];
	struct stat st;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >=
	    (int)sizeof path)
		return error_sys(err, ENAMETOOLONG, "%s", directory);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? ERROR_NONE
				       : error_sys(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return ERROR_NONE;
	return walk->function(walk->context, path, &st, err);
}

static enum error_code
visit_directory(const struct walk *walk, const char *directory,
    struct error *err)
{
	enum error_code code = ERROR_NONE;
	struct dirent **entries;
	int i, count;

	count = scandir(directory, &entries, select_signatures, by_bytes);
	if (count < 0)
		return error_sys(err, errno, "%s", directory);
	for (i = 0; i < count; i++) {
		if (code == ERROR_NONE)
			code = visit_entry(walk, directory, entries[i]->d_name,
			    err);
		free(entries[i]);
	}
	free(entries);
	return code;
}

static enum error_code
visit_path(const struct walk *walk, const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return visit_directory(walk, path, err);
	return walk->function(walk->context, path, &st, err);
}

enum error_code
sigset_each(const struct config_strings *database,
    sigset_file_function *function, void *context, struct error *err)
{
	const struct walk walk = { .function = function, .context = context };
	enum error_code code = ERROR_NONE;
	size_t i;

	for (i = 0; i < database->count && code == ERROR_NONE; i++)
		code = visit_path(&walk, database->items[i], err);
	return code;
}

static void
add_number(struct reading *reading, uint64_t number)
{
	crypto_generichash_update(&reading->digest,
	    (const unsigned char *)&number, sizeof number);
}

static enum error_code
add_file(void *context, const char *path, const struct stat *st,
    struct error *err)
{
	struct reading *reading = context;

	(void)err;
	crypto_generichash_update(&reading->digest, (const unsigned char *)path,
	    strlen(path) + 1);
	add_number(reading, (uint64_t)st->st_size);
	add_number(reading, (uint64_t)st->st_ino);
	add_number(reading, (uint64_t)st->st_mtim.tv_sec);
	add_number(reading, (uint64_t)st->st_mtim.tv_nsec);
	reading->sigset->bytes += (uint64_t)st->st_size;
	reading->sigset->files++;
	return ERROR_NONE;
}

enum error_code
sigset_read(const struct config_strings *database, struct sigset *sigset_r,
    struct error *err)
{
	struct reading reading = { .sigset = sigset_r };
	unsigned char digest[crypto_generichash_BYTES_MIN];
	enum error_code code;

	memset(sigset_r, 0, sizeof *sigset_r);
	crypto_generichash_init(&reading.digest, NULL, 0, sizeof digest);
	code = sigset_each(database, add_file, &reading, err);
	if (code != ERROR_NONE)
		return code;
	crypto_generichash_final(&reading.digest, digest, sizeof digest);
	memcpy(&sigset_r->fingerprint, digest, sizeof sigset_r->fingerprint);
	return ERROR_NONE;
}
