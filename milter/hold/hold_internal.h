/* hold_internal - what hold.c (what callers see) and keeper.c (the thread that
 * sees held mail to its end) share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_HOLD_INTERNAL_H
#define HOLD_HOLD_INTERNAL_H

#include <pthread.h>

#include "hold/hold.h"
#include "hold/spool.h"

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

struct hold {
	/* The keeper's thread reads it freely, and others under the lock, under
	 * which the keeper takes over what comes next. */
	const struct config *config;
	struct scanner *scanner;
	pthread_mutex_t lock;
	pthread_cond_t write;   /* for the writers */
	pthread_cond_t written; /* for hold_wait() */
	pthread_cond_t keep;    /* for the keeper */

	/* Under the lock: */
	const struct config *next_config; /* or NULL */
	struct spool *spool;              /* NULL until it has been read */
	struct held *queue;               /* to be written */
	struct held *inbox;               /* for the keeper */
	uint64_t disk;
	size_t mails;
	bool stirred;      /* a scan has ended: the keeper is to look */
	unsigned in_hands; /* of callers: begun, not confirmed nor cancelled */
	bool leaving;      /* no more mail is taken */
	bool stop;

	/* The keeper's: */
	struct held *held;
	unsigned own_scans;
	int64_t submit_at; /* the scanner takes nothing before */
	int64_t ask_at;    /* vscan-release is not asked before */
	bool service_down; /* the log was told that vscan-release is gone */
	int64_t probe_at;  /* vscan-release is looked for, once */
	int64_t unread_at; /* files that can't be read are not tried before */
	bool spool_complained; /* the log was told of the spool */

	pthread_t writers[HOLD_WRITERS];
	pthread_t keeper;
	unsigned writer_count;
	bool has_keeper;
};

/* What a mail takes of hold.disk. */
uint64_t held_room(const struct held *held);

/* Frees a mail, whose content and ticket have been given back. */
void held_free(struct held *held);

/* The keeper's thread. */
void *keeper_thread(void *hold);

#endif
