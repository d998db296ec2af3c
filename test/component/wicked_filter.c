/* wicked_filter - a filter that was taken over, as the supervisor sees it
 *
 * In the place of vscan-filter.  VSCAN_WICKED says what it does once it has
 * said that it listens:
 *
 *   listens   says so again and again
 *   lost      says again and again that the engine is lost
 *   closes    closes its socket to the supervisor, and stays
 *   late      says in each report that a reply is overdue, while the file
 *             VSCAN_WICKED_FILE is there
 *
 * or, before that:
 *
 *   fails     can't start
 *   waits     gets ready only when the file VSCAN_WICKED_FILE is there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdbool.h>
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

static bool
has_file(void)
{
	const char *path = getenv("VSCAN_WICKED_FILE");

	return path != NULL && access(path, F_OK) == 0;
}

static void
report_for_ever(void)
{
	struct wire_message question, answer;
	struct error err;
	int fd;

	while (wire_recv(SUPERVISOR,
		   WIRE_ACCEPT(WIRE_REPORT) | WIRE_ACCEPT(WIRE_ENGINE),
		   &question, &fd, MONOTIME_NEVER, &err) == ERROR_NONE) {
		answer = wire_make(WIRE_REPORT);
		answer.id = has_file();
		if (question.type == WIRE_REPORT &&
		    wire_send(SUPERVISOR, &answer, -1, &err) != ERROR_NONE)
			return;
	}
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
	while (strcmp(deed, "waits") == 0 && !has_file())
		usleep(10000);
	say(WIRE_PREPARED);
	if (wire_recv(SUPERVISOR, WIRE_ACCEPT(WIRE_GO), &message, NULL,
		MONOTIME_NEVER, &err) != ERROR_NONE)
		return 1;
	say(WIRE_LISTENING);
	if (strcmp(deed, "listens") == 0)
		say_for_ever(WIRE_LISTENING);
	if (strcmp(deed, "lost") == 0)
		say_for_ever(WIRE_LOST);
	if (strcmp(deed, "closes") != 0) {
		report_for_ever();
		return 0;
	}
	close(SUPERVISOR);
	for (;;)
		pause();
}
