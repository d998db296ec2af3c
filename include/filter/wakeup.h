/* wakeup - makes libmilter start another worker thread
 *
 * libmilter built with its worker pool serves ready sessions only while it
 * counts an idle thread, and a callback that blocks holds its thread.  A new
 * connection while none is idle starts one more, which then serves what is
 * ready.  So each callback that is about to block first connects to the
 * milter's own socket and closes at once, and leaves a successor.
 *
 * Over TCP the connection is reset, not closed, so that none is left in
 * TIME_WAIT.  Initialised once after smfi_opensocket(); then any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_WAKEUP_H
#define FILTER_WAKEUP_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"

struct wakeup {
	struct sockaddr_storage address;
	socklen_t length;
};

/* Finds the socket that this process listens on. */
CHECK_RESULT enum error_code wakeup_init(struct wakeup *wakeup,
    struct error *err);

/* True if fd is a stream socket that listens. */
bool wakeup_listens(int fd);

/* Never blocks.  A failure is not reported: the listen queue is then full,
 * and serves the same purpose. */
void wakeup_connect(const struct wakeup *wakeup);

#endif
