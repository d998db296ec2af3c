/* eom_hold - has a mail whose verdict is not there yet held by the MTA
 *
 * In the thread of the callback.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_EOM_HOLD_H
#define FILTER_EOM_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct eom;
struct held;

/* How long before the reply the wait for the verdict has to end, so that a
 * late mail can be held (ns). */
int64_t eom_hold_time(const struct eom *eom);

/* Makes the mail safe on disk.  Then *held_r is to be confirmed or cancelled;
 * NULL if it can't be held, and the verdict says why. */
bool eom_hold(struct eom *eom, struct held **held_r);

#endif
