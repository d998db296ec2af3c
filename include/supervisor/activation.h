/* activation - a milter socket that somebody else has opened
 *
 * systemd opens it where a socket unit says so, and hands it over at each start
 * (LISTEN_FDS, sd_listen_fds(3)): then nobody is refused while the service is
 * stopped, started or upgraded; who connects waits.  socket = "fd:N" is the
 * same for whoever starts the service otherwise.  Such a socket takes the place
 * of the one that the configuration names, and has the mode and owner that it
 * was opened with.
 *
 * The supervisor's only, at its start; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_ACTIVATION_H
#define SUPERVISOR_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/priv.h"

/* True if systemd has handed over a socket that was not taken yet. */
bool activation_is_due(void);

/* *fd_r is the descriptor of the socket that was handed over, or -1 if none
 * was; setting is the configuration's socket.  The environment's variables are
 * taken out, so that no child takes them for its own.  ERROR_INPUT: what was
 * handed over is no stream socket that listens, or there is more than one. */
CHECK_RESULT enum error_code activation_take(const char *setting, int *fd_r,
    struct error *err);

/* The address of a listening socket as the setting would have it, such as
 * "unix:/run/vscan-milter/milter.sock" or "inet:8890@127.0.0.1"; returns out,
 * which has room for size bytes. */
char *activation_address(int fd, char *out, size_t size);

/* Writes to the log where a socket that was handed over listens, if that isn't
 * where setting says, and a warning if the account may not connect to it. */
void activation_log(int fd, const char *setting,
    const struct priv_account *account);

#endif
