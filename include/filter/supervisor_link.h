/* supervisor_link - the filter's end of its talk with the supervisor
 *
 * A thread that takes over engine generations and new configurations, hands the
 * filter's work over to another filter when it is told to, and drains the
 * filter when it is told to, or when the supervisor has gone.
 *
 *   supervisor_link_await   before the files in state_directory are opened
 *   supervisor_link_hear_former   with the scanner, before it has mail
 *   supervisor_link_start   the filter serves
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_SUPERVISOR_LINK_H
#define FILTER_SUPERVISOR_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "filter/handover.h"

struct config;
struct engines;
struct filter_state;

struct supervisor_link {
	int sock; /* to the supervisor; the caller's */
	/* Told of a new configuration, before any message goes by it. */
	enum error_code (
	    *reconfigured)(const struct config *config, struct error *err);
	struct filter_state *filter;
	struct engines *engines;
	int former;               /* the rows of the one before, or -1 */
	struct handover handover; /* to the next filter, if there is one */
	int64_t over_by;          /* then it ends; 0: it is in service */
	int64_t quiet_since;      /* it had no session; 0: it had some */
};

/* The generations, of which the supervisor is told when one is lost or
 * released; link must outlive them. */
struct engines *supervisor_link_create_engines(struct supervisor_link *link);

/* Answers what is under way, within drain_timeout, ends the sessions
 * (hangup.h) and then the process.  last: who connects from then on is refused,
 * and doesn't wait for another filter. */
void supervisor_link_drain(struct supervisor_link *link, bool last)
    __attribute__((noreturn));

/* Says PREPARED and waits until this filter may have the files in
 * state_directory.  ERROR_GONE: the service ends, and it won't. */
CHECK_RESULT enum error_code supervisor_link_await(struct supervisor_link *link,
    struct error *err);

/* Takes over what the filter before, if there is one, still has and learns. */
void supervisor_link_hear_former(struct supervisor_link *link);

/* Says LISTENING and starts the thread, which runs until the process ends.
 * link must live as long. */
CHECK_RESULT enum error_code supervisor_link_start(struct supervisor_link *link,
    struct error *err);

#endif
