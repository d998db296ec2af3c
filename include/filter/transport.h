/* transport - reads the MTA's commands and writes the replies
 *
 * These are libmilter's own functions for that: a program that brings its own
 * is given no others by the linker, neither by libmilter.so nor by
 * libmilter.a, for they are functions that libmilter's other files call by
 * name.  (Only a libmilter.so that was linked with -Bsymbolic has them for
 * itself; then transport_is_in_place() is false, and libmilter.a is to be
 * linked instead: cmake -DMILTER_LIBRARY=/path/to/libmilter.a.)  They differ
 * from the original in this:
 *
 * - Each command is checked before libmilter sees it (command.h).  The
 *   session of a peer that breaks the protocol ends.
 * - A command, once begun, has to be there within TRANSPORT_TIME, and so has
 *   a reply to be taken.  Meanwhile the thread makes a wake-up connection
 *   (wakeup.h), so that other sessions don't wait for it.
 * - What is kept of macros counts, and of an unfinished command what is over
 *   64 KB (connection_keep()).
 * - A header without a name reaches xxfi_header; libmilter would end the
 *   session.  Its name is a stand-in then, and connection->nameless says so.
 * - No peer changes the largest size of a command, which in libmilter is one
 *   for all sessions.
 * - Nothing is written to syslog, which may hang.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_TRANSPORT_H
#define FILTER_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

struct connection;
struct wakeup;

#define TRANSPORT_TIME (60 * MONOTIME_S)

/* Before the first connection; wakeup must live as long as the process. */
void transport_init(const struct wakeup *wakeup);

/* In a callback: the connection whose command led to it.  NULL if libmilter
 * didn't use these functions. */
struct connection *transport_current(void);

/* For libmilter.  The command's letter goes to *letter_r, or a code that is
 * no letter if the session is to end; the rest of the command is returned, for
 * free().  timeout is how long to wait for the first byte. */
char *mi_rd_cmd(int fd, struct timeval *timeout, char *letter_r, size_t *len_r,
    char *name);

/* For libmilter.  MI_SUCCESS or MI_FAILURE. */
int mi_wr_cmd(int fd, struct timeval *timeout, int letter, char *data,
    size_t len);

#endif
