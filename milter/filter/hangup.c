/* hangup - ends the MTA's sessions, and leaves no command without its reply
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/hangup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"

/* Between two looks at the descriptors. */
#define PAUSE_US 2000

/* hangup_all() ends when there has been no session for this time.  Until then
 * libmilter may still accept peers that had connected before; the kernel
 * doesn't say how many of them wait. */
#define QUIET (100 * MONOTIME_MS)

struct hangup {
	int list; /* hangup_open()'s */
	const struct wakeup *wakeup;
	bool shared;
	bool count_only;
	unsigned open; /* sessions at the last look */
};

static in_port_t
port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_port;
	return ((const struct sockaddr_in6 *)address)->sin6_port;
}

/* Whether a descriptor is an accepted connection or the listening socket.  An
 * accepted one has the address that the client connected to.  If the milter
 * listens on a wildcard address, this may be any of the machine's; then the
 * port tells, since no other socket of this process has it. */
static bool
is_ours(const struct wakeup *wakeup, int fd)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof own;

	memset(&own, 0, sizeof own);
	if (getsockname(fd, (struct sockaddr *)&own, &len) < 0 ||
	    own.ss_family != wakeup->address.ss_family)
		return false;
	if (own.ss_family == AF_UNIX)
		return len == wakeup->length &&
		    memcmp(&own, &wakeup->address, len) == 0;
	return (own.ss_family == AF_INET || own.ss_family == AF_INET6) &&
	    port_of(&own) == port_of(&wakeup->address);
}

/* A listening socket that nobody knows, and that has nothing to accept. */
static int
make_decoy(void)
{
	struct sockaddr address = { .sa_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    (bind(fd, &address, sizeof address.sa_family) < 0 ||
		listen(fd, 1) < 0))
		fd_close(&fd);
	return fd;
}

/* A Unix socket of our own refuses from now on, and libmilter accepts the rest;
 * it bears EAGAIN in silence, where it would log and sleep over EINVAL.  In
 * any other case libmilter is left with a decoy. */
static void
stop_listening(const struct hangup *hangup, int fd)
{
	int decoy;

	if (hangup->wakeup->address.ss_family == AF_UNIX && !hangup->shared) {
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		shutdown(fd, SHUT_RD);
		return;
	}
	decoy = make_decoy();
	if (decoy >= 0)
		dup3(decoy, fd, O_CLOEXEC);
	fd_close(&decoy);
}

/* By a copy of the descriptor, since libmilter may close it at any time, and
 * another file be opened in its place. */
static void
look_at(struct hangup *hangup, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return;
	if (is_ours(hangup->wakeup, copy)) {
		if (!wakeup_listens(copy)) {
			if (!hangup->count_only)
				shutdown(copy, SHUT_RD);
			hangup->open++;
		} else if (!hangup->count_only) {
			stop_listening(hangup, fd);
		}
	}
	fd_close(&copy);
}

static void
look_at_all(struct hangup *hangup)
{
	int copy = fcntl(hangup->list, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	hangup->open = 0;
	if (dir == NULL) {
		fd_close(&copy);
		return;
	}
	rewinddir(dir); /* the copy goes on where it was */
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (fd > STDERR_FILENO && fd != dirfd(dir))
			look_at(hangup, fd);
	}
	closedir(dir);
}

int
hangup_open(void)
{
	return open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

unsigned
hangup_count(int list, const struct wakeup *wakeup)
{
	struct hangup hangup = {
		.list = list,
		.wakeup = wakeup,
		.count_only = true,
	};

	look_at_all(&hangup);
	return hangup.open;
}

unsigned
hangup_all(int list, const struct wakeup *wakeup, bool shared, int64_t until)
{
	struct hangup hangup = {
		.list = list,
		.wakeup = wakeup,
		.shared = shared,
	};
	int64_t now, quiet_since = 0;

	do {
		if (quiet_since != 0)
			usleep(PAUSE_US);
		look_at_all(&hangup);
		now = monotime_now();
		if (hangup.open > 0 || quiet_since == 0)
			quiet_since = now;
	} while (now - quiet_since < QUIET && now < until);
	return hangup.open;
}
