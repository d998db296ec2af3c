/* ns - starting a process in namespaces of its own
 *
 * The engine runs in a user namespace.  Within it the engine is root, and so
 * can give each worker a PID namespace and a scratch tmpfs, whether the service
 * was started as root or not.  Outside it is only the service's account: it
 * never has a privilege that counts there.
 *
 * user_namespaces(7): a parent with CAP_SETUID may map any account into the
 * child's namespace; one without may map its own only, after setgroups has
 * been denied.
 *
 * Single-threaded callers only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_NS_H
#define BASE_NS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/priv.h"

/* Forks into new user, PID, mount, network and IPC namespaces, in which
 * account is root.  Returns in both: *pid_r is 0 in the child, which is
 * process 1 there and already is that root, with no other groups.  On
 * failure there is no child, and err names what the kernel refused. */
CHECK_RESULT enum error_code ns_fork_contained(const struct priv_account
						   *account,
    pid_t *pid_r, struct error *err);

/* For a process that ns_fork_contained() made: forks a child into PID, mount
 * and IPC namespaces of its own.  Returns in both, as above.  The child still
 * sees the host's /proc, until it changes its root directory. */
CHECK_RESULT enum error_code ns_fork_worker(pid_t *pid_r, struct error *err);

/* Mounts an empty tmpfs of size bytes and inodes files over directory, for
 * this mount namespace only: nosuid, nodev, noexec. */
CHECK_RESULT enum error_code ns_mount_scratch(const char *directory,
    unsigned long long size, unsigned long long inodes, struct error *err);

#endif
