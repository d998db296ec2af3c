/* scratch - the directory that a worker unpacks mail into
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/ns.h"
#include "config/config.h"

/* At most two generations live, and one more may be on its way out. */
#define CLAIMS 8

/* When a write has failed for want of room, less than one buffer is free. */
#define TMPFS_RESERVE (UINT64_C(1024) * 1024)
#define INODE_RESERVE 16

/* A scratch with more directories than this, in depth or in number, counts as
 * broken, and is not cleaned further. */
#define CLEAN_PASSES 100000

static int
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A stream of its own on an open directory, from its beginning. */
static DIR *
list(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream;

	if (fd < 0)
		return NULL;
	stream = fdopendir(fd);
	if (stream == NULL)
		close(fd);
	return stream;
}

/* A worker in its sandbox may not change the mode, and need not: what the
 * worker can't remove, the engine removes later. */
static bool
make_writable(int directory, const char *name)
{
	return fchmodat(directory, name, 0700, 0) == 0 || errno == EPERM;
}

/* Unlinks a file, or moves a directory to the top, under a name that nothing
 * there can have. */
static int
lift_entry(int top, int directory, const char *name)
{
	unsigned char id[16];
	char unique[2 * sizeof id + 1];

	if (unlinkat(directory, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return -1;
	randombytes_buf(id, sizeof id);
	sodium_bin2hex(unique, sizeof unique, id, sizeof id);
	/* Moving a directory takes the right to write to it. */
	if (!make_writable(directory, name))
		return -1;
	return renameat(directory, name, top, unique);
}

/* Empties top/name, its directories going to top, and removes it. */
static int
remove_directory(int top, const char *name)
{
	struct dirent *entry;
	int fd, failed = 0;
	DIR *stream;

	if (!make_writable(top, name))
		return -1;
	fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	stream = list(fd);
	while (stream != NULL && !failed && (entry = readdir(stream)) != NULL)
		if (!is_dot(entry->d_name))
			failed = lift_entry(top, fd, entry->d_name);
	failed = failed || stream == NULL;
	if (stream != NULL)
		closedir(stream);
	close(fd);
	return failed ? -1 : unlinkat(top, name, AT_REMOVEDIR);
}

/* One pass over the top: returns how many entries there were, or -1. */
static int
clean_pass(int top)
{
	DIR *stream = list(top);
	struct dirent *entry;
	int count = 0, failed = 0;

	if (stream == NULL)
		return -1;
	while (!failed && count < CLEAN_PASSES &&
	    (entry = readdir(stream)) != NULL) {
		if (is_dot(entry->d_name))
			continue;
		count++;
		if (unlinkat(top, entry->d_name, 0) < 0)
			failed = errno != EISDIR ||
			    remove_directory(top, entry->d_name) < 0;
	}
	closedir(stream);
	return failed ? -1 : count;
}

/* Directories are lifted to the top rather than followed downwards, so that
 * the depth of the tree costs nothing but passes. */
static enum error_code
clean(int top, const char *path, bool *found_r, struct error *err)
{
	int pass, count;

	*found_r = false;
	for (pass = 0; pass < CLEAN_PASSES; pass++) {
		count = clean_pass(top);
		if (count < 0)
			return error_sys(err, errno, "cleaning %s", path);
		if (count == 0)
			return ERROR_NONE;
		*found_r = true;
	}
	return error_set(err, ERROR_LIMIT, "cleaning %s: too many files", path);
}

static enum error_code
open_directory(const char *path, int *fd_r, struct error *err)
{
	*fd_r = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd_r < 0 ? error_sys(err, errno, "%s", path) : ERROR_NONE;
}

enum error_code
scratch_clean(const struct scratch *scratch, bool *found_r, struct error *err)
{
	enum error_code code;
	int fd;

	*found_r = false;
	code = open_directory(scratch->path, &fd, err);
	if (code != ERROR_NONE)
		return code;
	code = clean(fd, scratch->path, found_r, err);
	close(fd);
	return code;
}

static enum error_code
make_directory(const char *path, struct error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "%s", path);
	return ERROR_NONE;
}

/* Takes the directory if no other engine has it (else ERROR_LIMIT). */
static enum error_code
try_claim(struct scratch_base *base, const char *path, struct error *err)
{
	enum error_code code;
	bool found;

	code = make_directory(path, err);
	if (code == ERROR_NONE)
		code = open_directory(path, &base->lock, err);
	if (code != ERROR_NONE)
		return code;
	if (flock(base->lock, LOCK_EX | LOCK_NB) == 0)
		code = clean(base->lock, path, &found, err);
	else if (errno == EWOULDBLOCK)
		code = error_set(err, ERROR_LIMIT, "%s is in use", path);
	else
		code = error_sys(err, errno, "locking %s", path);
	if (code != ERROR_NONE)
		fd_close(&base->lock);
	return code;
}

static enum error_code
claim_directory(struct scratch_base *base, struct error *err)
{
	enum error_code code;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/scratch",
	    base->config->state_directory);
	code = make_directory(path, err);
	if (code != ERROR_NONE)
		return code;
	for (base->claim = 0; base->claim < CLAIMS; base->claim++) {
		snprintf(path, sizeof path, "%s/scratch/%u",
		    base->config->state_directory, base->claim);
		code = try_claim(base, path, err);
		if (code != ERROR_LIMIT)
			return code;
	}
	return code;
}

