/* policy - what is done about a message, as a pure function
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/policy.h"

enum action
policy_decide(const struct config *config, const struct policy_message *message,
    const char *recipient)
{
	(void)recipient;
	switch (message->verdict) {
	case VERDICT_CLEAN:
		return (enum action)config->action_clean;
	case VERDICT_INFECTED:
		return (enum action)config->action_infected;
	case VERDICT_ENCRYPTED:
		return (enum action)config->action_encrypted;
	case VERDICT_MACRO:
		return (enum action)config->action_macro;
	case VERDICT_PHISHING:
		return (enum action)config->action_phishing;
	case VERDICT_PUA:
		return (enum action)config->action_pua;
	case VERDICT_INCOMPLETE:
		return (enum action)config->action_incomplete;
	case VERDICT_LATE:
		return (enum action)(message->submission
			? config->action_late_submission
			: config->action_late);
	case VERDICT_UNSCANNABLE:
		return (enum action)config->action_unscannable;
	case VERDICT_ERROR:
	case VERDICT_KINDS:
		break;
	}
	return (enum action)config->action_error;
}

enum action
policy_strictest(const struct config *config,
    const struct policy_message *message, char *const *recipients, size_t count)
{
	enum action strictest, action;

	if (count == 0)
		return policy_decide(config, message, "");
	strictest = policy_decide(config, message, recipients[0]);
	for (size_t i = 1; i < count; i++) {
		action = policy_decide(config, message, recipients[i]);
		if (action > strictest)
			strictest = action;
	}
	return strictest;
}
