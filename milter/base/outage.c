/* outage - something that does not work for a while, and how often to say so
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/outage.h"

#include <stdio.h>
#include <string.h>

#include "base/monotime.h"

#define PAUSE_FIRST (60 * MONOTIME_S)
#define PAUSE_MAX (60 * PAUSE_FIRST)

/* A reason that is too long is compared by its beginning. */
static bool
is_another(const struct outage *outage, const char *reason)
{
	return strncmp(outage->reason, reason, sizeof outage->reason - 1) != 0;
}

bool
outage_goes_on(struct outage *outage, const char *reason)
{
	int64_t now = monotime_now();

	if (outage->since == 0)
		outage->since = now;
	else if (now < outage->next && !is_another(outage, reason))
		return false;
	if (outage->pause == 0 || is_another(outage, reason))
		outage->pause = PAUSE_FIRST;
	outage->next = now + outage->pause;
	outage->pause *= 2;
	if (outage->pause > PAUSE_MAX)
		outage->pause = PAUSE_MAX;
	snprintf(outage->reason, sizeof outage->reason, "%s", reason);
	return true;
}

int64_t
outage_end(struct outage *outage)
{
	int64_t took = outage->since == 0 ? 0 : monotime_now() - outage->since;

	memset(outage, 0, sizeof *outage);
	return took;
}
