/* instance - the one running instance: its directories, lock and PID file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/rootpath.h"
#include "config/config.h"
#include "supervisor/lockfile.h"

/* The service writes here, and so must nobody else. */
static enum error_code
check_state_directory(const char *path, int directory,
    const struct priv_account *account, struct error *err)
{
	struct stat st;

	if (fstat(directory, &st) < 0)
		return error_sys(err, errno, "state_directory %s", path);
	if (st.st_uid != account->uid || (st.st_mode & 022) != 0)
		return error_set(err, ERROR_INPUT,
		    "state_directory %s must belong to %s and be writable by "
		    "no one else",
		    path, account->name);
	return ERROR_NONE;
}

/* The directory is the account's, who may have put anything there. */
static enum error_code
open_lock(struct instance *instance, int directory, const char *path,
    struct error *err)
{
	struct stat st;

	instance->lock = openat(directory, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0600);
	if (instance->lock < 0 || fstat(instance->lock, &st) < 0)
		return error_sys(err, errno, "%s/lock", path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return error_set(err, ERROR_INPUT,
		    "%s/lock is not a file of one name: remove it", path);
	return ERROR_NONE;
}

static enum error_code
take_lock(struct instance *instance, int directory, struct error *err)
{
	const char *path = instance->config->state_directory;
	enum error_code code;

	code = open_lock(instance, directory, path, err);
	if (code != ERROR_NONE || lockfile_take(instance->lock) == 0)
		return code;
	if (errno == EWOULDBLOCK)
		return error_set(err, ERROR_LIMIT,
		    "another instance runs with state_directory %s", path);
	return error_sys(err, errno, "locking %s/lock", path);
}

/* Makes state_directory, for the account, if it is missing, and locks it. */
static enum error_code
open_state_directory(struct instance *instance,
    const struct priv_account *account, struct error *err)
{
	const char *path = instance->config->state_directory;
	enum error_code code;
	int directory;

	code = rootpath_make_directory("state_directory", path, account->uid,
	    account->gid, &directory, err);
	if (code == ERROR_NONE)
		code = check_state_directory(path, directory, account, err);
	if (code == ERROR_NONE)
		code = take_lock(instance, directory, err);
	fd_close(&directory);
	return code;
}

enum error_code
instance_open(struct instance *instance, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	enum error_code code;

	memset(instance, 0, sizeof *instance);
	instance->config = config;
	instance->lock = -1;
	code = open_state_directory(instance, account, err);
	if (code != ERROR_NONE)
		fd_close(&instance->lock);
	return code;
}

/* The lock is asked of its file: the directory may have been made anew. */
static bool
is_lock_of(const struct config *config, int lock)
{
	struct stat here, there;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/lock", config->state_directory);
	return fstat(lock, &here) == 0 && lstat(path, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

enum error_code
instance_adopt(struct instance *instance, const struct config *config,
    const struct priv_account *account, int lock, struct error *err)
{
	enum error_code code;

	/* Taken again: whoever has opened and closed the file in this process
	 * meanwhile has given up one of its two locks. */
	if (is_lock_of(config, lock) && lockfile_take(lock) == 0) {
		*instance = (struct instance){ .config = config, .lock = lock };
		return ERROR_NONE;
	}
	code = instance_open(instance, config, account, err);
	if (code == ERROR_NONE)
		fd_close(&lock);
	return code;
}

enum error_code
instance_check(const struct config *config, const struct priv_account *account,
    struct error *err)
{
	struct instance instance = { .config = config, .lock = -1 };
	const char *path = config->state_directory;
	enum error_code code;
	struct error nobody;
	int directory;
	pid_t holder;

	code = rootpath_make_directory("state_directory", path, account->uid,
	    account->gid, &directory, err);
	if (code == ERROR_NONE)
		code = check_state_directory(path, directory, account, err);
	if (code == ERROR_NONE)
		code = open_lock(&instance, directory, path, err);
	if (code == ERROR_NONE &&
	    lockfile_holder(instance.lock, &holder, &nobody) == ERROR_NONE &&
	    holder != getppid())
		code = error_set(err, ERROR_LIMIT,
		    "another instance runs with state_directory %s", path);
	fd_close(&instance.lock);
	fd_close(&directory);
	return code;
}

enum error_code
instance_write_pid(struct instance *instance, struct error *err)
{
	const char *path = instance->config->pid_file;
	enum error_code code;
	int fd;

	if (path[0] == '\0')
		return ERROR_NONE;
	code = rootpath_open_file("pid_file", path, &fd, err);
	if (code != ERROR_NONE)
		return code;
	instance->has_pid_file = true;
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		code = error_sys(err, errno, "pid_file: %s", path);
	close(fd);
	return code;
}

void
instance_close(struct instance *instance)
{
	if (instance->has_pid_file)
		unlink(instance->config->pid_file);
	fd_close(&instance->lock);
}
