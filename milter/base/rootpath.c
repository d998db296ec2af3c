/* rootpath - the paths by which root makes and opens files of this service
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* As many as the kernel follows in one path. */
#define LINKS_MAX 40

/* A path on the way: directory is open, at is its name, and rest is what is
 * still to be walked. */
struct walk {
	const char *what;
	int directory;
	char at[PATH_MAX];
	char rest[PATH_MAX];
	unsigned links;
};

struct owner {
	char name[64];
};

static struct owner
owner_of(const struct stat *st)
{
	struct passwd entry, *found = NULL;
	struct owner owner;
	char room[4096];

	if (getpwuid_r(st->st_uid, &entry, room, sizeof room, &found) == 0 &&
	    found != NULL)
		snprintf(owner.name, sizeof owner.name, "%s", entry.pw_name);
	else
		snprintf(owner.name, sizeof owner.name, "uid %u",
		    (unsigned)st->st_uid);
	return owner;
}

static unsigned
mode_of(const struct stat *st)
{
	return (unsigned)st->st_mode & 07777;
}

/* Root's own group is root. */
static bool
others_can_write(const struct stat *st)
{
	return (st->st_mode & S_IWOTH) != 0 ||
	    ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0);
}

/* May root rely on what it finds in the directory? */
static enum error_code
check_is_safe(const struct walk *walk, const struct stat *st, struct error *err)
{
	if (geteuid() != 0)
		return ERROR_NONE;
	if (st->st_uid == 0 &&
	    (!others_can_write(st) || (st->st_mode & S_ISVTX) != 0))
		return ERROR_NONE;
	return error_set(err, ERROR_INPUT,
	    "%s: the directory %s belongs to %s and has mode %04o; choose a "
	    "place below directories that only root can write to",
	    walk->what, walk->at, owner_of(st).name, mode_of(st));
}

static enum error_code
stat_here(const struct walk *walk, struct stat *st, struct error *err)
{
	if (fstat(walk->directory, st) < 0)
		return error_sys(err, errno, "%s: %s", walk->what, walk->at);
	return check_is_safe(walk, st, err);
}

/* Goes to / or, for a relative path, stays where the process is. */
static enum error_code
walk_from_start(struct walk *walk, struct error *err)
{
	const char *start = walk->rest[0] == '/' ? "/" : ".";

	fd_close(&walk->directory);
	snprintf(walk->at, sizeof walk->at, "%s", start);
	walk->directory = open(start, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (walk->directory < 0)
		return error_sys(err, errno, "%s: %s", walk->what, start);
	return ERROR_NONE;
}

static enum error_code
walk_begin(struct walk *walk, const char *what, const char *path,
    struct error *err)
{
	*walk = (struct walk){ .what = what, .directory = -1 };
	if (strlen(path) >= sizeof walk->rest)
		return error_sys(err, ENAMETOOLONG, "%s", what);
	strcpy(walk->rest, path);
	return walk_from_start(walk, err);
}

/* Takes the next name off the rest; "" if there is none. */
static void
take_name(struct walk *walk, char *name, size_t size)
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(from, "/");
	const char *after = from + len + strspn(from + len, "/");

	snprintf(name, size, "%.*s", (int)len, from);
	memmove(walk->rest, after, strlen(after) + 1);
}

/* The path of a name in the directory where the walk is. */
static void
path_of(const struct walk *walk, const char *name, char *path, size_t size)
{
	size_t len = strlen(walk->at);
	const char *slash = len > 0 && walk->at[len - 1] == '/' ? "" : "/";

	if ((size_t)snprintf(path, size, "%.*s%s%s", (int)len, walk->at, slash,
		name) >= size)
		path[0] = '\0'; /* it stands in messages only */
}

