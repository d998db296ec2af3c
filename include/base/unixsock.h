/* unixsock - where a service listens: a socket file that is its own
 *
 * The file outlives a process that was killed, and must then go; but one that
 * somebody answers on is somebody's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_UNIXSOCK_H
#define BASE_UNIXSOCK_H

#include "base/error.h"

/* Makes the directory that path lies in, as root only, for root; elsewhere it
 * has to be there, as those above it.  One that is there is left as it is. */
CHECK_RESULT enum error_code unixsock_make_directory(const char *path,
    struct error *err);

/* Removes a socket that nobody answers on; none there is fine.  type is
 * socket(2)'s.  ERROR_LIMIT if another process listens there, ERROR_INPUT if
 * it is no socket. */
CHECK_RESULT enum error_code unixsock_remove_stale(const char *path, int type,
    struct error *err);

#endif
