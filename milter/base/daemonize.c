/* daemonize - into the background, once the service answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"

/* What the parent does until it ends. */
static void
wait_for(pid_t child, int ready)
{
	int status = 0;
	char byte;

	if (read(ready, &byte, 1) == 1)
		_exit(EX_OK);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EX_OSERR);
}

enum error_code
daemonize(int *ready_r, struct error *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return error_sys(err, errno, "going into the background");
	}
	if (pid > 0) {
		fd_close(&ends[1]);
		wait_for(pid, ends[0]);
	}
	fd_close(&ends[0]);
	setsid();
	*ready_r = ends[1];
	return ERROR_NONE;
}

void
daemonize_ready(int *ready)
{
	int null;

	if (*ready < 0)
		return;
	if (write(*ready, "r", 1) != 1)
		errno = 0; /* the parent was killed, and nobody waits */
	fd_close(ready);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	fd_close(&null);
}
