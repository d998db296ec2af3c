/* unixsock - where a service listens: a socket file that is its own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/unixsock.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/rootpath.h"

enum error_code
unixsock_make_directory(const char *what, const char *path, struct error *err)
{
	const char *directory;
	enum error_code code;
	char copy[PATH_MAX];
	int fd;

	if (geteuid() != 0)
		return ERROR_NONE;
	snprintf(copy, sizeof copy, "%s", path);
	directory = dirname(copy);
	code = rootpath_make_directory(what, directory, 0, 0, &fd, err);
	if (code == ERROR_NONE)
		code = rootpath_check_is_roots(what, directory, fd, err);
	fd_close(&fd);
	return code;
}

/* Returns 0 if a process listens there, else what connect(2) said. */
static int
try_connect(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, why = 0;

	if (strlen(path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		why = errno;
	fd_close(&fd);
	/* The backlog is full, so there is a process that listens. */
	return why == EAGAIN ? 0 : why;
}

enum error_code
unixsock_remove_stale(const char *path, int type, struct error *err)
{
	struct stat st;
	int why;

	if (lstat(path, &st) < 0)
		return ERROR_NONE;
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERROR_INPUT,
		    "%s exists and is not a socket", path);
	why = try_connect(path, type);
	if (why == 0)
		return error_set(err, ERROR_LIMIT,
		    "another process listens on %s", path);
	if (why != ECONNREFUSED)
		return error_sys(err, why, "%s", path);
	if (unlink(path) < 0)
		return error_sys(err, errno, "removing the stale socket %s",
		    path);
	return ERROR_NONE;
}
