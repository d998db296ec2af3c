/* cost - how long a scan is expected to take, learnt from those that ended
 *
 * The expectation is a running mean for each class of mail, which is its
 * structure and its size to a power of two.  For a class that has not been
 * seen yet it is a guess from the size, at COST_BYTES_PER_S.  Order and
 * admission alone depend on it, so a wrong guess costs time, never a verdict.
 *
 * Not locked: the scanner that owns it calls it with its own lock held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_COST_H
#define SCAN_COST_H

#include <stdint.h>

/* How fast one core matches mail against a large signature set. */
#define COST_BYTES_PER_S 5000000
#define COST_SIZES 40

/* What the top-level Content-Type says. */
enum cost_structure {
	COST_TEXT,        /* text, or none */
	COST_ALTERNATIVE, /* multipart/alternative */
	COST_MIXED,       /* any other multipart */
	COST_OTHER,       /* a message that is an attachment */
	COST_STRUCTURES,
};

struct cost {
	int64_t mean[COST_STRUCTURES][COST_SIZES]; /* ns; 0: not seen */
};

/* The expected time of a scan in ns, at least 1. */
int64_t cost_expect(const struct cost *cost, enum cost_structure structure,
    uint64_t size);

/* A scan has ended after this time (ns). */
void cost_learn(struct cost *cost, enum cost_structure structure, uint64_t size,
    int64_t time);

#endif
