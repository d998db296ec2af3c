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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/config.h"

/* Makes one directory and gives it to the owner, as root only; elsewhere it
 * has to be there. */
static enum error_code
make_directory(const char *path, uid_t uid, gid_t gid, struct error *err)
{
	if (geteuid() != 0)
		return ERROR_NONE;
	if (mkdir(path, 0755) < 0) {
		if (errno == EEXIST)
			return ERROR_NONE;
		return error_sys(err, errno, "making the directory %s", path);
	}
	if (chown(path, uid, gid) < 0)
		return error_sys(err, errno, "giving %s to its owner", path);
	return ERROR_NONE;
}

/* The service writes here, and so must nobody else. */
static enum error_code
check_state_directory(const char *path, const struct priv_account *account,
    struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, errno, "state_directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INPUT,
		    "state_directory %s is not a directory", path);
	if (st.st_uid != account->uid || (st.st_mode & 022) != 0)
		return error_set(err, ERROR_INPUT,
		    "state_directory %s must belong to %s and be writable by "
		    "no one else",
		    path, account->name);
	return ERROR_NONE;
}

static enum error_code
take_lock(struct instance *instance, struct error *err)
{
	const char *directory = instance->config->state_directory;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/lock", directory);
	instance->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (instance->lock < 0)
		return error_sys(err, errno, "%s", path);
	if (flock(instance->lock, LOCK_EX | LOCK_NB) == 0)
		return ERROR_NONE;
	if (errno == EWOULDBLOCK)
		return error_set(err, ERROR_LIMIT,
		    "another instance runs "
		    "with state_directory %s",
		    directory);
	return error_sys(err, errno, "locking %s", path);
}

enum error_code
instance_open(struct instance *instance, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	enum error_code code;

	memset(instance, 0, sizeof *instance);
	instance->config = config;
	instance->lock = -1;
	code = make_directory(config->state_directory, account->uid,
	    account->gid, err);
	if (code == ERROR_NONE)
		code = check_state_directory(config->state_directory, account,
		    err);
	if (code == ERROR_NONE)
		code = take_lock(instance, err);
	if (code != ERROR_NONE)
		fd_close(&instance->lock);
	return code;
}

enum error_code
instance_write_pid(struct instance *instance, struct error *err)
{
	const char *path = instance->config->pid_file;
	enum error_code code = ERROR_NONE;
	int fd;

	if (path[0] == '\0')
		return ERROR_NONE;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0644);
	if (fd < 0)
		return error_sys(err, errno, "pid_file %s", path);
	instance->has_pid_file = true;
	if (dprintf(fd, "%ld\n", (long)getpid()) < 0)
		code = error_sys(err, errno, "pid_file %s", path);
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
