/* policy - what is done about a message, as a pure function
 *
 * The action depends on the message's facts and the recipient; of several
 * recipients the strictest action wins, since a milter gives one answer for
 * all.  Nothing here has state or does anything.  Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_POLICY_H
#define FILTER_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "wire/verdict.h"

struct policy_message {
	enum verdict_kind verdict;
	/* A person waits: an authenticated client, or local submission. */
	bool submission;
};

/* The action for one recipient.  There are no rules by recipient yet, so it
 * makes no difference which. */
enum action policy_decide(const struct config *config,
    const struct policy_message *message, const char *recipient);

/* The strictest action that policy_decide() gives for any of the recipients;
 * without recipients, that for an empty one. */
enum action policy_strictest(const struct config *config,
    const struct policy_message *message, char *const *recipients,
    size_t count);

#endif
