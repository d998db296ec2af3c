/* unixsock - where a service listens: a socket file that is its own
 *
 * The file outlives a process that was killed, and must then go; but a socket
 * that another process answers on belongs to that process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_UNIXSOCK_H
#define BASE_UNIXSOCK_H

#include "base/error.h"

/* Sees to the directory of the socket at path: makes it, for root, where it is
 * missing (those above it have to be there), and refuses with ERROR_INPUT one
 * that another account than root can write to, since such an account could put
 * a socket of its own in the place of ours.  Called as another account than
 * root it does nothing.  "what" names the socket in messages. */
CHECK_RESULT enum error_code unixsock_make_directory(const char *what,
    const char *path, struct error *err);

/* Removes a socket file that no process answers on; none there is fine.  type
 * is socket(2)'s.  ERROR_LIMIT if another process listens there, ERROR_INPUT
 * if the file is no socket.  Never waits. */
CHECK_RESULT enum error_code unixsock_remove_stale(const char *path, int type,
    struct error *err);

#endif
