/* eom_internal - what eom.c (scan, wait, decide), eom_label.c (what the mail is
 * told) and eom_hold.c (held mail) share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_EOM_INTERNAL_H
#define FILTER_EOM_INTERNAL_H

#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/record.h"
#include "filter/session.h"
#include "scan/scanner.h"

struct config;
struct filter;
struct held;

/* One end of message under way. */
struct eom {
	SMFICTX *ctx;
	struct session *session;
	struct filter *filter;
	const struct config *config;
	int64_t started;
	int64_t reply_at;    /* the reply is due */
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

void eom_set_verdict(struct eom *eom, enum verdict_kind kind, const char *name);

/* From here the callback may block: it is counted, and leaves libmilter a
 * thread in its place.  False where it may not; the verdict says why. */
bool eom_may_wait(struct eom *eom);

/* The end of the next slice of waiting. */
int64_t eom_slice_end(const struct eom *eom);

/* After a slice, gives a sign of life if it is time: false when `until` has
 * passed or nobody is left to hear the reply (mta_gone). */
bool eom_go_on(struct eom *eom);

/* "Infected (NAME)" and the like, or with a mark that the mail is held. */
void eom_status_text(const struct eom *eom, const char *mark, char *out,
    size_t size);

/* Removes foreign headers of our names and adds ours.  False if the MTA
 * refused. */
bool eom_label(struct eom *eom, const char *status);

/* Mail that brings more of our headers than the MTA removes in time. */
bool eom_has_too_many_foreign(const struct eom *eom);

/* The facts that policy decides on, for a verdict of that kind. */
enum action eom_action_for(const struct eom *eom, enum verdict_kind kind);

/* How long before the reply the wait for the verdict has to end, so that a
 * late mail can be held (ns). */
int64_t eom_hold_time(const struct eom *eom);

/* Makes the mail safe on disk.  Then *held_r is to be confirmed or cancelled;
 * NULL if it can't be held, and the verdict says why. */
bool eom_hold(struct eom *eom, struct held **held_r);

#endif
