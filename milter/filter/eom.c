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
#include "filter/filter.h"
#include "filter/policy.h"
#include "filter/record.h"
#include "filter/reply.h"
#include "filter/session.h"
#include "scan/ledger.h"

/* An MTA edits headers one by one, Postfix in quadratic time, and the reply
 * waits for it.  Honest mail has a handful. */
#define FOREIGN_MAX 50

/* One end of message under way. */
struct eom {
	SMFICTX *ctx;
	struct session *session;
	struct filter *filter;
	const struct config *config;
	int64_t started;
	int64_t reply_at;	/* the reply is due */
	int64_t progress_at;	/* the next sign of life is due */
	bool waiting;		/* counted in filter->waiting */
	bool mta_gone;
	enum session_kind kind;
	struct key key;
	struct record record;
	struct ticket *ticket;
};

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
	eom->config = session->filter->config;
	eom->kind = session_kind(session,
	    smfi_getsymval(ctx, auth_type) != NULL);
	eom->reply_at = eom->started + filter_shorten(eom->filter,
	    deadline_of(eom->config, eom->kind), eom->kind == SESSION_LOCAL);
	eom->progress_at = eom->started + eom->config->deadline_progress;
	eom->record.session = session;
	eom->record.queue_id = smfi_getsymval(ctx, queue_id);
}

static void
set_verdict(struct eom *eom, enum verdict_kind kind, const char *name)
{
	eom->record.outcome.verdict = verdict_make(kind, name);
}

/* From here the callback may block: it is counted, and leaves libmilter a
 * thread in its place. */
static bool
may_wait(struct eom *eom)
{
	if (eom->waiting)
		return true;
	if (filter_is_draining(eom->filter)) {
		set_verdict(eom, VERDICT_ERROR, "shutting-down");
		return false;
	}
	if (!filter_wait_begin(eom->filter)) {
		set_verdict(eom, VERDICT_ERROR, "too-many-waiting");
		return false;
	}
	eom->waiting = true;
	wakeup_connect(&eom->filter->wakeup);
	return true;
}

/* The end of the next slice of waiting. */
static int64_t
slice_end(const struct eom *eom)
{
	return eom->progress_at < eom->reply_at ? eom->progress_at
						: eom->reply_at;
}

/* After a slice: false when the reply is due, or nobody is left to hear it. */
static bool
go_on(struct eom *eom)
{
	int64_t now = monotime_now();

	if (now >= eom->reply_at)
		return false;
	if (now < eom->progress_at)
		return !filter_is_draining(eom->filter);
	eom->progress_at = now + eom->config->deadline_progress;
	eom->mta_gone = smfi_progress(eom->ctx) != MI_SUCCESS;
	return !eom->mta_gone;
}

/* All bytes in place, or a reason why not. */
static bool
seal(struct eom *eom)
{
	struct msgbuf *buf = eom->session->message->buf;
	enum error_code code;
	struct error err;

	if (eom->session->message->too_many) {
		set_verdict(eom, VERDICT_ERROR, "too-many-recipients");
		return false;
	}
	message_complete(eom->session->message);
	code = msgbuf_seal(buf, 0, &err);
	while (code == ERROR_TIMEOUT) {
		if (!may_wait(eom))
			return false;
		code = msgbuf_seal(buf, slice_end(eom), &err);
		if (code == ERROR_TIMEOUT && !go_on(eom))
			break;
	}
	if (code != ERROR_NONE) {
		set_verdict(eom, VERDICT_ERROR, err.text);
		return false;
	}
	eom->key = msgbuf_key(buf);
	eom->record.key = &eom->key;
	return true;
}

static bool
submit(struct eom *eom)
{
	const struct message *message = eom->session->message;
	struct scan_request request = {
		.key = eom->key,
		.envelope = key_of_envelope(message->sender,
		    message->recipients, message->recipient_count),
		.content = msgbuf_content(message->buf),
		.cut = msgbuf_is_cut(message->buf),
		.structure = message->structure,
		.network = eom->session->network,
		.patience = eom->reply_at - monotime_now(),
	};
	struct error err;

	if (scanner_submit(eom->filter->scanner, &request, &eom->ticket,
	    &err) == ERROR_NONE)
		return true;
	set_verdict(eom, VERDICT_ERROR, err.text);
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
		set_verdict(eom, VERDICT_LATE, "overloaded");
		return;
	}
	if (!known && !may_wait(eom))
		return;
	while (!known) {
		known = ticket_wait(eom->ticket, slice_end(eom), outcome);
		if (!known && !go_on(eom))
			break;
	}
	eom->record.wait_time = monotime_now() - began;
	if (known)
		return;
	outcome->source = ticket_source(eom->ticket);
	if (filter_is_draining(eom->filter))
		set_verdict(eom, VERDICT_ERROR, "shutting-down");
	else
		set_verdict(eom, VERDICT_LATE, "scan-running");
}

/* All recipients in one string, as far as they fit. */
static void
join_recipients(const struct message *message, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < message->recipient_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
		    i > 0 ? " " : "", message->recipients[i]);
}

