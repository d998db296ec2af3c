/* listener - the milter socket, which the supervisor opens and keeps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/unixsock.h"
#include "config/config.h"
#include "config/socket_group.h"
#include "supervisor/activation.h"

/* Connections that may wait for the filter to accept them. */
#define BACKLOG 1024

/* The path of a Unix socket, or NULL if it is another kind. */
static const char *
unix_path_of(const char *name)
{
	return strncmp(name, "unix:", 5) == 0 ? name + 5 : NULL;
}

static const char *
unix_path(const struct config *config)
{
	return unix_path_of(config->socket);
}

/* Filters share the socket while one takes over from another, so accept(2)
 * must not wait for a connection that the other has taken. */
static enum error_code
adopt(struct listener *listener, int fd, struct error *err)
{
	listener->handed_over = true;
	listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (listener->fd < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return error_sys(err, errno, "taking the milter socket over");
	close(fd);
	return ERROR_NONE;
}

/* The socket file goes to the account and to socket_group.  Not by chown(2) or
 * chmod(2), which would follow a link that somebody may have put in its place;
 * the umask has set the mode. */
static enum error_code
give_away(const struct listener *listener, const char *path, struct error *err)
{
	const char *name = listener->config->socket_group;
	uid_t uid = geteuid() == 0 ? listener->account.uid : (uid_t)-1;
	gid_t gid = geteuid() == 0 ? listener->account.gid : (gid_t)-1;
	gid_t group;

	if (!socket_group_find(name, &group))
		return error_set(err, ERROR_INPUT,
		    "there is no group \"%s\" (socket_group)", name);
	if (group != SOCKET_GROUP_NONE)
		gid = group;
	if (lchown(path, uid, gid) < 0 &&
	    !(errno == EPERM && geteuid() != 0 && socket_group_is_auto(name)))
		return error_sys(err, errno, "owner of %s", path);
	return ERROR_NONE;
}

static enum error_code
remember_file(struct listener *listener, const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_sys(err, errno, "%s", path);
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	return ERROR_NONE;
}

static enum error_code
start_listening(int fd, const struct sockaddr *address, socklen_t len,
    const char *name, struct error *err)
{
	if (fd < 0 || bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0)
		return error_sys(err, errno, "opening the milter socket %s",
		    name);
	return ERROR_NONE;
}

static enum error_code
open_unix(struct listener *listener, const char *path, struct error *err)
{
	const struct config *config = listener->config;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	enum error_code code;
	mode_t mask;

	code = unixsock_make_directory("socket", path, err);
	if (code == ERROR_NONE)
		code = unixsock_remove_stale(path, SOCK_STREAM, err);
	if (code != ERROR_NONE)
		return code;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	listener->fd = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask((mode_t)~config->socket_mode & 0777);
	code = start_listening(listener->fd, (struct sockaddr *)&address,
	    sizeof address, config->socket, err);
	umask(mask);
	if (code == ERROR_NONE)
		code = remember_file(listener, path, err);
	if (code == ERROR_NONE)
		code = give_away(listener, path, err);
	return code;
}

/* "inet:PORT@HOST" or "inet6:PORT@HOST", as config/value.c has checked. */
static enum error_code
resolve(const char *name, struct addrinfo **found_r, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE };
	const char *host = strchr(name, '@'), *port = strchr(name, ':') + 1;
	char text[8];
	int failed;

	hints.ai_family = strncmp(name, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	snprintf(text, sizeof text, "%.*s", (int)(host - port), port);
	failed = getaddrinfo(host + 1, text, &hints, found_r);
	if (failed)
		return error_set(err, ERROR_INPUT, "socket = \"%s\": %s", name,
		    gai_strerror(failed));
	return ERROR_NONE;
}

/* What is accepted inherits TCP_NODELAY: a milter's short replies must not
 * wait for the MTA's acknowledgement of the one before. */
static enum error_code
open_inet(struct listener *listener, struct error *err)
{
	const char *name = listener->config->socket;
	struct addrinfo *found;
	enum error_code code;
	int on = 1;

	code = resolve(name, &found, err);
	if (code != ERROR_NONE)
		return code;
	listener->fd = socket(found->ai_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	code = start_listening(listener->fd, found->ai_addr, found->ai_addrlen,
	    name, err);
	freeaddrinfo(found);
	return code;
}

enum error_code
listener_open(struct listener *listener, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	const char *path = unix_path(config);
	enum error_code code;
	int fd;

	memset(listener, 0, sizeof *listener);
	listener->config = config;
	listener->account = *account;
	listener->fd = -1;
	snprintf(listener->name, sizeof listener->name, "%s", config->socket);
	code = activation_take(config->socket, &fd, err);
	if (code != ERROR_NONE)
		return code;
	if (fd >= 0)
		code = adopt(listener, fd, err);
	else if (path != NULL)
		code = open_unix(listener, path, err);
	else
		code = open_inet(listener, err);
	if (code != ERROR_NONE)
		listener_close(listener);
	return code;
}

static bool
is_file(const struct listener *listener, const char *path)
{
	struct stat st;

	return path != NULL && lstat(path, &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode;
}

void
listener_adopt(struct listener *listener, const struct listener *before,
    const char *name, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	struct listener old = *before;
	bool same = strcmp(config->socket, name) == 0 || old.handed_over;

	if (!same &&
	    listener_open(listener, config, account, err) == ERROR_NONE) {
		if (old.inode != 0 && is_file(&old, unix_path_of(name)))
			unlink(unix_path_of(name));
		fd_close(&old.fd);
		return;
	}
	if (!same)
		log_error(LOG_LEVEL_ERROR,
		    "the milter socket stays as it was before the restart",
		    err);
	*listener = old;
	snprintf(listener->name, sizeof listener->name, "%s", name);
	listener->config = config;
	listener->account = *account;
}

bool
listener_stands(const struct listener *listener)
{
	return listener->inode == 0 ||
	    is_file(listener, unix_path_of(listener->name));
}

/* True if /etc/group has been changed since the last call. */
static bool
groups_have_changed(struct listener *listener)
{
	struct timespec before = listener->groups;
	struct stat st;

	if (stat("/etc/group", &st) < 0)
		return false;
	listener->groups = st.st_mtim;
	return before.tv_sec != st.st_mtim.tv_sec ||
	    before.tv_nsec != st.st_mtim.tv_nsec;
}

void
listener_regroup(struct listener *listener)
{
	const char *name = listener->config->socket_group;
	const char *path = unix_path_of(listener->name);
	struct stat st;
	gid_t group;

	if (listener->inode == 0 || geteuid() != 0 ||
	    !socket_group_is_auto(name) || !groups_have_changed(listener))
		return;
	if (!socket_group_find(name, &group) || group == SOCKET_GROUP_NONE ||
	    !is_file(listener, path) || lstat(path, &st) < 0 ||
	    st.st_gid == group)
		return;
	if (lchown(path, (uid_t)-1, group) == 0)
		log_msg(LOG_LEVEL_NOTICE,
		    "the milter socket %s now belongs to the group postfix, "
		    "which this machine did not have before",
		    path);
}

enum error_code
listener_renew(struct listener *listener, struct error *err)
{
	struct listener renewed;
	enum error_code code;

	code = listener_open(&renewed, listener->config, &listener->account,
	    err);
	if (code != ERROR_NONE)
		return code;
	fd_close(&listener->fd);
	*listener = renewed;
	return ERROR_NONE;
}

void
listener_close(struct listener *listener)
{
	if (listener->fd < 0)
		return;
	if (listener->inode != 0 && listener_stands(listener))
		unlink(unix_path_of(listener->name));
	fd_close(&listener->fd);
}
