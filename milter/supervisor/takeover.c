/* takeover - how a restarted supervisor gets what the one before had
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "VSCAN_MILTER_TAKEOVER"

/* Version 1.  The socket stands last, since it may have blanks in it. */
#define FORMAT_1 \
	"1 lock=%d restarts=%u background=%d filter=%d,%d log=%d " \
	"engine=%d,%d engine=%d,%d listener=%d,%d,%llu,%llu socket="

/* All descriptors that are handed over. */
static void
set_inherited(const struct takeover *takeover, bool inherited)
{
	const struct former *former = &takeover->former;
	const int fds[] = { takeover->lock, takeover->listener.fd, former->sock,
		former->log, former->engines[0].sock, former->engines[1].sock };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

static bool
parse(const char *text, struct takeover *t)
{
	struct former *former = &t->former;
	unsigned long long device, inode;
	int background, lent, used = 0;

	if (sscanf(text, FORMAT_1 "%n", &t->lock, &t->restarts, &background,
		&former->filter, &former->sock, &former->log,
		&former->engines[0].pid, &former->engines[0].sock,
		&former->engines[1].pid, &former->engines[1].sock,
		&t->listener.fd, &lent, &device, &inode, &used) != 14 ||
	    used == 0)
		return false;
	t->in_background = background != 0;
	t->listener.handed_over = lent != 0;
	t->listener.device = (dev_t)device;
	t->listener.inode = (ino_t)inode;
	former->state = former->filter > 0 ? FORMER_ACCEPTING : FORMER_GONE;
	snprintf(t->socket, sizeof t->socket, "%s", text + used);
	return true;
}

bool
takeover_read(struct takeover *takeover)
{
	const char *text = getenv(VARIABLE);
	bool read;

	memset(takeover, 0, sizeof *takeover);
	former_init(&takeover->former);
	takeover->lock = takeover->listener.fd = -1;
	if (text == NULL)
		return false;
	read = parse(text, takeover);
	unsetenv(VARIABLE);
	set_inherited(takeover, false);
	return read;
}

void
takeover_run(const struct takeover *t, const char *program, char **arguments,
    struct error *err)
{
	const struct former *former = &t->former;
	char text[1024];

	snprintf(text, sizeof text, FORMAT_1 "%s", t->lock, t->restarts,
	    t->in_background, former->filter, former->sock, former->log,
	    former->engines[0].pid, former->engines[0].sock,
	    former->engines[1].pid, former->engines[1].sock, t->listener.fd,
	    t->listener.handed_over, (unsigned long long)t->listener.device,
	    (unsigned long long)t->listener.inode, t->socket);
	setenv(VARIABLE, text, 1);
	set_inherited(t, true);
	execv(program, arguments);
	(void)error_sys(err, errno, "running %s", program);
	set_inherited(t, false);
	unsetenv(VARIABLE);
}
