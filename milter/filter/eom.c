/* eom - the end of a message: scan, wait, decide, answer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/eom.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/monotime.h"
#include "base/text.h"
#include "config/config.h"
#include "eom_hold.h"
#include "eom_label.h"
#include "eom_wait.h"
#include "filter/connection.h"
#include "filter/filter_state.h"
#include "filter/reply.h"
#include "hold/hold.h"
#include "ledger/ledger.h"

static int64_t
deadline_of(const struct config *config, enum session_kind kind)
{
	switch (kind) {
	case SESSION_SUBMISSION:
		return config->deadline_reply_submission;
	case SESSION_LOCAL:
		return config->deadline_reply_local;
	case SESSION_MTA:
		break;
	}
	return config->deadline_reply;
}

static void
begin(struct eom *eom, SMFICTX *ctx, struct session *session)
{
	char auth_type[] = "{auth_type}", queue_id[] = "i";

	memset(eom, 0, sizeof *eom);
	eom->started = monotime_now();
	eom->ctx = ctx;
	eom->session = session;
	eom->filter = session->filter;
	eom->config = session->config;
	eom->kind = session_kind(session,
	    smfi_getsymval(ctx, auth_type) != NULL);
	eom->reply_at = eom->started +
	    filter_state_shorten(eom->filter,
		deadline_of(eom->config, eom->kind),
		eom->kind == SESSION_LOCAL);
	debts_add(&eom->filter->debts, &eom->owed, eom->reply_at);
	eom->until = eom->reply_at - eom_hold_time(eom);
	eom->progress_at = eom->started + eom->config->deadline_progress;
	eom->record.session = session;
	eom->record.queue_id = smfi_getsymval(ctx, queue_id);
}

/* As eom_go_on(); and false as soon as the service is being stopped, since the
 * scan may not end before that. */
static bool
wait_on(struct eom *eom)
{
	return eom_go_on(eom) && !filter_state_is_draining(eom->filter);
}

/* Ends the message and learns its key.  False if that failed; the verdict says
 * why. */
static bool
seal(struct eom *eom)
{
	struct msgbuf *buf = eom->session->message->buf;
	enum error_code code;
	struct error err;

	if (eom->session->message->too_many) {
		eom_set_verdict(eom, VERDICT_ERROR, "too-many-recipients");
		return false;
	}
	if (eom->session->connection->overfull) {
		eom_set_verdict(eom, VERDICT_ERROR, "envelope-memory");
		return false;
	}
	message_complete(eom->session->message);
	code = msgbuf_seal(buf, 0, &err);
	while (code == ERROR_TIMEOUT) {
		if (!eom_may_wait(eom))
			return false;
		code = msgbuf_seal(buf, eom_slice_end(eom), &err);
		if (code == ERROR_TIMEOUT && !wait_on(eom))
			break;
	}
	if (code != ERROR_NONE) {
		eom_set_verdict(eom, VERDICT_ERROR, err.text);
		return false;
	}
	eom->key = msgbuf_key(buf);
	eom->envelope = key_of_envelope(eom->session->message->sender,
	    eom->session->message->recipients,
	    eom->session->message->recipient_count);
	eom->record.key = &eom->key;
	return true;
}

static bool
submit(struct eom *eom)
{
	const struct message *message = eom->session->message;
	struct scan_request request = {
		.key = eom->key,
		.envelope = eom->envelope,
		.content = msgbuf_content(message->buf),
		.cut = msgbuf_is_cut(message->buf),
		.structure = message->structure,
		.network = eom->session->network,
		.patience = eom->until - monotime_now(),
	};
	struct error err;

	if (scanner_submit(eom->filter->scanner, &request, &eom->ticket,
		&err) == ERROR_NONE)
		return true;
	eom_set_verdict(eom, VERDICT_ERROR, err.text);
	return false;
}

/* Waits for the verdict until the reply is due. */
static void
await(struct eom *eom)
{
	struct scan_outcome *outcome = &eom->record.outcome;
	int64_t began = monotime_now();
	bool known = ticket_wait(eom->ticket, 0, outcome);

	if (!known && ticket_is_hopeless(eom->ticket)) {
		outcome->source = ticket_source(eom->ticket);
		eom_set_verdict(eom, VERDICT_LATE, "overloaded");
		return;
	}
	if (!known && !eom_may_wait(eom))
		return;
	while (!known) {
		known = ticket_wait(eom->ticket, eom_slice_end(eom), outcome);
		if (!known && !wait_on(eom))
			break;
	}
	eom->record.wait_time = monotime_now() - began;
	if (known)
		return;
	outcome->source = ticket_source(eom->ticket);
	if (filter_state_is_draining(eom->filter))
		eom_set_verdict(eom, VERDICT_ERROR, "shutting-down");
	else if (ticket_lacks_engine(eom->ticket))
		eom_set_verdict(eom, VERDICT_ERROR, "no-engine");
	else
		eom_set_verdict(eom, VERDICT_LATE, "scan-running");
}

/* Keeps in the ledger that this mail was answered "later" or is held, so that
 * the verdict is there for its next try, or for its release. */
