/* wakeup - makes libmilter start another worker thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

/* Descriptors are few when this is asked. */
#define LOOK_AT 1024

/* Wake-up connections are closed at once: few wait. */
#define BACKLOG 64

/* Wake-up connections that were made and not accepted yet. */
static atomic_uint on_their_way;

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
	wakeup->listener = fd;
	wakeup->private = wakeup->reachable = -1;
	wakeup->length = sizeof wakeup->address;
	if (getsockname(fd, (struct sockaddr *)&wakeup->address,
		&wakeup->length) < 0)
		return error_sys(err, errno, "getsockname");
	reach_wildcard(&wakeup->address);
	return ERROR_NONE;
}

/* Under a name that is removed again: a socket without a file would be open to
 * everybody on the machine. */
static enum error_code
bind_nameless(struct wakeup *wakeup, int directory, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	enum error_code code = ERROR_NONE;
	char name[32];
	mode_t mask;

	snprintf(name, sizeof name, ".wakeup-%ld", (long)getpid());
	snprintf(address.sun_path, sizeof address.sun_path,
	    "/proc/self/fd/%d/%s", directory, name);
	unlinkat(directory, name, 0);
	mask = umask(0177);
	if (bind(wakeup->private, (const struct sockaddr *)&address,
		sizeof address) < 0)
		code = error_sys(err, errno, "a socket for wake-ups");
	umask(mask);
	if (code != ERROR_NONE)
		return code;
	wakeup->reachable = openat(directory, name,
	    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	unlinkat(directory, name, 0);
	if (wakeup->reachable < 0 || listen(wakeup->private, BACKLOG) < 0)
		return error_sys(err, errno, "a socket for wake-ups");
	return ERROR_NONE;
}

enum error_code
wakeup_prepare(struct wakeup *wakeup, const char *directory, struct error *err)
{
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum error_code code;

	if (fd < 0)
		return error_sys(err, errno, "%s", directory);
	wakeup->private = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wakeup->private < 0)
		code = error_sys(err, errno, "a socket for wake-ups");
	else
		code = bind_nameless(wakeup, fd, err);
	fd_close(&fd);
	return code;
}

void
wakeup_go_private(struct wakeup *wakeup)
{
	if (wakeup->private < 0)
		return;
	dup3(wakeup->private, wakeup->listener, O_CLOEXEC);
	fd_close(&wakeup->private);
	wakeup->is_private = true;
}

static void
connect_private(const struct wakeup *wakeup)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d",
	    wakeup->reachable);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	atomic_fetch_add(&on_their_way, 1);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		wakeup_take(); /* see wakeup.h */
	fd_close(&fd);
}

void
wakeup_connect(const struct wakeup *wakeup)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int family = wakeup->address.ss_family;
	int fd;

	if (wakeup->is_private) {
		connect_private(wakeup);
		return;
	}

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	atomic_fetch_add(&on_their_way, 1);
	if (connect(fd, (const struct sockaddr *)&wakeup->address,
		wakeup->length) < 0)
		wakeup_take(); /* see wakeup.h */
	close(fd);
}

bool
wakeup_take(void)
{
	unsigned count = atomic_load(&on_their_way);

	while (count > 0)
		if (atomic_compare_exchange_weak(&on_their_way, &count,
			count - 1))
			return true;
	return false;
}
