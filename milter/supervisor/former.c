/* former - the filter and the engines that were there before a restart
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/former.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/process.h"
#include "wire/wire.h"

/* For a filter to close the files in state_directory: it waits for mail that
 * is being held and for the store, each within seconds. */
#define LET_GO_TIME (10 * MONOTIME_S)

/* For engines to end once their filter has gone, or when they have to. */
#define ENGINES_TIME (10 * MONOTIME_S)

void
former_init(struct former *former)
{
	memset(former, 0, sizeof *former);
	former->sock = former->log = -1;
	former->end_by = former->engines_end_by = MONOTIME_NEVER;
	for (int i = 0; i < GENERATIONS_MAX; i++)
		former->engines[i].sock = -1;
}

/* Once.  One that has ended in this moment is reaped next. */
static void
retire_engines(struct former *former)
{
	struct wire_message message = wire_make(WIRE_RETIRE);
	enum error_code code;
	struct error err;

	for (int i = 0; i < GENERATIONS_MAX && !former->retired; i++) {
		if (former->engines[i].sock < 0)
			continue;
		code = wire_send(former->engines[i].sock, &message, -1, &err);
		if (code != ERROR_NONE && code != ERROR_GONE)
			log_error(LOG_LEVEL_WARNING,
			    "the supervisor can't tell an engine from "
			    "before the restart to retire",
			    &err);
	}
	former->retired = true;
}

void
former_hand_over(struct former *former, int rows)
{
	struct wire_message message = wire_make(WIRE_HANDOVER);
	struct error err;

	former->state = FORMER_HANDING_OVER;
	former->end_by = monotime_after(LET_GO_TIME);
	if (wire_send(former->sock, &message, rows, &err) != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR,
		    "the filter from before the restart can't be told to hand "
		    "over, and is killed",
		    &err);
		kill(former->filter, SIGKILL);
	}
	fd_close(&rows);
	retire_engines(former);
}

/* The filter gives the scans of this engine no successors. */
static void
withdraw(const struct former *former, const struct former_engine *engine)
{
	struct wire_message message = wire_make(WIRE_WITHDRAW);
	struct error err;

	message.id = engine->serial;
	wire_set_text(&message, engine->name);
	if (wire_send(former->sock, &message, -1, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the filter from before the restart can't be told that "
		    "its engine ends",
		    &err);
}

void
former_make_room(struct former *former)
{
	if (former->makes_room)
		return;
	former->makes_room = true;
	former->engines_end_by = monotime_after(ENGINES_TIME);
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (former->engines[i].pid > 0 && former->sock >= 0)
			withdraw(former, &former->engines[i]);
	retire_engines(former);
}

void
former_hear(struct former *former)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(former->sock,
	    WIRE_ACCEPT(WIRE_LET_GO) | WIRE_ACCEPT(WIRE_LOST) |
		WIRE_ACCEPT(WIRE_RELEASED) | WIRE_ACCEPT(WIRE_REPORT),
	    &message, NULL, 0, &err);
	if (code == ERROR_TIMEOUT)
		return;
	if (code == ERROR_NONE && message.type == WIRE_LET_GO &&
	    former->state == FORMER_HANDING_OVER) {
		former->state = FORMER_LEAVING;
		former->end_by = MONOTIME_NEVER;
	}
	if (code == ERROR_NONE)
		return;
	if (code != ERROR_GONE)
		log_error(LOG_LEVEL_ERROR,
		    "the filter from before the restart breaks the "
		    "supervisor's protocol, and is killed",
		    &err);
	kill(former->filter, SIGKILL);
	fd_close(&former->sock);
}

static void
filter_ended(struct former *former, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char how[80];

	log_msg(well ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
	    "the filter from before the restart %s",
	    process_end_text(status, how, sizeof how));
	if (former->state == FORMER_ACCEPTING)
		retire_engines(former);
	former->state = FORMER_GONE;
	former->filter = 0;
	fd_close(&former->sock);
	former->end_by = monotime_after(ENGINES_TIME);
}

static bool
take_end(struct former *former, pid_t pid, int status)
{
	if (former->filter > 0 && pid == former->filter) {
		filter_ended(former, status);
		return true;
	}
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		if (former->engines[i].pid != pid)
			continue;
		former->engines[i].pid = 0;
		fd_close(&former->engines[i].sock);
		return true;
	}
	return false;
}

bool
former_reaped(struct former *former, pid_t pid, int status)
{
	if (!take_end(former, pid, status))
		return false;
	if (!former_any(former))
		fd_close(&former->log);
	return true;
}

void
former_drain(struct former *former, uint32_t flags)
{
	struct wire_message message = wire_make(WIRE_DRAIN);
	struct error err;

	message.flags = flags;
	if (former->filter > 0 &&
	    (former->sock < 0 ||
		wire_send(former->sock, &message, -1, &err) != ERROR_NONE))
		kill(former->filter, SIGKILL);
}

static void
kill_engines(struct former *former)
{
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		fd_close(&former->engines[i].sock);
		if (former->engines[i].pid > 0)
			kill(former->engines[i].pid, SIGKILL);
	}
}

void
former_kill(struct former *former)
{
	former->end_by = MONOTIME_NEVER;
	fd_close(&former->sock);
	if (former->filter > 0)
		kill(former->filter, SIGKILL);
	kill_engines(former);
}

/* For the log. */
static void
say_overdue(void)
{
	log_msg(LOG_LEVEL_WARNING,
	    "the filter or an engine from before the restart did not end in "
	    "time, and is killed");
}

int64_t
former_run(struct former *former)
{
	int64_t now = monotime_now();

	if (now >= former->end_by) {
		if (former_any(former))
			say_overdue();
		former_kill(former);
	}
	if (now >= former->engines_end_by) {
		if (former_has_engines(former))
			say_overdue();
		former->engines_end_by = MONOTIME_NEVER;
		kill_engines(former);
	}
	return former->end_by < former->engines_end_by ? former->end_by
						       : former->engines_end_by;
}

bool
former_has_engines(const struct former *former)
{
	bool any = false;

	for (int i = 0; i < GENERATIONS_MAX; i++)
		any |= former->engines[i].pid > 0;
	return any;
}

bool
former_serves(const struct former *former)
{
	return former->state == FORMER_ACCEPTING && !former->makes_room &&
	    former_has_engines(former);
}

bool
former_any(const struct former *former)
{
	return former->filter > 0 || former_has_engines(former);
}
