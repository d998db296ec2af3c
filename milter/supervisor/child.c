/* child - starts the filter and engine processes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/ns.h"
#include "base/seqpacket.h"
#include "config/config.h"
#include "supervisor/listener.h"

#define SOCKET_FD 3
#define CONFIG_FD 4
#define LOG_FD 5
#define LISTENER_FD 6

/* Where descriptors are out of the way of those that a child inherits. */
#define OUT_OF_THE_WAY 10

/* The programs are opened at the start, so that the account needs no access to
 * the directory that they lie in. */
static enum error_code
open_program(const char *name, int *fd_r, struct error *err)
{
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t len;

	*fd_r = -1;
	len = readlink("/proc/self/exe", self, sizeof self - 1);
	if (len < 0)
		return error_sys(err, errno, "/proc/self/exe");
	self[len] = '\0';
	snprintf(path, sizeof path, "%s/../libexec/vscan-milter/%s",
	    dirname(self), name);
	*fd_r = open(path, O_PATH | O_CLOEXEC);
	if (*fd_r < 0)
		return error_sys(err, errno, "%s", path);
	return ERROR_NONE;
}

/* The effective configuration as a file that a child can read. */
static enum error_code
write_config(const struct config *config, int *fd_r, struct error *err)
{
	enum error_code code;
	FILE *out;
	int copy;

	code = fd_memory("configuration", fd_r, err);
	if (code != ERROR_NONE)
		return code;
	copy = fcntl(*fd_r, F_DUPFD_CLOEXEC, 0);
	out = copy < 0 ? NULL : fdopen(copy, "w");
	if (out == NULL) {
		code = error_sys(err, errno, "copying the configuration");
		fd_close(&copy);
		return code;
	}
	config_print(config, out, 0);
	if (fclose(out) != 0)
		return error_sys(err, errno, "copying the configuration");
	return fd_seal(*fd_r, err);
}

enum error_code
child_kit_open(struct child_kit *kit, const struct config *config,
    struct error *err)
{
	enum error_code code;

	memset(kit, 0, sizeof *kit);
	kit->filter_program = kit->engine_program = -1;
	kit->config = kit->next_config = -1;
	code = open_program("vscan-filter", &kit->filter_program, err);
	if (code == ERROR_NONE)
		code = open_program("vscan-engine", &kit->engine_program, err);
	if (code == ERROR_NONE && config != NULL)
		code = priv_find(config->user, &kit->account, err);
	if (code == ERROR_NONE && config != NULL)
		code = write_config(config, &kit->config, err);
	if (code != ERROR_NONE)
		child_kit_close(kit);
	return code;
}

void
child_kit_close(struct child_kit *kit)
{
	fd_close(&kit->filter_program);
	fd_close(&kit->engine_program);
	fd_close(&kit->config);
	fd_close(&kit->next_config);
}

enum error_code
child_kit_prepare(struct child_kit *kit, const struct config *config,
    struct error *err)
{
	enum error_code code;
	int fd;

	code = write_config(config, &fd, err);
	if (code != ERROR_NONE) {
		fd_close(&fd);
		return code;
	}
	fd_close(&kit->next_config);
	kit->next_config = fd;
	return ERROR_NONE;
}

void
child_kit_commit(struct child_kit *kit)
{
	if (kit->next_config < 0)
		return;
	fd_close(&kit->config);
	kit->config = kit->next_config;
	kit->next_config = -1;
}

void
child_kit_drop(struct child_kit *kit)
{
	fd_close(&kit->next_config);
}

/* The configuration for a child that is to be this program. */
static int
config_for(const struct child_kit *kit, int program)
{
	return program == kit->engine_program && kit->next_config >= 0
	    ? kit->next_config
	    : kit->config;
}

/* What a child is to become. */
struct birth {
	const char *name;
	const char *mode; /* its argument, or NULL */
	int program;
	int sock;
	int ours; /* the other end of sock */
	int config;
	int log;      /* or -1 */
	int listener; /* or -1 */
};

