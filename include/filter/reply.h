/* reply - the text of a refusal, made safe for libmilter and the MTA
 *
 * What smfi_setreply() asks for: the text has no CR or LF and at most 980 bytes
 * (MAXREPLYLEN), and each '%' in it is doubled, since Sendmail drops a text
 * with a lone one.  A 4xx code counts only with a tempfail, a 5xx code only
 * with a reject.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_REPLY_H
#define FILTER_REPLY_H

#include "config/config.h"
#include "wire/verdict.h"

struct reply {
	char code[4];   /* RFC 5321 */
	char status[8]; /* RFC 3463 */
	char text[900]; /* '%' already doubled */
};

/* The reply for a rejected or deferred message, from the administrator's
 * template of that verdict.  queue_id may be NULL. */
void reply_make(const struct config *config, enum action action,
    const struct verdict *verdict, const char *queue_id, struct reply *reply_r);

#endif
