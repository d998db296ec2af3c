/* listener - the milter socket, which the supervisor opens and keeps
 *
 * The filter inherits it (child.h) and accepts on it.  A filter that dies or
 * is restarted costs an MTA nothing but waiting: the kernel keeps who connects
 * meanwhile until the next filter accepts them.
 *
 * The socket is opened here as the configuration says, or it was handed over:
 * by systemd (LISTEN_FDS), or as "fd:N".  One that was handed over belongs to
 * whoever did so: it is not removed at the end, and not opened anew.
 *
 * The supervisor's only; single-threaded (the umask is set here).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/priv.h"

struct config;

struct listener {
	const struct config *config;
	struct priv_account account;
	int fd;         /* listens and never blocks; -1: not open */
	char name[256]; /* the setting that it was opened by */
	bool handed_over;
	dev_t device; /* of a Unix socket's file, */
	ino_t inode;  /* to know it by; 0: it has none */
	/* When /etc/group had been changed, at the last look for the group. */
	struct timespec groups;
};

/* Opens the socket.  A socket file that a dead process left is removed first;
 * one that somebody still answers is ERROR_LIMIT.  As root the socket is given
 * to the account and to socket_group.  config must outlive it. */
CHECK_RESULT enum error_code listener_open(struct listener *listener,
    const struct config *config, const struct priv_account *account,
    struct error *err);

/* The same after a restart: takes over what the listener before had (its
 * descriptor, file and whether it was handed over), or opens another socket if
 * the configuration names another one than socket, which it was opened by.
 * Where the new socket can't be opened, the old one stays in use, and the log
 * says so.  err is room for that error. */
void listener_adopt(struct listener *listener, const struct listener *before,
    const char *socket, const struct config *config,
    const struct priv_account *account, struct error *err);

/* False if the socket file has been removed, or another one stands in its
 * place: no MTA can reach the service by it any more. */
bool listener_stands(const struct listener *listener);

/* Where socket_group is "auto": gives the socket's file to the group of Postfix
 * if this machine has got one since, because Postfix was installed later.  To
 * be called now and then; it looks for the group only after a change of
 * /etc/group. */
void listener_regroup(struct listener *listener);

/* Opens the socket again at its path, with its directory if that is gone too.
 * On failure the old one stays. */
CHECK_RESULT enum error_code listener_renew(struct listener *listener,
    struct error *err);

/* Closes it; removes the socket file if it is the one that was made here. */
void listener_close(struct listener *listener);

#endif
