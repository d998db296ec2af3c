/* scan_threads - the threads that run scans, and their lanes
 *
 * Each thread takes the job that is next and a ready lane for it, runs the
 * scan and settles the job; or it makes a lane ready ahead of need.  The
 * scanner (scanner.h) owns them: it starts them once and stops them once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_SCAN_THREADS_H
#define SCAN_SCAN_THREADS_H

#include "base/error.h"

struct scanner;

/* Starts the threads.  Also where that fails, scan_threads_stop() has to join
 * those that were started. */
CHECK_RESULT enum error_code scan_threads_start(struct scanner *scanner,
    struct error *err);

/* Has as much room and as many threads as the current configuration takes;
 * neither ever becomes less.  The scanner's lock is held. */
CHECK_RESULT enum error_code scan_threads_fit(struct scanner *scanner,
    struct error *err);

/* Gives up what runs, joins the threads, and ends all jobs that wait. */
void scan_threads_stop(struct scanner *scanner);

#endif
