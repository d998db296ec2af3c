/* restart - a restart from the wish to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/restart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/lockfile.h"

/* Arguments of ours; there are a handful of options. */
#define ARGUMENTS_MAX 32

/* main.c knows it. */
#define CHECK_OPTION "--check-restart"

void
restart_init(struct restart *restart, const struct restart_program *program,
    int lock, unsigned count, bool entered)
{
	*restart = (struct restart){
		.state = entered ? RESTART_ENTERED : RESTART_NONE,
		.program = *program,
		.lock = lock,
		.count = count,
		.complaints = -1,
		.end_by = monotime_after(RESTART_MAX),
	};
}

void
restart_end(struct restart *restart, const char *why)
{
	struct lockfile_news news = { .well = why == NULL };

	restart->state = RESTART_NONE;
	news.restarts = ++restart->count;
	if (why == NULL) {
		log_msg(LOG_LEVEL_NOTICE, "restarted");
	} else {
		snprintf(news.text, sizeof news.text, "%s", why);
		log_msg(LOG_LEVEL_ERROR, "no restart: %s", why);
	}
	lockfile_write(restart->lock, &news);
}

void
restart_want(struct restart *restart)
{
	if (restart->state != RESTART_NONE)
		return;
	restart->state = RESTART_WANTED;
	restart->is_waiting = false;
	restart->end_by = monotime_after(RESTART_MAX);
}

/* In the child: never returns. */
static void
become_checker(const struct restart_program *program, int complaints)
{
	char option[] = CHECK_OPTION, *arguments[ARGUMENTS_MAX + 2];
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	int count = 0;

	while (count < ARGUMENTS_MAX && program->arguments[count] != NULL) {
		arguments[count] = program->arguments[count];
		count++;
	}
	arguments[count++] = option;
	arguments[count] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(complaints, STDERR_FILENO);
	execv(program->path, arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", program->path, strerror(errno));
	_exit(EX_OSERR);
}

static void
start_checker(struct restart *restart)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		restart_end(restart, strerror(errno));
		return;
	}
	restart->checker = fork();
	if (restart->checker == 0)
		become_checker(&restart->program, ends[1]);
	fd_close(&ends[1]);
	restart->complaints = ends[0];
	restart->state = RESTART_CHECKING;
	if (restart->checker > 0)
		return;
	restart->checker = 0;
	fd_close(&restart->complaints);
	restart_end(restart, strerror(errno));
}

/* A checker that hangs is killed, which ends the restart (restart_reaped()). */
static void
give_up(struct restart *restart)
{
	if (restart->state == RESTART_CHECKING)
		kill(restart->checker, SIGKILL);
	else if (restart->state == RESTART_WANTED)
		restart_end(restart,
		    "the last restart, or the start, has not ended yet");
	else if (restart->state == RESTART_ENTERED)
		restart_end(restart,
		    "the new filter and engine don't serve yet; the log may "
		    "say why");
}

void
restart_run(struct restart *restart, bool possible)
{
	if (monotime_now() >= restart->end_by)
		give_up(restart);
	if (restart->state != RESTART_WANTED)
		return;
	if (possible) {
		start_checker(restart);
		return;
	}
	if (!restart->is_waiting)
		log_msg(LOG_LEVEL_NOTICE,
		    "the restart waits: the filter doesn't listen yet, or the "
		    "one from before the last restart still has sessions");
	restart->is_waiting = true;
}

bool
restart_reaped(struct restart *restart, pid_t pid, int status)
{
	char text[200] = "";
	ssize_t len;

	if (restart->checker == 0 || pid != restart->checker)
		return false;
	restart->checker = 0;
	len = read(restart->complaints, text, sizeof text - 1);
	text[len > 0 ? len : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fd_close(&restart->complaints);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
		restart->state = RESTART_READY;
	else
		restart_end(restart,
		    text[0] != '\0' ? text : "the new program doesn't run");
	return true;
}