static void
remember(struct eom *eom)
{
	const struct message *message = eom->session->message;
	const struct verdict *verdict = &eom->record.outcome.verdict;
	struct row_try try = {
		.envelope = eom->envelope,
		.reason = verdict->name,
		.sender = message->sender,
		.recipients = message->recipients,
		.recipient_count = message->recipient_count,
		.message_id = message->message_id,
		.queue_id = eom->record.queue_id,
		.held = eom->record.action == ACTION_HOLD,
	};

	if (eom->record.key == NULL || verdict_is_final(verdict))
		return;
	scanner_defer(eom->filter->scanner, eom->record.key, &try);
}

static sfsistat
refuse(struct eom *eom)
{
	struct reply reply;

	reply_make(eom->config, eom->record.action,
	    &eom->record.outcome.verdict, eom->record.queue_id, &reply);
	if (smfi_setreply(eom->ctx, reply.code, reply.status, reply.text) !=
	    MI_SUCCESS)
		log_msg(LOG_LEVEL_ERROR,
		    "libmilter refused the reply text \"%s\"", reply.text);
	return eom->record.action == ACTION_REJECT ? SMFIS_REJECT
						   : SMFIS_TEMPFAIL;
}

static sfsistat
defer(struct eom *eom)
{
	eom->record.action = ACTION_TEMPFAIL;
	remember(eom);
	return refuse(eom);
}

/* Labels the message and accepts it, perhaps into the MTA's quarantine.  One
 * that the MTA doesn't let us label is deferred, since it might carry somebody
 * else's label.  mark is that of a held mail, or NULL. */
static sfsistat
let_pass(struct eom *eom, const char *mark)
{
	enum action action = eom->record.action;
	char status[192];

	eom_status_text(eom, mark, status, sizeof status);
	if (eom_label(eom, status)) {
		if (action != ACTION_QUARANTINE && action != ACTION_HOLD)
			return SMFIS_CONTINUE;
		if (smfi_quarantine(eom->ctx, status) == MI_SUCCESS)
			return SMFIS_CONTINUE;
	}
	eom_set_verdict(eom, VERDICT_ERROR, "mta-refused-change");
	eom->record.action = ACTION_TEMPFAIL;
	return refuse(eom);
}

/* Holds the message: writes it to disk, and only then accepts it into the MTA's
 * quarantine. */
static sfsistat
keep(struct eom *eom)
{
	struct held *held;
	sfsistat reply;

	if (!eom_hold(eom, &held)) {
		eom->record.action = ACTION_TEMPFAIL;
		return eom->mta_gone ? SMFIS_TEMPFAIL : defer(eom);
	}
	reply = let_pass(eom, held_mark(held));
	if (reply == SMFIS_CONTINUE) {
		remember(eom);
		hold_confirm(&held, &eom->ticket);
	}
	hold_cancel(&held);
	return reply;
}

static sfsistat
act(struct eom *eom)
{
	enum verdict_kind kind = eom->record.outcome.verdict.kind;

	eom->record.action = eom_action_for(eom, kind);
	switch (eom->record.action) {
	case ACTION_TEMPFAIL:
		return defer(eom);
	case ACTION_REJECT:
		return refuse(eom);
	case ACTION_DISCARD:
		return SMFIS_DISCARD;
	case ACTION_OFF:
	case ACTION_ACCEPT:
	case ACTION_HOLD:
	case ACTION_QUARANTINE:
		break;
	}
	if (eom_has_too_many_foreign(eom)) {
		eom_set_verdict(eom, VERDICT_UNSCANNABLE,
		    "foreign-virus-headers");
		eom->record.action = ACTION_REJECT;
		return refuse(eom);
	}
	return eom->record.action == ACTION_HOLD ? keep(eom)
						 : let_pass(eom, NULL);
}

static void
log_gone(const struct eom *eom)
{
	char id[64];

	text_field(id, sizeof id, eom->record.queue_id);
	log_msg(LOG_LEVEL_NOTICE, "%s: the MTA left before its reply",
	    id[0] != '\0' ? id : "NOQUEUE");
}

sfsistat
eom_answer(SMFICTX *ctx, struct session *session)
{
	struct eom eom;
	sfsistat reply = SMFIS_TEMPFAIL;

	begin(&eom, ctx, session);
	if (seal(&eom) && submit(&eom))
		await(&eom);
	if (eom.kind == SESSION_LOCAL)
		filter_state_local_reply(eom.filter,
		    eom.record.wait_time > 0 &&
			!verdict_is_final(&eom.record.outcome.verdict));
	eom.record.action = ACTION_TEMPFAIL;
	if (!eom.mta_gone)
		reply = act(&eom);
	if (eom.mta_gone)
		log_gone(&eom);
	if (eom.waiting)
		filter_state_wait_end(eom.filter);
	/* Last, so that a scan that is to go on is known to be. */
	ticket_close(&eom.ticket);
	eom.record.total_time = monotime_now() - eom.started;
	record_log(&eom.record);
	debts_remove(&eom.filter->debts, &eom.owed);
	return reply;
}
