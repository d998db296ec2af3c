/* order - what a command tells the instance that runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/order.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "config/config.h"
#include "supervisor/lockfile.h"
#include "supervisor/restart.h"

/* Milliseconds between two looks at the lock file. */
#define LOOK 100

/* The instance says by itself what came of a restart; one that doesn't, hangs.
 * It may take the time of both halves (restart.h). */
#define RESTART_PATIENCE (2 * RESTART_MAX + 60 * MONOTIME_S)

/* An instance that runs. */
struct running {
	int lock;    /* its file */
	int process; /* a PID file descriptor, which stands for it alone */
	pid_t pid;
};

static int
complain(const char *what, int status)
{
	fprintf(stderr, "vscan-milter: %s\n", what);
	return status;
}

static int
open_lock(const struct config *config, struct running *running)
{
	char path[PATH_MAX], text[PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/lock", config->state_directory);
	running->lock = open(path,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (running->lock >= 0)
		return EX_OK;
	if (errno == ENOENT)
		return complain("no instance runs", EX_UNAVAILABLE);
	snprintf(text, sizeof text, "%s: %s", path, strerror(errno));
	return complain(text, errno == EACCES ? EX_NOPERM : EX_OSERR);
}

/* The lock is asked again once the process is held on to: the number may have
 * been another's before. */
static int
find_process(struct running *running)
{
	enum error_code code;
	struct error err;
	pid_t again;

	code = lockfile_holder(running->lock, &running->pid, &err);
	if (code != ERROR_NONE)
		return complain(err.text, EX_UNAVAILABLE);
	running->process = pidfd_open(running->pid, 0);
	if (running->process < 0 && errno != ESRCH)
		return complain(strerror(errno), EX_OSERR);
	if (running->process < 0 ||
	    lockfile_holder(running->lock, &again, &err) != ERROR_NONE ||
	    again != running->pid)
		return complain("the instance has just ended", EX_UNAVAILABLE);
	return EX_OK;
}

static int
tell(const struct config *config, int signo, struct running *running)
{
	int status;

	running->lock = running->process = -1;
	status = open_lock(config, running);
	if (status == EX_OK)
		status = find_process(running);
	if (status != EX_OK || signo == 0)
		return status;
	if (pidfd_send_signal(running->process, signo, NULL, 0) == 0)
		return EX_OK;
	return complain(strerror(errno), errno == EPERM ? EX_NOPERM : EX_OSERR);
}

static void
leave(struct running *running)
{
	fd_close(&running->process);
	fd_close(&running->lock);
}

/* True once it has ended; waits for that, but not for longer than ms, -1: for
 * ever. */
static bool
has_ended(const struct running *running, int ms)
{
	struct pollfd fd = { .fd = running->process, .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

int
order_reload(const struct config *config)
{
	struct running running;
	int status = tell(config, SIGHUP, &running);

	if (status == EX_OK)
		printf("process %ld reloads; its log says what has changed\n",
		    (long)running.pid);
	leave(&running);
	return status;
}

int
order_stop(const struct config *config)
{
	struct running running;
	int status = tell(config, SIGTERM, &running);

	while (status == EX_OK && !has_ended(&running, -1))
		continue;
	if (status == EX_OK)
		printf("process %ld has ended\n", (long)running.pid);
	leave(&running);
	return status;
}

static int
await_restart(const struct running *running, unsigned before)
{
	int64_t until = monotime_after(RESTART_PATIENCE);
	struct lockfile_news news;

	while (monotime_now() < until) {
		if (has_ended(running, LOOK))
			return complain("the instance has ended; the log says "
					"why",
			    EX_SOFTWARE);
		if (!lockfile_read(running->lock, &news) ||
		    news.restarts == before)
			continue;
		if (!news.well)
			return complain(news.text, EX_SOFTWARE);
		printf("process %ld has restarted\n", (long)running->pid);
		return EX_OK;
	}
	return complain("the instance doesn't say whether it has restarted",
	    EX_SOFTWARE);
}

int
order_restart(const struct config *config)
{
	struct lockfile_news before;
	struct running running;
	int status = tell(config, 0, &running);

	if (status == EX_OK) {
		if (!lockfile_read(running.lock, &before))
			before.restarts = 0;
		leave(&running);
		status = tell(config, SIGUSR2, &running);
	}
	if (status == EX_OK)
		status = await_restart(&running, before.restarts);
	leave(&running);
	return status;
}
