/* held - one mail that is held, from its making to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "held.h"

#include <stdlib.h>

#include "hold_internal.h"

uint64_t
held_room(const struct held *held)
{
	return held->mail.size + HOLD_OVERHEAD;
}

void
held_free(struct held *held)
{
	struct hold *hold = held->hold;

	pthread_mutex_lock(&hold->lock);
	hold->disk -= held_room(held);
	pthread_mutex_unlock(&hold->lock);
	free(held);
}
