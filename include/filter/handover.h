/* handover - what a filter learns after its successor has taken over
 *
 * At a restart the former filter goes on for a while, for the sessions and
 * scans that it has.  Its successor has the store (store.h) by then.  When a
 * row changes in the former filter's ledger, such as by a late verdict, the
 * former filter sends the row to its successor, which keeps it.
 *
 * Rows go over a seqpacket pair, whose ends the supervisor gives to both.  The
 * two filters may be of different builds, for which row_pack() is made.  A row
 * that doesn't fit into the pair's buffer is lost, and the log says so once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HANDOVER_H
#define FILTER_HANDOVER_H

#include <stdbool.h>

#include "base/error.h"

struct row;
struct scanner;

/* The former filter's end of the pair. */
struct handover {
	int sock;
	bool complained;
};

/* Sends a row: a ledger_heir_function, with a struct handover for its
 * context.  Never blocks. */
void handover_send(void *handover, const struct row *row);

/* The successor: starts a thread that takes rows from sock, which it closes,
 * until the filter before has ended.  scanner must outlive it. */
CHECK_RESULT enum error_code handover_receive(int sock, struct scanner *scanner,
    struct error *err);

#endif
