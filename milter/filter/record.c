/* record - the one log line of a message
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/record.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/monotime.h"
#include "base/tally.h"
#include "base/text.h"
#include "filter/session.h"

/* "<address>", whether the MTA gave the brackets or not. */
static const char *
bracketed(char *out, size_t size, const char *address)
{
	char safe[256];

	text_field(safe, sizeof safe, address);
	if (safe[0] == '<')
		return text_field(out, size, safe);
	snprintf(out, size, "<%s>", safe);
	return out;
}

static const char *
or_else(const char *s, const char *otherwise)
{
	return s[0] != '\0' ? s : otherwise;
}

static const char *
or_dash(const char *s)
{
	return or_else(s, "-");
}

#define DEFERRED(reason) \
	{ \
		reason, TALLY_INIT("mails were deferred, reason=" reason) \
	}

/* What all mail is deferred for while it lasts. */
static struct {
	const char *reason;
	struct tally tally;
} deferred[] = {
	DEFERRED("envelope-memory"),
	DEFERRED("network-share"),
	DEFERRED("no-engine"),
	DEFERRED("overloaded"),
	DEFERRED("queue-full"),
	DEFERRED("shutting-down"),
	DEFERRED("too-many-waiting"),
};

/* False if the message is only counted. */
static bool
has_line(const struct record *record)
{
	const struct verdict *verdict = &record->outcome.verdict;

	if (record->action != ACTION_TEMPFAIL)
		return true;
	for (size_t i = 0; i < sizeof deferred / sizeof *deferred; i++)
		if (strcmp(verdict_reason(verdict), deferred[i].reason) == 0)
			return tally_add(&deferred[i].tally);
	return true;
}

void
record_log(const struct record *record)
{
	const struct message *message = record->session->message;
	const struct scan_outcome *outcome = &record->outcome;
	char id[64], from[260], key[KEY_SHORT_SIZE] = "-";

	if (!has_line(record))
		return;
	if (record->key != NULL)
		key_short(record->key, key);
	log_msg(LOG_LEVEL_INFO,
	    "%s: client=%s, from=%s, nrcpt=%zu, "
	    "message-id=%s, size=%llu, key=%s, "
	    "verdict=%s, virus=%s, reason=%s, action=%s, source=%s, "
	    "generation=%s, wait_ms=%lld, scan_ms=%lld, total_ms=%lld",
	    or_else(text_field(id, sizeof id, record->queue_id), "NOQUEUE"),
	    record->session->client,
	    bracketed(from, sizeof from, message->sender),
	    message->recipient_count, or_dash(message->message_id),
	    (unsigned long long)msgbuf_size(message->buf), key,
	    verdict_kind_name(outcome->verdict.kind),
	    verdict_virus(&outcome->verdict), verdict_reason(&outcome->verdict),
	    config_action_name(record->action),
	    scan_source_name(outcome->source), or_dash(outcome->generation),
	    (long long)(record->wait_time / MONOTIME_MS),
	    (long long)(outcome->scan_time / MONOTIME_MS),
	    (long long)(record->total_time / MONOTIME_MS));
}