/* Puts the target of a link before the rest. */
static enum error_code
follow(struct walk *walk, int link, const char *path, struct error *err)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len;

	len = readlinkat(link, "", target, sizeof target - 1);
	if (len < 0)
		return error_sys(err, errno, "%s: %s", walk->what, path);
	target[len] = '\0';
	if (++walk->links > LINKS_MAX)
		return error_sys(err, ELOOP, "%s: %s", walk->what, path);
	strcpy(rest, walk->rest);
	if ((size_t)snprintf(walk->rest, sizeof walk->rest, "%s/%s", target,
		rest) >= sizeof walk->rest)
		return error_sys(err, ENAMETOOLONG, "%s: %s", walk->what, path);
	return target[0] == '/' ? walk_from_start(walk, err) : ERROR_NONE;
}

/* Goes on to what was found under a name; takes over found. */
static enum error_code
go_on(struct walk *walk, const struct stat *here, int found, const char *path,
    struct error *err)
{
	enum error_code code;
	struct stat st;

	if (fstat(found, &st) < 0) {
		code = error_sys(err, errno, "%s: %s", walk->what, path);
	} else if (S_ISDIR(st.st_mode)) {
		fd_close(&walk->directory);
		walk->directory = found;
		strcpy(walk->at, path);
		return ERROR_NONE;
	} else if (!S_ISLNK(st.st_mode)) {
		code = error_sys(err, ENOTDIR, "%s: %s", walk->what, path);
	} else if (geteuid() == 0 && others_can_write(here)) {
		code = error_set(err, ERROR_INPUT,
		    "%s: %s is a symbolic link in a directory that others can "
		    "write to",
		    walk->what, path);
	} else {
		code = follow(walk, found, path, err);
	}
	fd_close(&found);
	return code;
}

static enum error_code
step(struct walk *walk, const char *name, struct error *err)
{
	char path[PATH_MAX];
	enum error_code code;
	struct stat here;
	int found;

	code = stat_here(walk, &here, err);
	if (code != ERROR_NONE)
		return code;
	path_of(walk, name, path, sizeof path);
	found = openat(walk->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (found < 0)
		return error_sys(err, errno, "%s: %s", walk->what, path);
	return go_on(walk, &here, found, path, err);
}

/* Walks all of the path but its last name, which *name_r becomes. */
static enum error_code
walk_to_last(struct walk *walk, char *name_r, size_t size, struct error *err)
{
	enum error_code code = ERROR_NONE;
	struct stat here;

	take_name(walk, name_r, size);
	while (code == ERROR_NONE && walk->rest[0] != '\0') {
		code = step(walk, name_r, err);
		if (code == ERROR_NONE)
			take_name(walk, name_r, size);
	}
	if (code == ERROR_NONE && name_r[0] == '\0')
		code = error_sys(err, EISDIR, "%s: %s", walk->what, walk->at);
	return code == ERROR_NONE ? stat_here(walk, &here, err) : code;
}

/* Walks what is left, and opens the directory that it leads to. */
static enum error_code
walk_to_end(struct walk *walk, int *fd_r, struct error *err)
{
	char name[PATH_MAX];
	enum error_code code = ERROR_NONE;

	for (take_name(walk, name, sizeof name);
	     code == ERROR_NONE && name[0] != '\0';
	     take_name(walk, name, sizeof name))
		code = step(walk, name, err);
	if (code != ERROR_NONE)
		return code;
	*fd_r = openat(walk->directory, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd_r < 0)
		return error_sys(err, errno, "%s: %s", walk->what, walk->at);
	return ERROR_NONE;
}

enum error_code
rootpath_open_directory(const char *what, const char *path, int *fd_r,
    struct error *err)
{
	enum error_code code;
	struct walk walk;

	*fd_r = -1;
	code = walk_begin(&walk, what, path, err);
	if (code == ERROR_NONE)
		code = walk_to_end(&walk, fd_r, err);
	fd_close(&walk.directory);
	return code;
}

/* Makes the directory of this name where the walk is, if it isn't there. */
static enum error_code
make_here(const struct walk *walk, const char *name, bool *made_r,
    struct error *err)
{
	char path[PATH_MAX];

	*made_r = mkdirat(walk->directory, name, 0755) == 0;
	if (*made_r || errno == EEXIST)
		return ERROR_NONE;
	path_of(walk, name, path, sizeof path);
	return error_sys(err, errno, "%s: making the directory %s", walk->what,
	    path);
}

static enum error_code
make_and_open(struct walk *walk, uid_t uid, gid_t gid, int *fd_r,
    struct error *err)
{
	char name[PATH_MAX];
	enum error_code code;
	bool made = false;

	code = walk_to_last(walk, name, sizeof name, err);
	if (code == ERROR_NONE)
		code = make_here(walk, name, &made, err);
	if (code == ERROR_NONE)
		code = step(walk, name, err);
	if (code == ERROR_NONE)
		code = walk_to_end(walk, fd_r, err);
	/* The umask may have taken something off the mode. */
	if (code == ERROR_NONE && made &&
	    (fchmod(*fd_r, 0755) < 0 || fchown(*fd_r, uid, gid) < 0)) {
		code = error_sys(err, errno, "%s: giving %s to its owner",
		    walk->what, walk->at);
		fd_close(fd_r);
	}
	return code;
}

enum error_code
rootpath_make_directory(const char *what, const char *path, uid_t uid,
    gid_t gid, int *fd_r, struct error *err)
{
	enum error_code code;
	struct walk walk;

	if (geteuid() != 0)
		return rootpath_open_directory(what, path, fd_r, err);
	*fd_r = -1;
	code = walk_begin(&walk, what, path, err);
	if (code == ERROR_NONE)
		code = make_and_open(&walk, uid, gid, fd_r, err);
	fd_close(&walk.directory);
	return code;
}

static enum error_code
check_is_ours(const char *what, const char *path, int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "%s: %s", what, path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INPUT, "%s: %s is not a file", what,
		    path);
	if (st.st_nlink != 1)
		return error_set(err, ERROR_INPUT,
		    "%s: %s has a second name (a hard link)", what, path);
	if (st.st_uid != geteuid())
		return error_set(err, ERROR_INPUT,
		    "%s: %s belongs to another account (%s)", what, path,
		    owner_of(&st).name);
	return ERROR_NONE;
}

