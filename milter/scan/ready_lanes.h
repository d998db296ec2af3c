/* ready_lanes - lanes that wait for a scan, with a worker that is ready
 *
 * A fork and the scan of the canary take longer than the scan of a small mail,
 * so a lane is made ready before a job needs it, and is kept from one job to
 * the next.  At most engine.workers lanes are in use, ready or being made
 * ready.  The scanner's state (scanner_state.h) has them; the scan threads
 * (scan_threads.h) take them and bring them back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_READY_LANES_H
#define SCAN_READY_LANES_H

#include <stdbool.h>

#include "base/error.h"

struct lane;
struct scanner;

/* Takes a ready lane of the current engine, or NULL.  Lock held. */
struct lane *ready_lanes_take(struct scanner *scanner);

/* Makes lane (or, if that is NULL, stale or dead, a new one) ready for a
 * message, which takes as long as lane_warm() (lane.h).  No lock held.  On
 * failure *lane is NULL. */
CHECK_RESULT enum error_code ready_lanes_make(struct scanner *scanner,
    struct lane **lane, struct error *err);

/* Keeps a lane that a job has left, if it is ready and there is room; *lane is
 * then NULL.  Another one stays in *lane, and is counted as being made ready,
 * which ready_lanes_prepare() must follow.  Lock held. */
void ready_lanes_return(struct scanner *scanner, struct lane **lane);

/* Makes a lane ready, as above, and keeps it; lane NULL: a new one.  No reply
 * waits for this.  The caller has counted it in scanner->warming.  No lock
 * held. */
void ready_lanes_prepare(struct scanner *scanner, struct lane *lane);

/* True if fewer lanes are in use or ready than there may be.  Lock held. */
bool ready_lanes_lack(const struct scanner *scanner);

/* Has room for as many as the current configuration allows, and closes those
 * that are too many.  Lock held. */
void ready_lanes_fit(struct scanner *scanner);

/* Closes those of engines that are no longer current, or all of them.  Closing
 * only closes descriptors.  Lock held, or no other thread there. */
void ready_lanes_drop_stale(struct scanner *scanner);
void ready_lanes_close(struct scanner *scanner);

#endif
