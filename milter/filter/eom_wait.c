/* eom_wait - one end of message under way, and how it waits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "eom_wait.h"

#include "base/monotime.h"
#include "config/config.h"
#include "filter/filter_state.h"
#include "filter/policy.h"

enum action
eom_action_for(const struct eom *eom, enum verdict_kind kind)
{
	const struct message *message = eom->session->message;
	struct policy_message facts = {
		.verdict = kind,
		.submission = eom->kind != SESSION_MTA,
	};

	return policy_strictest(eom->config, &facts, message->recipients,
	    message->recipient_count);
}

void
eom_set_verdict(struct eom *eom, enum verdict_kind kind, const char *name)
{
	eom->record.outcome.verdict = verdict_make(kind, name);
}

bool
eom_may_wait(struct eom *eom)
{
	if (eom->waiting)
		return true;
	if (filter_state_is_draining(eom->filter)) {
		eom_set_verdict(eom, VERDICT_ERROR, "shutting-down");
		return false;
	}
	if (!filter_state_wait_begin(eom->filter)) {
		eom_set_verdict(eom, VERDICT_ERROR, "too-many-waiting");
		return false;
	}
	eom->waiting = true;
	return true;
}

int64_t
eom_slice_end(const struct eom *eom)
{
	return eom->progress_at < eom->until ? eom->progress_at : eom->until;
}

bool
eom_go_on(struct eom *eom)
{
	int64_t now = monotime_now();

	if (now >= eom->until)
		return false;
	if (now < eom->progress_at)
		return true;
	eom->progress_at = now + eom->config->deadline_progress;
	eom->mta_gone = smfi_progress(eom->ctx) != MI_SUCCESS;
	return !eom->mta_gone;
}
