/* wicked_filter - a filter that was taken over, as the supervisor sees it
 *
 * In the place of vscan-filter.  VSCAN_WICKED says what it does once it has
 * said that it listens:
 *
 *   listens   says so again and again
 *   lost      says again and again that the engine is lost
 *   closes    closes its socket to the supervisor, and stays
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/monotime.h"
#include "base/process.h"
#include "wire/wire.h"

#define SUPERVISOR 3

static void
say(enum wire_type type)
{
	struct wire_message message = wire_make(type);
	struct error err;

	/* What the supervisor has no room for is lost. */
	if (wire_send(SUPERVISOR, &message, -1, &err) == ERROR_LIMIT)
		usleep(1000);
}

static void
say_for_ever(enum wire_type type)
{
	for (;;)
		say(type);
}

int
main(void)
{
	const char *deed = getenv("VSCAN_WICKED");
	struct wire_message message;
	struct error err;

	process_die_with_parent();
	if (deed == NULL)
		return 1;
	if (strcmp(deed, "fails") == 0) {
		message = wire_make(WIRE_FAILED);
		strcpy(message.text, "what it needs is not there");
		return wire_send(SUPERVISOR, &message, -1, &err) != ERROR_NONE;
	}
	say(WIRE_PREPARED);
	if (wire_recv(SUPERVISOR, WIRE_ACCEPT(WIRE_GO), &message, NULL,
		MONOTIME_NEVER, &err) != ERROR_NONE)
		return 1;
	say(WIRE_LISTENING);
	if (strcmp(deed, "listens") == 0)
		say_for_ever(WIRE_LISTENING);
	if (strcmp(deed, "lost") == 0)
		say_for_ever(WIRE_LOST);
	close(SUPERVISOR);
	for (;;)
		pause();
}
