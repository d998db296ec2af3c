/* command - runs one of the MTA's programs, within bounds
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"

#define NOT_STARTED 127
#define KILL_MS 5000

/* Programs of packages are found first, since more accounts than root may be
 * allowed to write to /usr/local. */
static char path_variable[] =
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";
static char zone_variable[] = "TZ=UTC";
static char locale_variable[] = "LC_ALL=C";
static char *environment[] = { path_variable, zone_variable, locale_variable,
	NULL };

/* One output of the program. */
struct stream {
	int fd;
	struct lines lines;
};

struct child {
	pid_t pid;
	int pidfd;
	struct stream output;
	struct stream complaint;
};

static void __attribute__((noreturn))
become(const struct command *command, int output, int complaint)
{
	sigset_t none;
	struct error err;
	int null;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (chdir("/") == 0 &&
	    fd_move_to(null, STDIN_FILENO, &err) == ERROR_NONE &&
	    fd_move_to(output, STDOUT_FILENO, &err) == ERROR_NONE &&
	    fd_move_to(complaint, STDERR_FILENO, &err) == ERROR_NONE) {
		fd_close_from(STDERR_FILENO + 1);
		environ = environment;
		execvp(command->argv[0],
		    (char *const *)(uintptr_t)command->argv);
		dprintf(STDERR_FILENO, "%s: %s\n", command->argv[0],
		    strerror(errno));
	}
	_exit(NOT_STARTED);
}

static enum error_code
open_pipe(struct stream *stream, int *theirs_r, struct error *err)
{
	int ends[2];

	*theirs_r = -1;
	/* Above 2, for become() to move it where it belongs. */
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	stream->fd = ends[0];
	*theirs_r = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(ends[1]);
	if (*theirs_r < 0 || fcntl(stream->fd, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "pipe");
	return ERROR_NONE;
}

static enum error_code
fork_child(const struct command *command, int output, int complaint,
    struct child *child, struct error *err)
{
	child->pid = fork();
	if (child->pid == 0)
		become(command, output, complaint);
	if (child->pid < 0)
		return error_sys(err, errno, "fork");
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0)
		return error_sys(err, errno, "pidfd_open");
	return ERROR_NONE;
}

static enum error_code
start(const struct command *command, struct child *child, struct error *err)
{
	enum error_code code;
	int output = -1, complaint = -1;

	lines_init(&child->output.lines, command->output, command->context);
	lines_init(&child->complaint.lines, command->complaint,
	    command->context);
	code = open_pipe(&child->output, &output, err);
	if (code == ERROR_NONE)
		code = open_pipe(&child->complaint, &complaint, err);
	if (code == ERROR_NONE)
		code = fork_child(command, output, complaint, child, err);
	fd_close(&output);
	fd_close(&complaint);
	return code;
}

/* Reads once.  False if nothing is there now; at the end of file it is closed,
 * too. */
static bool
read_stream(struct stream *stream)
{
	char room[65536];
	ssize_t n;

	if (stream->fd < 0)
		return false;
	n = read(stream->fd, room, sizeof room);
	if (n > 0) {
		lines_feed(&stream->lines, room, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		fd_close(&stream->fd);
	return false;
}

static bool
has_enough(const struct command *command)
{
	return command->enough != NULL && *command->enough;
}

/* The program may have started another one that keeps the pipes open.  So this
 * waits for the end of the program itself, and then takes what is in the pipes
 * by then. */
static enum error_code
attend(struct child *child, const struct command *command, int64_t until,
    struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = child->pidfd, .events = POLLIN },
		{ .fd = child->output.fd, .events = POLLIN },
		{ .fd = child->complaint.fd, .events = POLLIN },
	};

	while (fds[0].revents == 0) {
		if (monotime_now() >= until)
			return error_set(err, ERROR_TIMEOUT,
			    "it took too long and was killed");
		fds[1].fd = child->output.fd;
		fds[2].fd = child->complaint.fd;
		if (poll(fds, 3, monotime_poll_ms(until)) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		read_stream(&child->output);
		read_stream(&child->complaint);
		if (has_enough(command))
			return ERROR_NONE;
	}
	while (monotime_now() < until &&
	    (read_stream(&child->output) || read_stream(&child->complaint)))
		continue;
	return ERROR_NONE;
}

static enum error_code
reap(struct child *child, bool kill_it, int *status_r, struct error *err)
{
	struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };

	if (kill_it) {
		kill(child->pid, SIGKILL);
		kill(-child->pid, SIGKILL);
		/* If it hangs on a disk, it ends when the disk is back. */
		if (child->pidfd >= 0 && poll(&ended, 1, KILL_MS) == 0)
			return error_set(err, ERROR_TIMEOUT,
			    "it does not end though killed");
	}
	while (waitpid(child->pid, status_r, 0) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "waitpid");
	return ERROR_NONE;
}

enum error_code
command_run(const struct command *command, int *status_r, struct error *err)
{
	struct child child = { .pid = -1,
		.pidfd = -1,
		.output.fd = -1,
		.complaint.fd = -1 };
	enum error_code code, reaped = ERROR_NONE;
	struct error why;

	*status_r = -1;
	/* Earlier programs that had not ended in time may have by now. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	code = start(command, &child, &why);
	if (code == ERROR_NONE)
		code = attend(&child, command, monotime_after(command->limit),
		    &why);
	if (child.pid > 0)
		reaped = reap(&child, code != ERROR_NONE || has_enough(command),
		    status_r, err);
	lines_finish(&child.output.lines);
	lines_finish(&child.complaint.lines);
	fd_close(&child.output.fd);
	fd_close(&child.complaint.fd);
	fd_close(&child.pidfd);
	if (code != ERROR_NONE)
		return error_set(err, code, "%s: %s", command->argv[0],
		    why.text);
	return reaped;
}
