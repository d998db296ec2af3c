/* elsewhere - scans that run in one process, for mail that comes to another
 *
 * At a restart the former process goes on with the scans that it has, and tells
 * its heir (scanner_hand_over()) which these are.  The heir makes a job of each
 * (job.h), which a retry joins.  The former sends the verdict as a row, and
 * then tells that the scan has ended.  Each ticket that has waited looks for
 * a verdict that answers its own envelope (ledger.h), and has its mail scanned
 * if there is none: because the scan has failed, the former has died, or the
 * verdict is of older signatures and was awaited by others.
 *
 * Everything is called with the scanner's lock held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_ELSEWHERE_H
#define SCAN_ELSEWHERE_H

struct row_scans;
struct scanner;

/* Tells the heir of all scans that have begun here. */
void elsewhere_tell_all(struct scanner *scanner);

/* The former has told of scans. */
void elsewhere_take(struct scanner *scanner, const struct row_scans *scans);

/* Ends all jobs that run elsewhere. */
void elsewhere_end_all(struct scanner *scanner);

#endif
