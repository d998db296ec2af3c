/* survey_account - what the account can do with directories and signatures
 *
 * A child becomes the account, tries it, and writes each finding to a pipe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "survey_account.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/priv.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/sigset.h"
#include "supervisor/findings.h"

/* For disks to answer. */
#define TIME_MAX (10 * MONOTIME_S)

/* In the child. */
static void
say(int out, const char *setting, const char *value, const char *what)
{
	struct finding finding = { .level = LOG_LEVEL_ERROR };

	snprintf(finding.text, sizeof finding.text, "%s = \"%s\": %s", setting,
	    value, what);
	/* A write of this size to a pipe is whole. */
	if (write(out, &finding, sizeof finding) < 0)
		_exit(EX_IOERR);
}

static void
try_state_directory(const struct config *config, int out)
{
	const char *path = config->state_directory;
	struct stat st;

	/* What is another account's has been told already. */
	if (stat(path, &st) < 0 ? errno == EACCES
				: st.st_uid == geteuid() &&
		    access(path, R_OK | W_OK | X_OK) < 0)
		say(out, "state_directory", path, strerror(errno));
}

static void
try_buffers(const struct config *config, int out)
{
	const char *path = config->buffer_directory;
	struct error err;
	int fd;

	if (config->buffer_disk == 0)
		return;
	if (fd_spill(path, &fd, &err) != ERROR_NONE)
		say(out, "buffer.directory", path, err.text);
	else
		fd_close(&fd);
}

/* That they can be opened is another matter than that they are there. */
static enum error_code
open_signatures(void *context, const char *path, const struct stat *st,
    struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)context;
	(void)st;
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	close(fd);
	return ERROR_NONE;
}

static void
try_signatures(const struct config *config, int out)
{
	const struct config_strings *database = &config->engine_database;
	const char *first = database->items[0];
	struct sigset sigset;
	enum error_code code;
	struct error err;

	code = sigset_read(database, &sigset, &err);
	if (code == ERROR_NONE)
		code = sigset_each(database, open_signatures, NULL, &err);
	if (code != ERROR_NONE)
		say(out, "engine.database", first, err.text);
	else if (sigset.files == 0)
		say(out, "engine.database", first,
		    "there are no signatures; freshclam fetches them");
}

static void __attribute__((noreturn)) try_all(const struct config *config,
    const struct priv_account *account, int out)
{
	struct error err;

	if (priv_drop(account, &err) != ERROR_NONE) {
		say(out, "user", config->user, err.text);
		_exit(EX_NOPERM);
	}
	try_state_directory(config, out);
	try_buffers(config, out);
	try_signatures(config, out);
	_exit(EX_OK);
}

/* Takes findings until the child has ended; false if it hangs. */
static bool
hear(struct findings *findings, int in)
{
	int64_t until = monotime_after(TIME_MAX);
	struct pollfd fds = { .fd = in, .events = POLLIN };
	struct finding finding;

	while (poll(&fds, 1, monotime_poll_ms(until)) > 0) {
		if (read(in, &finding, sizeof finding) != sizeof finding)
			return true;
		findings_add(findings, finding.level, "%s", finding.text);
	}
	return false;
}

void
survey_account(struct findings *findings, const struct config *config,
    const struct priv_account *account)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0)
		try_all(config, account, ends[1]);
	close(ends[1]);
	if (pid > 0 && !hear(findings, ends[0])) {
		findings_add(findings, LOG_LEVEL_ERROR,
		    "a disk does not answer: state_directory, "
		    "buffer.directory and engine.database could not be looked "
		    "at");
		kill(pid, SIGKILL);
	} else if (pid > 0) {
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
}
