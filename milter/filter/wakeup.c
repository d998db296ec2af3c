/* wakeup - makes libmilter start another worker thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

/* Where connections of this process only are accepted: the private socket.
 * Written before other threads start. */
static struct sockaddr_un private_address;
static socklen_t private_length;

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
	wakeup->private = -1;
	wakeup->length = sizeof wakeup->address;
	if (getsockname(fd, (struct sockaddr *)&wakeup->address,
		&wakeup->length) < 0)
		return error_sys(err, errno, "getsockname");
	reach_wildcard(&wakeup->address);
	return ERROR_NONE;
}

/* The kernel chooses the name, which is that of no file: so no disk is asked,
 * which might hang. */
enum error_code
wakeup_prepare(struct wakeup *wakeup, struct error *err)
{
	struct sockaddr_un *address = &wakeup->private_address;
	sa_family_t family = AF_UNIX;

	wakeup->private_length = sizeof *address;
	wakeup->private = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wakeup->private < 0 ||
	    bind(wakeup->private, (const struct sockaddr *)&family,
		sizeof family) < 0 ||
	    listen(wakeup->private, BACKLOG) < 0 ||
	    getsockname(wakeup->private, (struct sockaddr *)address,
		&wakeup->private_length) < 0)
		return error_sys(err, errno, "a socket for wake-ups");
	private_address = *address;
	private_length = wakeup->private_length;
	return ERROR_NONE;
}

static bool
is_own(int fd)
{
	socklen_t size = sizeof(struct ucred);
	struct ucred peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    peer.pid == getpid();
}

bool
wakeup_admits(int fd)
{
	struct sockaddr_storage own;
	socklen_t own_length = sizeof own;

	if (getsockname(fd, (struct sockaddr *)&own, &own_length) < 0 ||
	    own_length != private_length ||
	    memcmp(&own, &private_address, own_length) != 0)
		return true;
	return is_own(fd);
}

static void
connect_to(const struct sockaddr *address, socklen_t length)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	fd = socket(address->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (address->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	atomic_fetch_add(&on_their_way, 1);
	if (connect(fd, address, length) < 0)
		wakeup_take(); /* see wakeup.h */
	close(fd);
}

void
wakeup_connect(const struct wakeup *wakeup)
{
	if (!wakeup->is_private)
		connect_to((const struct sockaddr *)&wakeup->address,
		    wakeup->length);
	/* Also where it has become private in this moment. */
	if (wakeup->is_private)
		connect_to((const struct sockaddr *)&wakeup->private_address,
		    wakeup->private_length);
}

void
wakeup_go_private(struct wakeup *wakeup)
{
	/* libmilter may have closed its socket, for a signal that came to the
	 * filter, too. */
	if (wakeup->private < 0 || !wakeup_listens(wakeup->listener))
		return;
	dup3(wakeup->private, wakeup->listener, O_CLOEXEC);
	fd_close(&wakeup->private);
	wakeup->is_private = true;
	/* Those that waited to be accepted have gone with the old socket.  One
	 * more does for all of them: a callback that blocks next makes its
	 * own. */
	wakeup_connect(wakeup);
	/* libmilter may be waiting for the old socket, for up to 5 s, and sees
	 * nothing else meanwhile.  Whoever accepts there finds a connection
	 * that is closed. */
	connect_to((const struct sockaddr *)&wakeup->address, wakeup->length);
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

static bool
is_same(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 &&
	    one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Once it is shut down, libmilter's poll() returns, and accept4() doesn't block
 * where nothing waits.  Wake-ups that waited are on their way no more: else an
 * MTA's connection would be taken for one of them. */
static void
abandon(int listener)
{
	int fd;

	shutdown(listener, SHUT_RD);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (is_own(fd))
			wakeup_take();
		close(fd);
	}
}

enum error_code
wakeup_replace(struct wakeup *wakeup, int sock, struct error *err)
{
	int old;

	if (is_same(wakeup->listener, sock))
		return ERROR_NONE;
	old = fcntl(wakeup->listener, F_DUPFD_CLOEXEC, 0);
	if (old < 0)
		return error_sys(err, errno, "fcntl");
	if (dup3(sock, wakeup->listener, O_CLOEXEC) < 0) {
		fd_close(&old);
		return error_sys(err, errno, "dup3");
	}
	/* One does for all that go with the old socket, see
	 * wakeup_go_private().  It is there before poll() wakes up: that looks
	 * at the new socket then, and would sleep on at the old one. */
	wakeup_connect(wakeup);
	abandon(old);
	fd_close(&old);
	return ERROR_NONE;
}
