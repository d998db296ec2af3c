/* listener - opens the milter socket, with its mode and group
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/listener.h"

#include <errno.h>
#include <grp.h>
#include <libmilter/mfapi.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/config.h"

/* Connections that may wait for accept(2); libmilter's own 20 is little for
 * thousands of sessions. */
#define BACKLOG 1024

/* The path of a Unix socket, or NULL if it is another kind. */
static const char *
unix_path(const char *name)
{
	if (strncmp(name, "unix:", 5) == 0)
		return name + 5;
	if (strncmp(name, "local:", 6) == 0)
		return name + 6;
	return name[0] == '/' ? name : NULL;
}

/* 0 if somebody answers there, else why not. */
static int
try_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, why = 0;

	if (strlen(path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		why = errno;
	fd_close(&fd);
	return why;
}

static enum error_code
remove_stale(const char *path, struct error *err)
{
	struct stat st;
	int why;

	if (lstat(path, &st) < 0)
		return ERROR_NONE;
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERROR_INPUT,
		    "%s exists and is not a socket", path);
	why = try_connect(path);
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

/* The socket goes to the account and to socket_group. */
static enum error_code
give_away(const char *path, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	uid_t uid = geteuid() == 0 ? account->uid : (uid_t)-1;
	gid_t gid = geteuid() == 0 ? account->gid : (gid_t)-1;
	struct group *group;

	if (config->socket_group[0] != '\0') {
		group = getgrnam(config->socket_group);
		if (group == NULL)
			return error_set(err, ERROR_INPUT,
			    "there is no group \"%s\" (socket_group)",
			    config->socket_group);
		gid = group->gr_gid;
	}
	/* Not by chown(2) or chmod(2), which follow a link that somebody may
	 * have put there meanwhile; the umask has set the mode. */
	if (lchown(path, uid, gid) < 0)
		return error_sys(err, errno, "owner of %s", path);
	return ERROR_NONE;
}

enum error_code
listener_open(const struct config *config, const struct priv_account *account,
    struct error *err)
{
	const char *path = unix_path(config->socket);
	enum error_code code = ERROR_NONE;
	mode_t mask;
	int opened;

	if (path != NULL)
		code = remove_stale(path, err);
	if (code != ERROR_NONE)
		return code;
	mask = umask((mode_t)~config->socket_mode & 0777);
	opened = smfi_setconn(config->socket) == MI_SUCCESS &&
	    smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_opensocket(false) == MI_SUCCESS;
	umask(mask);
	if (!opened)
		return error_sys(err, errno, "opening the milter socket %s",
		    config->socket);
	return path != NULL ? give_away(path, config, account, err)
			    : ERROR_NONE;
}