/* The answer is "later": what comes of the scan is for the retry. */
static void
remember(struct eom *eom)
{
	const struct message *message = eom->session->message;
	const struct verdict *verdict = &eom->record.outcome.verdict;
	char recipients[512];
	struct ledger_try try = {
		.envelope = key_of_envelope(message->sender,
		    message->recipients, message->recipient_count),
		.sender = message->sender,
		.recipients = recipients,
		.message_id = message->message_id,
		.queue_id = eom->record.queue_id,
	};

	if (eom->record.key == NULL || verdict_is_final(verdict))
		return;
	join_recipients(message, recipients, sizeof recipients);
	scanner_defer(eom->filter->scanner, eom->record.key, &try,
	    verdict->name);
}

/* "Infected (NAME)" and the like. */
static void
status_text(const struct verdict *verdict, char *out, size_t size)
{
	static const char *const labels[VERDICT_KINDS] = {
		[VERDICT_ERROR] = "Not scanned",
		[VERDICT_CLEAN] = "Clean",
		[VERDICT_INFECTED] = "Infected",
		[VERDICT_ENCRYPTED] = "Encrypted",
		[VERDICT_MACRO] = "Macro",
		[VERDICT_PHISHING] = "Phishing",
		[VERDICT_PUA] = "PUA",
		[VERDICT_INCOMPLETE] = "Incomplete",
		[VERDICT_LATE] = "Not scanned",
		[VERDICT_UNSCANNABLE] = "Unscannable",
	};

	if (verdict->name[0] == '\0')
		snprintf(out, size, "%s", labels[verdict->kind]);
	else
		snprintf(out, size, "%s (%s)", labels[verdict->kind],
		    verdict->name);
}

/* What came under our names is removed, last one first, since each removal
 * renumbers those behind it. */
static bool
remove_foreign(struct eom *eom, enum header_own own)
{
	char name[32];

	snprintf(name, sizeof name, "%s", header_own_name(own));
	for (unsigned n = eom->session->message->own_headers[own]; n > 0; n--)
		if (smfi_chgheader(eom->ctx, name, (int)n, NULL) != MI_SUCCESS)
			return false;
	return true;
}

/* With SMFIP_HDR_LEADSPC the space after the colon is ours to give. */
static bool
add_own(struct eom *eom, enum header_own own, const char *value)
{
	bool space = (eom->session->steps & SMFIP_HDR_LEADSPC) != 0;
	char name[32], text[640];

	snprintf(name, sizeof name, "%s", header_own_name(own));
	snprintf(text, sizeof text, "%s%s", space ? " " : "", value);
	return smfi_addheader(eom->ctx, name, text) == MI_SUCCESS;
}

static bool
label(struct eom *eom)
{
	char mta[] = "j", host[256], scanned[400], status[192];
	const char *name = smfi_getsymval(eom->ctx, mta);
	bool ok = true;

	text_field(host, sizeof host, name != NULL ? name
						   : eom->filter->host);
	snprintf(scanned, sizeof scanned, "vscan-milter %s at %s",
	    VSCAN_VERSION, host);
	status_text(&eom->record.outcome.verdict, status, sizeof status);
	if (!eom->session->keep_own)
		ok = remove_foreign(eom, HEADER_SCANNED) &&
		    remove_foreign(eom, HEADER_STATUS);
	return ok && add_own(eom, HEADER_SCANNED, scanned) &&
	    add_own(eom, HEADER_STATUS, status);
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

static bool
has_too_many_foreign(const struct eom *eom)
{
	const unsigned *count = eom->session->message->own_headers;

	return !eom->session->keep_own &&
	    (count[HEADER_SCANNED] > FOREIGN_MAX ||
	    count[HEADER_STATUS] > FOREIGN_MAX);
}

/* A message that can't be labelled is not let through: it might carry
 * somebody else's label. */
static sfsistat
let_pass(struct eom *eom)
{
	char reason[192];

	if (has_too_many_foreign(eom)) {
		set_verdict(eom, VERDICT_UNSCANNABLE, "foreign-virus-headers");
		eom->record.action = ACTION_REJECT;
		return refuse(eom);
	}
	if (label(eom)) {
		if (eom->record.action != ACTION_QUARANTINE)
			return SMFIS_CONTINUE;
		status_text(&eom->record.outcome.verdict, reason,
		    sizeof reason);
		if (smfi_quarantine(eom->ctx, reason) == MI_SUCCESS)
			return SMFIS_CONTINUE;
	}
	set_verdict(eom, VERDICT_ERROR, "mta-refused-change");
	eom->record.action = ACTION_TEMPFAIL;
	return refuse(eom);
}

static sfsistat
act(struct eom *eom)
{
	const struct message *message = eom->session->message;
	struct policy_message facts = {
		.verdict = eom->record.outcome.verdict.kind,
		.submission = eom->kind != SESSION_MTA,
	};

	eom->record.action = policy_strictest(eom->config, &facts,
	    message->recipients, message->recipient_count);
	switch (eom->record.action) {
	case ACTION_TEMPFAIL:
		remember(eom);
		return refuse(eom);
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
	return let_pass(eom);
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
	if (eom.waiting)
		filter_wait_end(eom.filter);
	if (eom.kind == SESSION_LOCAL)
		filter_local_reply(eom.filter,
		    eom.record.outcome.verdict.kind == VERDICT_LATE);
	eom.record.action = ACTION_TEMPFAIL;
	if (eom.mta_gone)
		log_gone(&eom);
	else
		reply = act(&eom);
	/* Last, so that a scan that is to go on is known to be. */
	ticket_close(&eom.ticket);
	eom.record.total_time = monotime_now() - eom.started;
	record_log(&eom.record);
	return reply;
}
