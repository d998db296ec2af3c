/* notify - tells a service manager how the service does
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"

#define SOCKET_VARIABLE "NOTIFY_SOCKET"
#define WATCHDOG_VARIABLE "WATCHDOG_USEC"
#define WATCHDOG_PID_VARIABLE "WATCHDOG_PID"

/* A week: more is no watchdog, and could not be counted in nanoseconds. */
#define WATCHDOG_MAX_US (INT64_C(7) * 86400 * 1000000)

/* In ns; 0 if the manager has set none, or has set it for another process. */
static int64_t
watchdog_from_environment(void)
{
	const char *text = getenv(WATCHDOG_VARIABLE);
	const char *pid = getenv(WATCHDOG_PID_VARIABLE);
	char *end;
	long long us;

	if (text == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return 0;
	errno = 0;
	us = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || us <= 0 || us > WATCHDOG_MAX_US)
		return 0;
	return us * 1000;
}

void
notify_open(struct notify *notify)
{
	const char *name = getenv(SOCKET_VARIABLE);

	memset(notify, 0, sizeof *notify);
	notify->sock = -1;
	if (name != NULL && (name[0] == '/' || name[0] == '@') &&
	    strlen(name) < NOTIFY_NAME_SIZE) {
		strcpy(notify->name, name);
		notify->watchdog = watchdog_from_environment();
		notify->sock = socket(AF_UNIX,
		    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	notify_take_back();
}

void
notify_close(struct notify *notify)
{
	fd_close(&notify->sock);
}

/* A name that begins with '@' is one of the abstract namespace. */
static socklen_t
address_of(const struct notify *notify, struct sockaddr_un *address_r)
{
	size_t len = strlen(notify->name);

	memset(address_r, 0, sizeof *address_r);
	address_r->sun_family = AF_UNIX;
	memcpy(address_r->sun_path, notify->name, len);
	if (notify->name[0] == '@')
		address_r->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool
notify_send(const struct notify *notify, const char *fmt, ...)
{
	struct sockaddr_un address;
	socklen_t address_len;
	char text[1024];
	va_list ap;
	int len;

	if (notify->sock < 0)
		return true;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof text)
		return false;
	address_len = address_of(notify, &address);
	return sendto(notify->sock, text, (size_t)len, MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, address_len) == len;
}

void
notify_lend(const struct notify *notify)
{
	char number[32];

	if (notify->name[0] == '\0')
		return;
	setenv(SOCKET_VARIABLE, notify->name, 1);
	if (notify->watchdog == 0)
		return;
	snprintf(number, sizeof number, "%lld",
	    (long long)(notify->watchdog / 1000));
	setenv(WATCHDOG_VARIABLE, number, 1);
	snprintf(number, sizeof number, "%ld", (long)getpid());
	setenv(WATCHDOG_PID_VARIABLE, number, 1);
}

void
notify_take_back(void)
{
	unsetenv(SOCKET_VARIABLE);
	unsetenv(WATCHDOG_VARIABLE);
	unsetenv(WATCHDOG_PID_VARIABLE);
}
