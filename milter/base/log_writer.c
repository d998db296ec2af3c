/* log_writer - the process that writes the log of a service
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/fd.h"
#include "base/monotime.h"
#include "base/priv.h"
#include "base/process.h"
#include "base/seqpacket.h"
#include "log_line.h"
#include "log_process.h"
#include "log_sink.h"

/* Of each process's socket, so that a burst finds room while the writer waits
 * for its turn on the processor; the kernel gives less where it must. */
#define SOCKET_BUFFER (4 * 1024 * 1024)
/* Above all descriptors that a process has before it serves anybody. */
#define DESCRIPTORS 1024
/* A writer that lived less than this is not started again at once. */
#define YOUNG MONOTIME_S
#define STOP_MS 2000

static enum error_code
open_source(int *reading_r, int *sending_r, struct error *err)
{
	int pair[2], size = SOCKET_BUFFER, on = 1;
	enum error_code code;

	*reading_r = *sending_r = -1;
	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
		code = error_sys(err, errno, "a socket for the log");
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		return code;
	}
	if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size,
		sizeof size) < 0)
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	*reading_r = pair[0];
	*sending_r = pair[1];
	return ERROR_NONE;
}

static bool
is_kept(const struct log_writer *writer, int fd)
{
	if (fd == writer->file)
		return true;
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		if (fd == writer->sources[i])
			return true;
	return false;
}

/* In the writer: only what it needs stays open; a terminal stays with whoever
 * started us only if the log goes there. */
static void
keep_descriptors(const struct log_writer *writer)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (writer->options.target != LOG_TARGET_STDERR)
		dup2(null, STDERR_FILENO);
	for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
		if (!is_kept(writer, fd))
			close(fd);
	fd_close_from(DESCRIPTORS);
}

/* In the writer: it never needs more than to open its file and the syslog
 * daemon's socket, as whom it is. */
static void
give_up(const struct log_writer *writer)
{
	struct error err;

	process_keep_timezone();
	if (geteuid() == 0 && priv_drop_capabilities(&err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the process that writes the log has not given up all "
		    "capabilities",
		    &err);
	if (writer->options.confined &&
	    confine_calls(CONFINE_LOG, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the process that writes the log is not confined to its "
		    "system calls",
		    &err);
}

static void __attribute__((noreturn))
become_writer(const struct log_writer *writer, bool young)
{
	int sources[LOG_WRITER_SOURCES];
	struct log_sink sink;
	sigset_t all;
	size_t count = 0;

	prctl(PR_SET_NAME, "vscan-log");
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (young)
		poll(NULL, 0, (int)(YOUNG / MONOTIME_MS));
	give_up(writer);
	log_leave();
	keep_descriptors(writer);
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		if (writer->sources[i] >= 0)
			sources[count++] = writer->sources[i];
	log_sink_init(&sink, &writer->options, writer->file);
	log_process_run(&sink, sources, count);
}

static enum error_code
fork_writer(struct log_writer *writer, bool young, struct error *err)
{
	writer->started_at = monotime_now();
	writer->pid = fork();
	if (writer->pid == 0)
		become_writer(writer, young);
	if (writer->pid > 0)
		return ERROR_NONE;
	writer->pid = 0;
	return error_sys(err, errno,
	    "starting the process that writes the log");
}

enum error_code
log_writer_start(struct log_writer *writer, const struct log_options *options,
    struct error *err)
{
	enum error_code code = ERROR_NONE;

	memset(writer, 0, sizeof *writer);
	writer->options = *options;
	if (options->path != NULL)
		writer->options.path = strdup(options->path);
	writer->own = writer->file = -1;
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		writer->sources[i] = -1;
	if (options->path != NULL && writer->options.path == NULL)
		code = error_sys(err, ENOMEM, "the name of log.file");
	if (code == ERROR_NONE && options->target == LOG_TARGET_FILE)
		code = log_sink_open_file(options->path, &writer->file, err);
	if (code == ERROR_NONE)
		code = open_source(&writer->sources[0], &writer->own, err);
	if (code == ERROR_NONE) {
		log_join(writer->own);
		code = fork_writer(writer, false, err);
	}
	if (code != ERROR_NONE)
		log_writer_stop(writer);
	return code;
}

/* Forgets the sockets of processes that have ended. */
static int *
free_place(struct log_writer *writer)
{
	int *place = NULL;

	for (size_t i = LOG_WRITER_SOURCES - 1; i > 0; i--) {
		struct pollfd end = { .fd = writer->sources[i] };

		if (end.fd >= 0 && poll(&end, 1, 0) > 0 &&
		    (end.revents & POLLHUP) != 0)
			fd_close(&writer->sources[i]);
		if (writer->sources[i] < 0)
			place = &writer->sources[i];
	}
	return place;
}

enum error_code
log_writer_connect(struct log_writer *writer, int *end_r, struct error *err)
{
	static const struct log_line line = { .level = LOG_LINE_CONNECT };
	int *place = free_place(writer);
	enum error_code code;

	*end_r = -1;
	if (place == NULL)
		return error_set(err, ERROR_LIMIT,
		    "too many processes write to the log");
	code = open_source(place, end_r, err);
	if (code != ERROR_NONE)
		return code;
	/* One that takes nothing in is stopped or starved; the next finds all
	 * sockets, and what waits in them. */
	if (seqpacket_send(writer->own, &line, log_line_length(&line), *place,
		err) != ERROR_NONE &&
	    writer->pid > 0)
		kill(writer->pid, SIGKILL);
	return ERROR_NONE;
}

void
log_writer_check(struct log_writer *writer)
{
	bool young = monotime_now() - writer->started_at < YOUNG;
	struct error err;

	if (writer->own < 0 ||
	    (writer->pid > 0 && waitpid(writer->pid, NULL, WNOHANG) == 0))
		return;
	free_place(writer);
	if (fork_writer(writer, young, &err) == ERROR_NONE)
		log_msg(LOG_LEVEL_ERROR,
		    "the process that writes the log died, and was started "
		    "again");
}

static void
wait_end(pid_t pid)
{
	struct pollfd ended = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
		.events = POLLIN };

	if (ended.fd >= 0)
		poll(&ended, 1, STOP_MS);
	waitpid(pid, NULL, WNOHANG);
	fd_close(&ended.fd);
}

void
log_writer_stop(struct log_writer *writer)
{
	log_leave();
	fd_close(&writer->own);
	if (writer->pid > 0)
		wait_end(writer->pid);
	writer->pid = 0;
	fd_close(&writer->file);
	free((char *)(uintptr_t)writer->options.path);
	writer->options.path = NULL;
	for (size_t i = 0; i < LOG_WRITER_SOURCES; i++)
		fd_close(&writer->sources[i]);
}
