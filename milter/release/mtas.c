/* mtas - the MTAs that may have the mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/mtas.h"

#include <string.h>

#include "config/config.h"
#include "release/answer.h"
#include "release/postfix.h"
#include "release/sendmail.h"

/* What follows the kind ("postfix:") in mta; NULL if it is of another kind. */
static const char *
place_of(const char *mta, const char *kind)
{
	size_t len = strlen(kind);

	return strncmp(mta, kind, len) == 0 ? mta + len : NULL;
}

bool
mtas_is_postfix(const char *mta)
{
	return place_of(mta, "postfix:") != NULL;
}

static void
ask(const struct config *config, const char *mta, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	const char *postfix = place_of(mta, "postfix:");
	const char *sendmail = place_of(mta, "sendmail:");

	if (postfix != NULL)
		postfix_act(postfix, verb, mail, reply_r);
	else if (sendmail != NULL)
		sendmail_act(config->hold_sendmail, sendmail, verb, mail,
		    reply_r);
	else
		answer(reply_r, RELEASE_FAILED, "not a known kind of MTA");
}

/* How much an MTA's answer counts where none has the mail: the greatest is the
 * one that is given. */
static int
weight(uint32_t result)
{
	switch (result) {
	case RELEASE_FAILED:
		return 2;
	case RELEASE_OTHER:
		return 1;
	default:
		return 0;
	}
}

const char *
mtas_act(const struct config *config, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	const char *about = NULL;

	answer(reply_r, RELEASE_ABSENT, "%s", "");
	for (size_t i = 0; i < config->hold_mta.count; i++) {
		const char *mta = config->hold_mta.items[i];
		struct release_reply reply;

		ask(config, mta, verb, mail, &reply);
		if (reply.result == RELEASE_DONE ||
		    reply.result == RELEASE_NOT_HELD) {
			*reply_r = reply;
			return mta;
		}
		if (reply.result == RELEASE_ABSENT &&
		    reply_r->result == RELEASE_ABSENT && reply.text[0] != '\0')
			*reply_r = reply;
		if (weight(reply.result) > weight(reply_r->result)) {
			*reply_r = reply;
			about = mta;
		}
	}
	return about;
}
