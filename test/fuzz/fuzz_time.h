/* fuzz_time - time that passes only while the code under test waits
 *
 * Stands in for base/monotime.c and for poll(2): where nothing is there to be
 * read, the harness's peer is asked to do something; if it does nothing, the
 * wait is over at once, and the clock says that its time has passed.  So a
 * deadline of hours costs nothing, a run depends on its input alone, and what
 * would wait for ever, or spin, is found.
 *
 * For harnesses that are linked with --wrap=poll; one thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FUZZ_TIME_H
#define FUZZ_TIME_H

#include <stdbool.h>

/* Called when somebody would wait.  True if it has done something. */
typedef bool fuzz_peer_function(void *context);

/* Begins a run: the clock is at its beginning, and polls so far are none. */
void fuzz_time_begin(fuzz_peer_function *peer, void *context);

#endif
