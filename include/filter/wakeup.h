/* wakeup - makes libmilter start another worker thread
 *
 * libmilter built with its worker pool serves ready sessions only while it
 * counts an idle thread, and a callback that blocks holds its thread.  A new
 * connection while none is idle starts one more, which then serves what is
 * ready.  So each callback that is about to block first connects to the
 * milter's own socket and closes at once, and leaves a successor.
 *
 * Over TCP the connection is reset, not closed, so that none is left in
 * TIME_WAIT.  wakeup_init() is called once after smfi_opensocket(); then any
 * thread may use it.
 *
 * A filter whose successor accepts on the milter's socket still has sessions,
 * whose callbacks block.  So it goes private: it gives libmilter another
 * listening socket, which has no file and takes connections of this process
 * only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_WAKEUP_H
#define FILTER_WAKEUP_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct wakeup {
	struct sockaddr_storage address; /* the milter's, also for sessions */
	socklen_t length;
	int listener; /* libmilter's descriptor */
	int private;  /* listens, or -1 */
	struct sockaddr_un private_address;
	socklen_t private_length;
	_Atomic bool is_private;
};

/* Finds the socket that this process listens on. */
CHECK_RESULT enum error_code wakeup_init(struct wakeup *wakeup,
    struct error *err);

/* Makes the private socket.  To be called before other threads start. */
CHECK_RESULT enum error_code wakeup_prepare(struct wakeup *wakeup,
    struct error *err);

/* From now on this process accepts only wake-up connections; whoever connects
 * to the milter waits for another process.  A connection that libmilter is just
 * accepting may still become a session.  Harmless when called twice. */
void wakeup_go_private(struct wakeup *wakeup);

/* Gives libmilter a copy of sock, a listening socket that has the address of
 * the one before, which can't be reached any more.  What waited there is
 * closed, and libmilter no longer waits for it. */
CHECK_RESULT enum error_code wakeup_replace(struct wakeup *wakeup, int sock,
    struct error *err);

/* For whoever accepts connections: false if fd, which was just accepted, came
 * to the private socket from another process. */
bool wakeup_admits(int fd);

/* True if fd is a stream socket that listens. */
bool wakeup_listens(int fd);

/* Makes a wake-up connection.  Never blocks.  A failure is not reported: the
 * listen queue is then full, and a full queue wakes libmilter as well. */
void wakeup_connect(const struct wakeup *wakeup);

/* For whoever accepts connections, once for each: true if a wake-up connection
 * is on its way, and this may be it. */
bool wakeup_take(void);

#endif
