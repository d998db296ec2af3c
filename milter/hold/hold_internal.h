/* hold_internal - what hold.c (what callers see) and keeper.c (the thread that
 * sees held mail to its end) share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_HOLD_INTERNAL_H
#define HOLD_HOLD_INTERNAL_H

#include <pthread.h>

#include "held.h"
#include "hold/hold.h"
#include "hold/spool.h"

struct hold {
	/* The keeper's thread reads it freely, and others under the lock, under
	 * which the keeper takes over what comes next. */
	const struct config *config;
	struct scanner *scanner;
	pthread_mutex_t lock;
	pthread_cond_t write;   /* for the writers */
	pthread_cond_t written; /* for who waits for the threads */
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
	unsigned running;  /* threads; each counts itself out, and then tells
			    * who waits for `written` */
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
};

/* The keeper's thread. */
void *keeper_thread(void *hold);

#endif
