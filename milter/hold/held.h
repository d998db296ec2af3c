/* held - one mail that is held, from its making to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_HELD_H
#define HOLD_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "hold/spool.h"
#include "scan/scanner.h"
#include "wire/release.h"

struct hold;

/* How long the keeper waits before it tries again what has failed.  The pause
 * doubles each time. */
#define HELD_PAUSE_FIRST (100 * MONOTIME_MS)

/* Changed by enter() in hold.c while the caller has the mail, by become() in
 * keeper.c afterwards.
 *
 *   WRITING -> SAFE, FAILED          by a writer
 *   WRITING -> TOO_LATE              by a writer, after hold_let_go()
 *   SAFE -> SCANNING, UNSCANNED      confirmed, with or without a ticket
 *   WRITING, SAFE -> CANCELLED -> gone
 *   FOUND -> UNSCANNED, or gone      of an earlier process
 *   UNSCANNED -> SCANNING -> UNSCANNED, DECIDED
 *   DECIDED -> ENDED -> gone
 */
enum held_state {
	HELD_WRITING,
	HELD_FAILED,
	HELD_TOO_LATE, /* it may not be among those that the next process finds
			*/
	HELD_SAFE,
	HELD_CANCELLED,
	HELD_FOUND,     /* read from disk; the MTA is asked whether it has it */
	HELD_UNSCANNED, /* to be given to the scanner */
	HELD_SCANNING,
	HELD_DECIDED, /* vscan-release is asked to do what verb says */
	HELD_ENDED,   /* its files are removed next */
};

struct held {
	struct hold *hold;
	struct spool_mail mail;
	enum held_state state;

	/* Under the lock, until it is the keeper's: */
	struct scan_content content;
	bool written_by_one; /* a writer is writing it */
	struct error failure;

	/* The keeper's: */
	struct ticket *ticket;
	bool own_scan; /* given to the scanner by the keeper */
	enum release_verb verb;
	int64_t since;        /* when it came (monotime.h, as the next ones) */
	int64_t due;          /* the keeper leaves it alone until then */
	int64_t pause;        /* before the next attempt; grows */
	int64_t missed_since; /* 0: the MTA has it */
	enum release_result missed_as;
	bool alarmed;
	bool complained; /* the log was told what fails */
	struct held *prev, *next;
};

/* What a mail takes of hold.disk. */
uint64_t held_room(const struct held *held);

/* Frees a mail, whose content and ticket have been given back. */
void held_free(struct held *held);

#endif
