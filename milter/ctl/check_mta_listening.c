/* check_mta_listening - whether anybody listens where an MTA connects
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "check_mta_internal.h"

#define PATIENCE_MS 1000

/* True if the kernel says that nobody listens there, or that nobody could.
 * False where that isn't known. */
static bool
is_refused(const struct sockaddr *address, socklen_t len)
{
	struct pollfd poll_fd = { .events = POLLOUT };
	socklen_t size = sizeof errno;
	int result;

	poll_fd.fd = socket(address->sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	result = poll_fd.fd < 0 || connect(poll_fd.fd, address, len) < 0 ? errno
									 : 0;
	if (result == EINPROGRESS && poll(&poll_fd, 1, PATIENCE_MS) == 1)
		getsockopt(poll_fd.fd, SOL_SOCKET, SO_ERROR, &result, &size);
	fd_close(&poll_fd.fd);
	return result == ECONNREFUSED || result == EAFNOSUPPORT ||
	    result == EADDRNOTAVAIL || result == ENETUNREACH;
}

bool
check_mta_path_listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat file;

	if (stat(path, &file) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	if (!S_ISSOCK(file.st_mode))
		return false;
	if (strlen(path) >= sizeof address.sun_path)
		return true;
	strcpy(address.sun_path, path);
	return !is_refused((struct sockaddr *)&address, sizeof address);
}

/* Tries both loopback addresses, since a milter may listen on one of them only.
 */
bool
check_mta_port_listens(const char *port)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM };
	bool listens = false;

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		struct addrinfo *found;

		if (getaddrinfo(hosts[i], port, &hints, &found) != 0)
			continue;
		listens |= !is_refused(found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	return listens;
}
