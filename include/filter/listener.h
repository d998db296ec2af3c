/* listener - opens the milter socket, with its mode and group
 *
 * Called before privileges are dropped, so that the socket may stand in a
 * directory of root's, and before any thread starts (it sets the umask).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_LISTENER_H
#define FILTER_LISTENER_H

#include "base/error.h"
#include "base/priv.h"

struct config;

/* Opens config->socket through libmilter.  A socket that a dead process left
 * is removed first; one that somebody still answers is ERROR_LIMIT.  As root
 * the socket is given to the account. */
CHECK_RESULT enum error_code listener_open(const struct config *config,
    const struct priv_account *account, struct error *err);

#endif
