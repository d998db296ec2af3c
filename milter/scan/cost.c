/* cost - how long a scan is expected to take, learnt from those that ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/cost.h"

#include <stddef.h>

#include "base/monotime.h"

/* A new scan counts as one in so many: so the mean is steady, and follows. */
#define WEIGHT 8

/* No mail is larger.  This keeps what is computed from the size in range. */
#define SIZE_SENSIBLE ((uint64_t)1 << 40)

static size_t
size_class(uint64_t size)
{
	size_t class = 0;

	while (size > 1 && class + 1 < COST_SIZES) {
		size /= 2;
		class ++;
	}
	return class;
}

int64_t
cost_expect(const struct cost *cost, enum cost_structure structure,
    uint64_t size)
{
	int64_t mean = cost->mean[structure][size_class(size)];

	if (mean > 0)
		return mean;
	if (size > SIZE_SENSIBLE)
		size = SIZE_SENSIBLE;
	return (int64_t)(size / (COST_BYTES_PER_S / 1000) + 1) * MONOTIME_MS;
}

void
cost_learn(struct cost *cost, enum cost_structure structure, uint64_t size,
    int64_t time)
{
	int64_t *mean = &cost->mean[structure][size_class(size)];

	if (time < 1)
		time = 1;
	*mean = *mean == 0 ? time : *mean + (time - *mean) / WEIGHT;
	if (*mean < 1)
		*mean = 1;
}
