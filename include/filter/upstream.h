/* upstream - the filter's end of its talk with the supervisor
 *
 * A thread that takes over engine generations and new configurations, and
 * drains the filter when it
 * is told to, or when the supervisor has gone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_UPSTREAM_H
#define FILTER_UPSTREAM_H

#include <stdbool.h>

#include "base/error.h"

struct config;
struct engines;
struct filter;

struct upstream {
	int sock;     /* to the supervisor; the caller's */
	int listener; /* the milter socket, as libmilter knows it */
	/* Told of a new configuration, before any message goes by it. */
	void (*reconfigured)(const struct config *config);
	struct filter *filter;
	struct engines *engines;
};

/* The generations, of which the supervisor is told when one is lost or
 * released; upstream must outlive them. */
struct engines *upstream_create_engines(struct upstream *upstream);

/* Answers what is under way, within drain_timeout, ends the sessions
 * (hangup.h) and then the process.  last: who connects from then on is refused,
 * and doesn't wait for another filter. */
void upstream_drain(struct upstream *upstream, bool last)
    __attribute__((noreturn));

/* Says LISTENING and starts the thread, which runs until the process ends.
 * upstream must live as long. */
CHECK_RESULT enum error_code upstream_start(struct upstream *upstream,
    struct error *err);

#endif
