/* wakeup - makes libmilter start another worker thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/wakeup.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* Descriptors are few when this is asked. */
#define LOOK_AT 1024

bool
wakeup_listens(int fd)
{
	socklen_t len = sizeof(int);
	int on = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* Nobody can connect to a wildcard address; loopback reaches it. */
static void
reach_wildcard(struct sockaddr_storage *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET &&
	    in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (address->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
}

/* libmilter keeps its socket to itself, so the kernel is asked: that covers
 * every way of naming it, a handed-over descriptor too. */
enum error_code
wakeup_init(struct wakeup *wakeup, struct error *err)
{
	int fd;

	for (fd = 3; fd < LOOK_AT && !wakeup_listens(fd); fd++)
		continue;
	if (fd == LOOK_AT)
		return error_set(err, ERROR_GONE,
		    "the milter socket is not open");
	memset(wakeup, 0, sizeof *wakeup);
	wakeup->length = sizeof wakeup->address;
	if (getsockname(fd, (struct sockaddr *)&wakeup->address,
		&wakeup->length) < 0)
		return error_sys(err, errno, "getsockname");
	reach_wildcard(&wakeup->address);
	return ERROR_NONE;
}

void
wakeup_connect(const struct wakeup *wakeup)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int family = wakeup->address.ss_family;
	int fd;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	if (connect(fd, (const struct sockaddr *)&wakeup->address,
		wakeup->length) < 0)
		errno = 0; /* see wakeup.h */
	close(fd);
}
