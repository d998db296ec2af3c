/* handover - what a filter learns after its successor has taken over
 *
 * At a restart the former filter goes on for a while, for the sessions and
 * scans that it has.  Its successor has the store (store.h) by then.  When a
 * row changes in the former filter's ledger, such as by a late verdict, the
 * former filter sends the row to its successor, which keeps it.  It also tells
 * which scans it has, begins and ends, so that no mail is scanned by both.
 *
 * Rows go over a seqpacket pair, whose ends the supervisor gives to both.  The
 * two filters may be of different builds, for which row_pack() is made.  Until
 * the successor reads, which may take seconds, rows wait in the former filter's
 * memory.  If more than HANDOVER_ROWS wait, further ones are lost, and the log
 * says so once.  What a successor that has died had read is not sent again
 * to the next one: it is in the store, but for scans, which may then be done
 * twice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HANDOVER_H
#define FILTER_HANDOVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sendqueue.h"
#include "scan/scanner.h"

struct row;

#define HANDOVER_ROWS 50000 /* that wait to be sent */

/* The former filter's end of the pair. */
struct handover {
	struct sendqueue rows;
	atomic_bool complained;
};

/* Begins to send rows to sock, and starts the thread that sends those which
 * have to wait.  handover and sock must live until the process ends.  Where the
 * thread can't be started, rows that wait are sent with the next row. */
CHECK_RESULT enum error_code handover_begin(struct handover *handover, int sock,
    struct error *err);

/* Sends a row: a ledger_heir_function, with a struct handover for its
 * context.  Any thread; never blocks. */
void handover_send(void *handover, const struct row *row);

/* What sends rows and scans to the successor.  handover must outlive it. */
struct scanner_heir handover_heir(struct handover *handover);

/* Waits until all rows are sent, or until (monotime.h).  Where rows were lost
 * the log says so, if it has not yet. */
void handover_end(struct handover *handover, int64_t until);

/* The successor: takes what is in sock by now, and starts a thread that takes
 * what comes, until the filter before has ended.  sock is closed by it.
 * scanner must outlive it. */
CHECK_RESULT enum error_code handover_receive(int sock, struct scanner *scanner,
    struct error *err);

#endif
