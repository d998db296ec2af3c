/* ns - starting a process in namespaces of its own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* A child makes a few system calls only; if that takes longer, it is stuck. */
#define ENTER_SECONDS 10

/* fork(2) with flags.  The child shares no memory, so it can use the same
 * stack. */
static pid_t
fork_with(unsigned long flags)
{
	return (
	    pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static enum error_code
write_proc(pid_t pid, const char *file, const char *text, struct error *err)
{
	char path[64];
	enum error_code code = ERROR_NONE;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		code = error_sys(err, errno, "mapping the account (%s)", path);
	close(fd);
	return code;
}

/* The account becomes uid and gid 0 of the child's user namespace. */
static enum error_code
map_account(pid_t child, const struct priv_account *account, struct error *err)
{
	enum error_code code = ERROR_NONE;
	char map[64];

	if (geteuid() != 0)
		code = write_proc(child, "setgroups", "deny", err);
	if (code == ERROR_NONE) {
		snprintf(map, sizeof map, "0 %u 1\n", (unsigned)account->uid);
		code = write_proc(child, "uid_map", map, err);
	}
	if (code == ERROR_NONE) {
		snprintf(map, sizeof map, "0 %u 1\n", (unsigned)account->gid);
		code = write_proc(child, "gid_map", map, err);
	}
	return code;
}

/* The child's side: waits for its map, becomes root of its namespace.
 * Returns 0 or what the kernel said. */
static int
enter_as_root(int sync, bool privileged)
{
	char go;

	if (read(sync, &go, 1) != 1)
		return ECANCELED;
	/* glibc's functions would change the account of every thread that it
	 * knows, and after fork_with() it still has the parent's list. */
	if (syscall(SYS_setresgid, 0, 0, 0) < 0)
		return errno;
	if (privileged && syscall(SYS_setgroups, 0, NULL) < 0)
		return errno;
	if (syscall(SYS_setresuid, 0, 0, 0) < 0)
		return errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	return 0;
}

static void
be_child(int sync, bool privileged)
{
	int failed = enter_as_root(sync, privileged);

	if (write(sync, &failed, sizeof failed) != sizeof failed || failed)
		_exit(127);
	close(sync);
}

/* The parent's side: maps the account, learns whether the child is ready. */
static enum error_code
start_child(int sync, pid_t child, const struct priv_account *account,
    struct error *err)
{
	enum error_code code;
	int failed;

	struct timeval patience = { .tv_sec = ENTER_SECONDS };

	code = map_account(child, account, err);
	if (code != ERROR_NONE)
		return code;
	setsockopt(sync, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (write(sync, "g", 1) != 1 ||
	    read(sync, &failed, sizeof failed) != sizeof failed)
		return error_set(err, ERROR_GONE,
		    "a process did not enter its namespaces");
	if (failed)
		return error_sys(err, failed, "entering namespaces");
	return ERROR_NONE;
}

enum error_code
ns_fork_contained(const struct priv_account *account, pid_t *pid_r,
    struct error *err)
{
	bool privileged = geteuid() == 0;
	enum error_code code;
	int sync[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return error_sys(err, errno, "socketpair");
	pid = fork_with(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
	    CLONE_NEWNET | CLONE_NEWIPC);
	if (pid == 0) {
		close(sync[0]);
		be_child(sync[1], privileged);
		*pid_r = 0;
		return ERROR_NONE;
	}
	fd_close(&sync[1]);
	if (pid < 0)
		code = error_sys(err, errno,
		    "making user, PID, mount, network and IPC namespaces");
	else
		code = start_child(sync[0], pid, account, err);
	fd_close(&sync[0]);
	if (code != ERROR_NONE && pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	*pid_r = pid;
	return code;
}

enum error_code
ns_fork_worker(pid_t *pid_r, struct error *err)
{
	*pid_r = fork_with(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC);
	if (*pid_r < 0)
		return error_sys(err, errno, "forking a worker");
	return ERROR_NONE;
}

enum error_code
ns_mount_scratch(const char *directory, unsigned long long size,
    unsigned long long inodes, struct error *err)
{
	char options[96];

	snprintf(options, sizeof options, "mode=0700,size=%llu,nr_inodes=%llu",
	    size, inodes);
	if (mount("scratch", directory, "tmpfs",
		MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
		return error_sys(err, errno, "mounting scratch on %s",
		    directory);
	return ERROR_NONE;
}
