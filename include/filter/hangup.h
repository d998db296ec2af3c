/* hangup - ends the MTA's sessions, and leaves no command without its reply
 *
 * When the process is to end, the MTA may just be sending the next command of a
 * session.  libmilter has no call to end sessions, and keeps their sockets to
 * itself; but they are the sockets of this process that have the listening
 * socket's address.  hangup_all() shuts each of them down for reading.
 * libmilter still reads and answers what has come, then reads an end of file,
 * ends the session and closes the socket.
 *
 * Over a Unix socket this is exact, since the kernel does not shut a socket
 * down while somebody sends to it: either a command gets its reply, or sending
 * it fails with EPIPE; and connecting fails from then on.  Over TCP it is not:
 * a command that arrives after libmilter has read the end of file, within
 * microseconds, is reset and not answered, and so are connections that were not
 * accepted yet.
 *
 *   hangup_open   at the start, while /proc can still be opened
 *                 (filter_confine.h)
 *   hangup_all    once, at the end; libmilter must still run, and no callback
 *                 may begin to wait any more (filter_state_drain())
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HANGUP_H
#define FILTER_HANGUP_H

#include <stdbool.h>

#include "filter/wakeup.h"

/* The list of this process's descriptors, for hangup_all(), which leaves it
 * open; -1 where there is no /proc. */
int hangup_open(void);

/* How many sessions there are; list and wakeup as below. */
unsigned hangup_count(int list, const struct wakeup *wakeup);

/* Ends all sessions and takes no new ones, until (monotime.h) at the latest;
 * returns how many had not ended by then.  With a list of -1 it sees none.
 * shared: another process has the listening socket, too, so that whoever
 * connects now waits for the next process. */
unsigned hangup_all(int list, const struct wakeup *wakeup, bool shared,
    int64_t until);

#endif
