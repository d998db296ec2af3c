/* seqpacket - messages, each with at most one descriptor, between processes
 *
 * A pair of SOCK_SEQPACKET sockets keeps messages apart, and one end learns
 * when the other has closed.  The processes here need no more of each other.
 * The other end may be hostile: a message that is too long, or that brings
 * descriptors which were not asked for, is ERROR_PEER, and what came with it is
 * closed.  One thread per end at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_SEQPACKET_H
#define BASE_SEQPACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Two connected ends, both close-on-exec. */
CHECK_RESULT enum error_code seqpacket_pair(int pair_r[2], struct error *err);

/* True if fd is such an end.  A descriptor that came from elsewhere may be
 * anything, even a socket that poll(2) calls readable for ever while nothing
 * can be received. */
bool seqpacket_is_end(int fd);

/* Sends one message, with a copy of fd unless that is -1.  Never raises
 * SIGPIPE and never blocks: a peer whose buffer is full is ERROR_LIMIT, one
 * that is gone ERROR_GONE. */
CHECK_RESULT enum error_code seqpacket_send(int sock, const void *data,
    size_t len, int fd, struct error *err);

/* Receives one message of exactly len bytes before until (monotime.h;
 * 0 means: only if it is there already).  *fd_r is the descriptor that came
 * with it, or -1; the caller owns it.  With fd_r NULL none may come.
 * ERROR_TIMEOUT, ERROR_GONE (end of file) and ERROR_PEER say what the other end
 * did or didn't do.  ERROR_SYSTEM is our own fault, such as a lack of
 * descriptors; the message is lost then. */
CHECK_RESULT enum error_code seqpacket_recv(int sock, void *data, size_t len,
    int *fd_r, int64_t until, struct error *err);

#endif