/* Makes copies of all descriptors that are out of each other's way. */
static enum error_code
move_away(struct birth *birth, struct error *err)
{
	int *moved[] = { &birth->program, &birth->sock, &birth->config,
		&birth->log, &birth->listener };

	for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
		if (*moved[i] < 0)
			continue;
		*moved[i] = fcntl(*moved[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
		if (*moved[i] < 0)
			return error_sys(err, errno, "arranging descriptors");
	}
	return ERROR_NONE;
}

static enum error_code
move_standard(bool in_background, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = in_background ? STDERR_FILENO : STDIN_FILENO;
	enum error_code code = ERROR_NONE;

	if (null < 0)
		return error_sys(err, errno, "/dev/null");
	for (int fd = STDIN_FILENO; code == ERROR_NONE && fd <= last; fd++)
		code = fd_move_to(null, fd, err);
	return code;
}

/* In the child: descriptors as child.h says. */
static enum error_code
arrange_descriptors(struct birth *birth, bool in_background, struct error *err)
{
	enum error_code code = move_away(birth, err);

	if (code == ERROR_NONE)
		code = move_standard(in_background, err);
	if (code == ERROR_NONE)
		code = fd_move_to(birth->sock, SOCKET_FD, err);
	if (code == ERROR_NONE)
		code = fd_move_to(birth->config, CONFIG_FD, err);
	if (code == ERROR_NONE && birth->log >= 0)
		code = fd_move_to(birth->log, LOG_FD, err);
	if (code == ERROR_NONE && birth->listener >= 0)
		code = fd_move_to(birth->listener, LISTENER_FD, err);
	if (code == ERROR_NONE && lseek(CONFIG_FD, 0, SEEK_SET) < 0)
		code = error_sys(err, errno, "rewinding the configuration");
	return code;
}

/* In the child: never returns. */
static void
become(const struct child_kit *kit, struct birth *birth)
{
	char *arguments[] = { (char *)(uintptr_t)birth->name,
		(char *)(uintptr_t)birth->mode, NULL };
	enum error_code code = ERROR_NONE;
	struct error err;
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	birth->config = config_for(kit, birth->program);
	if (chdir("/") < 0)
		code = error_sys(&err, errno, "going to the directory /");
	if (code == ERROR_NONE)
		code = arrange_descriptors(birth, kit->in_background, &err);
	if (code == ERROR_NONE) {
		fexecve(birth->program, arguments, environ);
		(void)error_sys(&err, errno, "running the program");
	}
	log_msg(LOG_LEVEL_ERROR, "%s can't be started: %s", birth->name,
	    err.text);
	_exit(EX_OSERR);
}

/* Makes what a child is to have of its own. */
static enum error_code
begin_birth(const struct child_kit *kit, struct birth *birth, struct error *err)
{
	enum error_code code;
	int pair[2];

	birth->log = -1;
	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	birth->ours = pair[0];
	birth->sock = pair[1];
	if (kit->log != NULL)
		code = log_writer_connect(kit->log, &birth->log, err);
	if (code != ERROR_NONE) {
		fd_close(&birth->ours);
		fd_close(&birth->sock);
	}
	return code;
}

/* The child has begun, or code says that it has not. */
static void
end_birth(struct birth *birth, enum error_code code, int *sock_r)
{
	fd_close(&birth->sock);
	fd_close(&birth->log);
	if (code != ERROR_NONE)
		fd_close(&birth->ours);
	*sock_r = birth->ours;
}

enum error_code
child_start_filter(struct child_kit *kit, pid_t *pid_r, int *sock_r,
    struct error *err)
{
	struct birth birth = { .name = "vscan-filter" };
	enum error_code code;

	*sock_r = -1;
	code = begin_birth(kit, &birth, err);
	if (code != ERROR_NONE)
		return code;
	birth.program = kit->filter_program;
	birth.listener = kit->listener->fd;
	*pid_r = fork();
	if (*pid_r == 0)
		become(kit, &birth);
	if (*pid_r < 0)
		code = error_sys(err, errno, "forking the filter");
	end_birth(&birth, code, sock_r);
	return code;
}

/* Without namespaces: as the account, but otherwise an ordinary process. */
static enum error_code
fork_plain(const struct priv_account *account, pid_t *pid_r, struct error *err)
{
	struct error dropped;

	*pid_r = fork();
	if (*pid_r < 0)
		return error_sys(err, errno, "forking an engine");
	if (*pid_r == 0 && priv_drop(account, &dropped) != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR,
		    "vscan-engine can't become the account that it is to run "
		    "as",
		    &dropped);
		_exit(EX_NOPERM);
	}
	return ERROR_NONE;
}

/* The log says it once; what to do about it is the administrator's decision. */
static void
note_missing(const struct error *why)
{
	log_msg(LOG_LEVEL_WARNING,
	    "the kernel gives no namespaces (%s): "
	    "engine and workers see the service's processes, and scratch is "
	    "a directory instead of a file system of its own; allow user "
	    "namespaces (user.max_user_namespaces, AppArmor, the container's "
	    "seccomp profile) to change that",
	    why->text);
}

/* True if no engine will ever get namespaces: the kernel's answer says so, and
 * it has never given any.  A shortage that passes must not have engines started
 * without. */
static bool
refuses_for_good(const struct child_kit *kit, const struct error *err)
{
	switch (err->sys_errno) {
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EINVAL:
	case ENOSPC:
	case EUSERS:
		return !kit->contained;
	default:
		return false;
	}
}

static enum error_code
fork_engine(struct child_kit *kit, pid_t *pid_r, struct error *err)
{
	enum error_code code;

	if (kit->plain)
		return fork_plain(&kit->account, pid_r, err);
	code = ns_fork_contained(&kit->account, pid_r, err);
	if (code == ERROR_NONE) {
		kit->contained = true;
		return ERROR_NONE;
	}
	if (!refuses_for_good(kit, err))
		return code;
	note_missing(err);
	kit->plain = true;
	return fork_plain(&kit->account, pid_r, err);
}

enum error_code
child_start_engine(struct child_kit *kit, pid_t *pid_r, int *sock_r,
    struct error *err)
{
	struct birth birth = { .name = "vscan-engine", .listener = -1 };
	enum error_code code;

	*sock_r = -1;
	code = begin_birth(kit, &birth, err);
	if (code != ERROR_NONE)
		return code;
	code = fork_engine(kit, pid_r, err);
	birth.mode = kit->plain ? "plain" : "contained";
	birth.program = kit->engine_program;
	if (code == ERROR_NONE && *pid_r == 0)
		become(kit, &birth);
	end_birth(&birth, code, sock_r);
	return code;
}

enum error_code
child_show_version(int program, struct error *err)
{
	char name[] = "vscan-milter", version[] = "--version";
	char *arguments[] = { name, version, NULL };
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fexecve(program, arguments, environ);
		_exit(EX_OSERR);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return error_sys(err, errno, "running a program");
	if (status != 0)
		return error_set(err, ERROR_GONE,
		    "a program did not tell its version");
	return ERROR_NONE;
}