enum error_code
scratch_base_open(struct scratch_base *base, enum scratch_kind kind,
    const struct config *config, struct error *err)
{
	base->kind = kind;
	base->config = config;
	base->claim = 0;
	base->lock = -1;
	if (kind == SCRATCH_TMPFS)
		return ERROR_NONE;
	return claim_directory(base, err);
}

void
scratch_base_close(struct scratch_base *base)
{
	fd_close(&base->lock);
}

static int
print_path(struct scratch *scratch, const struct scratch_base *base,
    unsigned number)
{
	const char *state = base->config->state_directory;
	size_t size = sizeof scratch->path;

	if (base->kind == SCRATCH_TMPFS)
		return snprintf(scratch->path, size, "%s", state);
	if (number == SCRATCH_ENGINE)
		return snprintf(scratch->path, size, "%s/scratch/%u/engine",
		    state, base->claim);
	return snprintf(scratch->path, size, "%s/scratch/%u/%u", state,
	    base->claim, number);
}

enum error_code
scratch_init(struct scratch *scratch, const struct scratch_base *base,
    unsigned number, struct error *err)
{
	const struct config *config = base->config;
	int length = print_path(scratch, base, number);

	if (length < 0 || (size_t)length >= sizeof scratch->path)
		return error_set(err, ERROR_INPUT,
		    "the path of the state directory is too long");
	scratch->kind = base->kind;
	scratch->size = config->engine_scratch;
	/* Each part of a mail can be a file in a directory of its own. */
	scratch->inodes = 2 * (uint64_t)config->engine_max_files + 1024;
	scratch->reserve = config->engine_scratch;
	if (base->kind == SCRATCH_TMPFS)
		scratch->reserve = scratch->size / 8 < TMPFS_RESERVE
		    ? scratch->size / 8
		    : TMPFS_RESERVE;
	return ERROR_NONE;
}

enum error_code
scratch_make(const struct scratch *scratch, struct error *err)
{
	enum error_code code;
	bool found;

	if (scratch->kind == SCRATCH_TMPFS)
		return ns_mount_scratch(scratch->path, scratch->size,
		    scratch->inodes, err);
	code = make_directory(scratch->path, err);
	if (code == ERROR_NONE)
		code = scratch_clean(scratch, &found, err);
	return code;
}

enum error_code
scratch_break(const struct scratch *scratch, struct error *err)
{
	/* Such a tmpfs has room for one file, which is its root directory. */
	if (scratch->kind == SCRATCH_TMPFS)
		return ns_mount_scratch(scratch->path, 4096, 1, err);
	if (rmdir(scratch->path) < 0)
		return error_sys(err, errno, "%s", scratch->path);
	return ERROR_NONE;
}

bool
scratch_has_room(const struct scratch *scratch)
{
	struct statfs fs;

	if (access(scratch->path, W_OK | X_OK) < 0 ||
	    statfs(scratch->path, &fs) < 0)
		return false;
	if (scratch->kind == SCRATCH_TMPFS && fs.f_type != TMPFS_MAGIC)
		return false;
	/* Some file systems have no fixed number of files, and say 0. */
	if (fs.f_files > 0 && fs.f_ffree < INODE_RESERVE)
		return false;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= scratch->reserve;
}
