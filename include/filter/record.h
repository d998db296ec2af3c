/* record - the one log line of a message
 *
 * It looks as in Postfix's log: "QUEUEID: client=…, from=…, …".  What a sender
 * controls goes through text_field() (base/text.h), so that it can forge
 * neither a line nor a field.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_RECORD_H
#define FILTER_RECORD_H

#include <stdint.h>

#include "config/config.h"
#include "wire/key.h"
#include "scan/scanner.h"

struct session;

struct record {
	const struct session *session;
	const char *queue_id;  /* NULL: the MTA gave none */
	const struct key *key; /* NULL: not known */
	struct scan_outcome outcome;
	enum action action;
	int64_t wait_time;  /* ns that the reply waited for a verdict */
	int64_t total_time; /* ns from the end of the message */
};

/* Mails that are deferred since something is full or missing come by the
 * thousand; their lines are summed up by reason (base/tally.h). */
void record_log(const struct record *record);

#endif
