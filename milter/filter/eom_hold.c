/* eom_hold - has a mail whose verdict is not there yet held by the MTA
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "eom_hold.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "eom_wait.h"
#include "filter/filter_state.h"
#include "hold/hold.h"

int64_t
eom_hold_time(const struct eom *eom)
{
	int64_t half = (eom->reply_at - eom->started) / 2;
	int64_t commit = eom->config->hold_commit;

	if (eom_action_for(eom, VERDICT_LATE) != ACTION_HOLD &&
	    eom_action_for(eom, VERDICT_ERROR) != ACTION_HOLD)
		return 0;
	return commit < half ? commit : half;
}

/* Fills in what is kept of the mail.  False if it has no queue ID by which the
 * MTA could be asked for it later. */
static bool
describe(const struct eom *eom, struct spool_mail *mail_r)
{
	const struct message *message = eom->session->message;
	const struct record *record = &eom->record;

	if (record->queue_id == NULL ||
	    strlen(record->queue_id) >= sizeof mail_r->at_mta.queue_id)
		return false;
	strcpy(mail_r->at_mta.queue_id, record->queue_id);
	mail_r->at_mta.size = message->size;
	mail_r->at_mta.arrived_at = (int64_t)time(NULL);
	mail_r->key = eom->key;
	mail_r->envelope = eom->envelope;
	mail_r->size = msgbuf_size(message->buf);
	mail_r->cut = msgbuf_is_cut(message->buf);
	mail_r->structure = message->structure;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		mail_r->actions[kind] = (uint8_t)eom_action_for(eom,
		    (enum verdict_kind)kind);
	snprintf(mail_r->reason, sizeof mail_r->reason, "%s",
	    record->outcome.verdict.name);
	return release_id_is_valid(record->queue_id);
}

/* The log gives why the mail could not be held as the verdict's reason. */
static bool
fail(struct eom *eom, const char *reason)
{
	eom_set_verdict(eom, eom->record.outcome.verdict.kind, reason);
	return false;
}

static bool
wait_safe(struct eom *eom, struct held *held)
{
	enum error_code code;
	struct error err;

	eom->until = monotime_after(eom->config->hold_commit);
	if (eom->until > eom->reply_at)
		eom->until = eom->reply_at;
	do
		code = hold_wait(held, eom_slice_end(eom), &err);
	while (code == ERROR_TIMEOUT && eom_go_on(eom));
	if (code == ERROR_NONE)
		return true;
	if (code == ERROR_TIMEOUT || code == ERROR_LIMIT)
		return fail(eom, err.text);
	log_error(LOG_LEVEL_ERROR, eom->record.queue_id, &err);
	return fail(eom, "hold-failed");
}

bool
eom_hold(struct eom *eom, struct held **held_r)
{
	struct hold_request request;
	struct error err;

	*held_r = NULL;
	if (eom->record.key == NULL || !eom_may_wait(eom))
		return false;
	memset(&request, 0, sizeof request);
	if (!describe(eom, &request.mail))
		return fail(eom, "hold-queue-id");
	request.content = msgbuf_content(eom->session->message->buf);
	if (hold_begin(eom->filter->hold, &request, held_r, &err) != ERROR_NONE)
		return fail(eom, err.text);
	if (!wait_safe(eom, *held_r))
		hold_cancel(held_r);
	return *held_r != NULL;
}
