/* reply - the text of a refusal, made safe for libmilter and the MTA
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *
template_of(const struct config *config, enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_INFECTED:
		return config->reply_infected;
	case VERDICT_ENCRYPTED:
		return config->reply_encrypted;
	case VERDICT_MACRO:
		return config->reply_macro;
	case VERDICT_PHISHING:
		return config->reply_phishing;
	case VERDICT_PUA:
		return config->reply_pua;
	case VERDICT_INCOMPLETE:
		return config->reply_incomplete;
	case VERDICT_LATE:
		return config->reply_late;
	case VERDICT_UNSCANNABLE:
		return config->reply_unscannable;
	case VERDICT_CLEAN:
	case VERDICT_ERROR:
	case VERDICT_KINDS:
		break;
	}
	return config->reply_error;
}

/* Appends s to the text, '%' doubled; what doesn't fit is left out. */
static void
append(struct reply *reply, const char *s)
{
	size_t used = strlen(reply->text);

	for (; *s != '\0' && used + 2 < sizeof reply->text; s++) {
		if (*s == '%')
			reply->text[used++] = '%';
		reply->text[used++] = *s;
	}
	reply->text[used] = '\0';
}

/* One template character, or one %-sequence; returns what follows it. */
static const char *
expand_one(struct reply *reply, const char *at, const struct verdict *verdict,
    const char *queue_id)
{
	char one[2] = { at[0], '\0' };

	if (at[0] != '%' || at[1] == '\0') {
		append(reply, one);
		return at + 1;
	}
	if (at[1] == 'v')
		append(reply, verdict->name);
	else if (at[1] == 'i')
		append(reply, queue_id);
	else
		append(reply, "%");
	return at + 2;
}

void
reply_make(const struct config *config, enum action action,
    const struct verdict *verdict, const char *queue_id, struct reply *reply_r)
{
	const char *at = template_of(config, verdict->kind);
	char id[64], template[512];

	memset(reply_r, 0, sizeof *reply_r);
	if (action == ACTION_TEMPFAIL) {
		strcpy(reply_r->code, "451");
		strcpy(reply_r->status, "4.7.1");
	} else {
		strcpy(reply_r->code,
		    verdict->kind == VERDICT_UNSCANNABLE ? "554" : "550");
		strcpy(reply_r->status, "5.7.1");
	}
	text_ascii(id, sizeof id, queue_id != NULL ? queue_id : "-");
	text_ascii(template, sizeof template, at);
	for (at = template; *at != '\0';)
		at = expand_one(reply_r, at, verdict, id);
}
