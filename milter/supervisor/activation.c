/* activation - a milter socket that somebody else has opened
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/activation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

/* The first descriptor that systemd hands over. */
#define SYSTEMD_FIRST 3

/* True if systemd means us.  Who goes into the background has forked since. */
static bool
is_meant(const char *pid)
{
	return pid != NULL &&
	    (atol(pid) == (long)getpid() || atol(pid) == (long)getppid());
}

/* How many sockets systemd has handed over. */
static int
count_handed_over(void)
{
	const char *count = getenv("LISTEN_FDS");

	return is_meant(getenv("LISTEN_PID")) && count != NULL ? atoi(count)
							       : 0;
}

bool
activation_is_due(void)
{
	return count_handed_over() > 0;
}

static enum error_code
check(int fd, struct error *err)
{
	socklen_t type_size = sizeof(int), on_size = sizeof(int);
	int type = 0, on = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_size) < 0)
		return error_sys(err, errno,
		    "descriptor %d, which should be the milter socket", fd);
	if (type != SOCK_STREAM)
		return error_set(err, ERROR_INPUT,
		    "descriptor %d, which should be the milter socket, is a "
		    "socket for datagrams or packets (a socket unit needs "
		    "ListenStream=)",
		    fd);
	if (!on)
		return error_set(err, ERROR_INPUT,
		    "descriptor %d, which should be the milter socket, is a "
		    "socket that doesn't listen (a socket unit needs "
		    "Accept=no)",
		    fd);
	return ERROR_NONE;
}

enum error_code
activation_take(const char *setting, int *fd_r, struct error *err)
{
	int count = count_handed_over();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*fd_r = -1;
	if (sscanf(setting, "fd:%d", fd_r) != 1 && count > 0)
		*fd_r = SYSTEMD_FIRST;
	if (*fd_r < 0)
		return ERROR_NONE;
	if (count > 1)
		return error_set(err, ERROR_INPUT,
		    "systemd has handed over %d sockets; the milter listens on "
		    "one (a socket unit needs one ListenStream=)",
		    count);
	return check(*fd_r, err);
}

/* A Unix socket's path; "" for one that has none. */
static const char *
path_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_UNIX
	    ? ((const struct sockaddr_un *)address)->sun_path
	    : "";
}

static void
get_address(int fd, struct sockaddr_storage *address_r)
{
	socklen_t len = sizeof *address_r;

	memset(address_r, 0, sizeof *address_r);
	if (getsockname(fd, (struct sockaddr *)address_r, &len) < 0)
		memset(address_r, 0, sizeof *address_r);
}

char *
activation_address(int fd, char *out, size_t size)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
	char host[INET6_ADDRSTRLEN] = "?";

	get_address(fd, &address);
	if (address.ss_family == AF_UNIX) {
		snprintf(out, size, "unix:%s", path_of(&address));
	} else if (address.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		snprintf(out, size, "inet:%u@%s", ntohs(in->sin_port), host);
	} else if (address.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
		snprintf(out, size, "inet6:%u@%s", ntohs(in6->sin6_port), host);
	} else {
		snprintf(out, size, "descriptor %d", fd);
	}
	return out;
}

/* The filter connects to its own socket (wakeup.h in the filter's part). */
static bool
may_connect(const struct stat *st, const struct priv_account *account)
{
	return (st->st_mode & S_IWOTH) != 0 ||
	    (st->st_uid == account->uid && (st->st_mode & S_IWUSR) != 0) ||
	    (st->st_gid == account->gid && (st->st_mode & S_IWGRP) != 0);
}

void
activation_log(int fd, const char *setting, const struct priv_account *account)
{
	struct sockaddr_storage address;
	struct stat st;
	char text[256];

	activation_address(fd, text, sizeof text);
	if (strcmp(text, setting) != 0)
		log_msg(LOG_LEVEL_NOTICE,
		    "the milter socket was handed over: it is %s, in the place "
		    "of socket = \"%s\"",
		    text, setting);
	get_address(fd, &address);
	if (geteuid() == 0 && path_of(&address)[0] == '/' &&
	    stat(path_of(&address), &st) == 0 && !may_connect(&st, account))
		log_msg(LOG_LEVEL_WARNING,
		    "the account %s may not connect to the milter socket %s, "
		    "which was handed over: mails that need no scan may wait "
		    "for others that do; give it the socket (SocketUser=%s in "
		    "the socket unit)",
		    account->name, text, account->name);
}
