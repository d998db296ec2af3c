/* outage - something that does not work for a while, and how often to say so
 *
 * What is tried again every minute would be logged every minute.  It is logged
 * at once, then after 1, 2, 4, … minutes and at last each hour, and at once
 * when the reason has changed; and when it is over.
 *
 * One thread; a struct outage of zeros is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_OUTAGE_H
#define BASE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct outage {
	int64_t since; /* monotime.h; 0: there is none */
	int64_t next;  /* then it is logged again */
	int64_t pause; /* from then to the next time */
	char reason[256];
};

/* It has begun, or goes on; true if this is to be logged. */
bool outage_goes_on(struct outage *outage, const char *reason);

/* It is over; returns how long it took, or 0 if there was none. */
int64_t outage_end(struct outage *outage);

#endif