static enum error_code
open_here(const struct walk *walk, const char *name, const char *path,
    int *fd_r, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY | O_CLOEXEC;

	*fd_r = openat(walk->directory, name, flags, 0644);
	if (*fd_r >= 0)
		return check_is_ours(walk->what, path, *fd_r, err);
	/* A FIFO that nobody reads, or a link. */
	if (errno == ENXIO || errno == ELOOP)
		return error_set(err, ERROR_INPUT, "%s: %s is not a file",
		    walk->what, path);
	return error_sys(err, errno, "%s: %s", walk->what, path);
}

enum error_code
rootpath_open_file(const char *what, const char *path, int *fd_r,
    struct error *err)
{
	char name[PATH_MAX];
	enum error_code code;
	struct walk walk;

	*fd_r = -1;
	code = walk_begin(&walk, what, path, err);
	if (code == ERROR_NONE)
		code = walk_to_last(&walk, name, sizeof name, err);
	if (code == ERROR_NONE)
		code = open_here(&walk, name, path, fd_r, err);
	fd_close(&walk.directory);
	if (code != ERROR_NONE)
		fd_close(fd_r);
	return code;
}

enum error_code
rootpath_check_is_roots(const char *what, const char *path, int directory,
    struct error *err)
{
	struct stat st;

	if (fstat(directory, &st) < 0)
		return error_sys(err, errno, "%s: %s", what, path);
	if (st.st_uid == 0 && !others_can_write(&st))
		return ERROR_NONE;
	return error_set(err, ERROR_INPUT,
	    "%s: its directory %s belongs to %s and has mode %04o, but only "
	    "root may be able to write to it; mend it with: "
	    "chown root %s && chmod go-w %s",
	    what, path, owner_of(&st).name, mode_of(&st), path, path);
}
