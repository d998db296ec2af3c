/* handover - what a filter learns after its successor has taken over
 *
 * At a restart the filter that was there before goes on for a while, for the
 * sessions and scans that it has.  It has given the store (store.h) to its
 * successor by then; each row of the ledger that changes in it from then on,
 * such as a late verdict, goes straight to the successor, which keeps it.
 *
 * Rows go over a seqpacket pair, whose ends the supervisor gives to both.  The
 * two may be of different builds, for which row_pack() is made.  What doesn't
 * fit into the pair's buffer is lost, which the log says once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_HANDOVER_H
#define FILTER_HANDOVER_H

#include <stdbool.h>

#include "base/error.h"

struct row;
struct scanner;

/* The filter before: one end of the pair. */
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
