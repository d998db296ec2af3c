/* eom_wait - one end of message under way, and how it waits
 *
 * eom.c makes a struct eom for each end of message and decides what becomes of
 * it; eom_hold.c and eom_label.c do a part of that each.  Whoever waits, waits
 * in slices: until eom_slice_end(), and then as long as eom_go_on() says so.
 *
 * In the thread of the callback, from its beginning to its reply.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_EOM_WAIT_H
#define FILTER_EOM_WAIT_H

#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdint.h>

#include "filter/debts.h"
#include "filter/record.h"
#include "filter/session.h"
#include "scan/scanner.h"

struct config;
struct filter_state;

/* One end of message under way. */
struct eom {
	SMFICTX *ctx;
	struct session *session;
	struct filter_state *filter;
	const struct config *config;
	int64_t started;
	int64_t reply_at;    /* the reply is due */
	struct debt owed;    /* the reply */
	int64_t until;       /* what is waited for now is given up */
	int64_t progress_at; /* the next sign of life is due */
	bool waiting;        /* counted in filter->waiting */
	bool mta_gone;
	enum session_kind kind;
	struct key key;
	struct key envelope; /* with key */
	struct record record;
	struct ticket *ticket;
};

/* name: of what was found, or the reason in one word. */
void eom_set_verdict(struct eom *eom, enum verdict_kind kind, const char *name);

/* What is done about this message if that is its verdict. */
enum action eom_action_for(const struct eom *eom, enum verdict_kind kind);

/* From here the callback may block: it is counted, and libmilter gets another
 * thread in its place.  False where it may not; the verdict says why. */
bool eom_may_wait(struct eom *eom);

/* The end of the next slice of waiting. */
int64_t eom_slice_end(const struct eom *eom);

/* After a slice: gives the MTA a sign of life if it is time for one.  False
 * when `until` has passed, or when the MTA is gone (mta_gone). */
bool eom_go_on(struct eom *eom);

#endif
