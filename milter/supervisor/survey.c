/* survey - looks whether this machine is as the configuration wants it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/priv.h"
#include "config/config.h"
#include "config/socket_group.h"
#include "supervisor/activation.h"
#include "supervisor/findings.h"
#include "survey_account.h"
#include "survey_room.h"
#include "wire/release.h"

static void
look_at_group(struct findings *findings, const struct config *config)
{
	const char *group = config->socket_group;
	gid_t gid;

	if (!socket_group_find(group, &gid))
		findings_add(findings, LOG_LEVEL_ERROR,
		    "socket_group = \"%s\": there is no such group", group);
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* False if what path names can't be made because the directory for it is
 * missing.  *directory_r is that, in copy. */
static bool
has_directory(const char *path, char copy[PATH_MAX], char **directory_r)
{
	snprintf(copy, PATH_MAX, "%s", path);
	*directory_r = dirname(copy);
	return is_directory(*directory_r);
}

/* As root the directory for a socket is made. */
static bool
has_socket_directory(const char *path)
{
	char copy[PATH_MAX], *directory;

	if (has_directory(path, copy, &directory))
		return true;
	return geteuid() == 0 && access(directory, F_OK) < 0 &&
	    is_directory(dirname(directory));
}

static void
look_at_state_directory(struct findings *findings, const struct config *config,
    const struct priv_account *account)
{
	const char *path = config->state_directory;
	char copy[PATH_MAX], *directory;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT || geteuid() != 0 ||
		    !has_directory(path, copy, &directory))
			findings_add(findings, LOG_LEVEL_ERROR,
			    "state_directory = \"%s\": %s", path,
			    strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		findings_add(findings, LOG_LEVEL_ERROR,
		    "state_directory = \"%s\" is not a directory", path);
	} else if (st.st_uid != account->uid || (st.st_mode & 022) != 0) {
		findings_add(findings, LOG_LEVEL_ERROR,
		    "state_directory = \"%s\": it must belong to %s, and "
		    "nobody else may write to it",
		    path, account->name);
	}
}

/* True if the service runs with this configuration already. */
static bool
is_running(const struct config *config)
{
	char path[PATH_MAX];
	bool running = false;
	int fd;

	snprintf(path, sizeof path, "%s/lock", config->state_directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0)
		running = flock(fd, LOCK_SH | LOCK_NB) < 0;
	fd_close(&fd);
	return running;
}

/* True if somebody listens there, even if he takes no more connections. */
static bool
is_answered(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool answered;
	int fd;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	answered = fd >= 0 &&
	    (connect(fd, (const struct sockaddr *)&address, sizeof address) ==
		    0 ||
		errno == EAGAIN);
	fd_close(&fd);
	return answered;
}

static void
look_at_unix_socket(struct findings *findings, const struct config *config,
    const char *path)
{
	struct stat st;

	if (!has_socket_directory(path))
		findings_add(findings, LOG_LEVEL_ERROR,
		    "socket = \"%s\": its directory is not there",
		    config->socket);
	else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		findings_add(findings, LOG_LEVEL_ERROR,
		    "socket = \"%s\": something that is no socket has this "
		    "name",
		    config->socket);
	else if (!is_running(config) && is_answered(path))
		findings_add(findings, LOG_LEVEL_ERROR,
		    "socket = \"%s\": another process listens there",
		    config->socket);
}

static void
look_at_internet_socket(struct findings *findings, const struct config *config)
{
	const char *host = strchr(config->socket, '@');

	if (host != NULL &&
	    (strcmp(host, "@0.0.0.0") == 0 || strcmp(host, "@::") == 0))
		findings_add(findings, LOG_LEVEL_WARNING,
		    "socket = \"%s\": this listens on all interfaces of the "
		    "machine; 127.0.0.1 or ::1 is enough for an MTA that runs "
		    "on it",
		    config->socket);
}

/* One that was handed over takes the configured one's place. */
static void
look_at_socket(struct findings *findings, const struct config *config)
{
	if (activation_is_due())
		return;
	if (strncmp(config->socket, "unix:", 5) == 0)
		look_at_unix_socket(findings, config, config->socket + 5);
	else
		look_at_internet_socket(findings, config);
}

void
survey_machine(struct findings *findings, const struct config *config)
{
	struct priv_account account;
	struct error err;

	look_at_group(findings, config);
	look_at_socket(findings, config);
	survey_room(findings, config);
	if (priv_find(config->user, &account, &err) != ERROR_NONE) {
		findings_add(findings, LOG_LEVEL_ERROR, "user = \"%s\": %s",
		    config->user, err.text);
		return;
	}
	look_at_state_directory(findings, config, &account);
	survey_account(findings, config, &account);
}

void
survey_services(struct findings *findings, const struct config *config)
{
	struct error err;

	if (config->action_late != ACTION_HOLD &&
	    config->action_late_submission != ACTION_HOLD &&
	    config->action_error != ACTION_HOLD)
		return;
	if (release_probe(config->hold_release_socket, &err) != ERROR_NONE)
		findings_add(findings, LOG_LEVEL_WARNING,
		    "an action is \"hold\", but vscan-release does not answer "
		    "(%s): held mail would stay in quarantine",
		    err.text);
}
