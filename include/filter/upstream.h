/* upstream - the filter's end of its talk with the supervisor
 *
 * A thread that takes over engine generations and new configurations, hands the
 * filter's work over to another filter when it is told to, and drains the
 * filter when it is told to, or when the supervisor has gone.
 *
 *   upstream_prepare   before the files in state_directory are opened
 *   upstream_start     the filter serves
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_UPSTREAM_H
#define FILTER_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "filter/handover.h"

struct config;
struct engines;
struct filter;

struct upstream {
	int sock;     /* to the supervisor; the caller's */
	int listener; /* the milter socket, as libmilter knows it */
	/* Told of a new configuration, before any message goes by it. */
	enum error_code (
	    *reconfigured)(const struct config *config, struct error *err);
	struct filter *filter;
	struct engines *engines;
	struct handover handover; /* to the next filter, if there is one */
	int64_t over_by;          /* then it ends; 0: it is in service */
	int64_t quiet_since;      /* it had no session; 0: it had some */
};

/* The generations, of which the supervisor is told when one is lost or
 * released; upstream must outlive them. */
struct engines *upstream_create_engines(struct upstream *upstream);

/* Answers what is under way, within drain_timeout, ends the sessions
 * (hangup.h) and then the process.  last: who connects from then on is refused,
 * and doesn't wait for another filter. */
void upstream_drain(struct upstream *upstream, bool last)
    __attribute__((noreturn));

/* Says PREPARED and waits until this filter may have the files in
 * state_directory.  ERROR_GONE: the service ends, and it won't. */
CHECK_RESULT enum error_code upstream_prepare(struct upstream *upstream,
    struct error *err);

/* Says LISTENING and starts the thread, which runs until the process ends.
 * upstream must live as long. */
CHECK_RESULT enum error_code upstream_start(struct upstream *upstream,
    struct error *err);

#endif
