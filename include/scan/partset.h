/* partset - parts of mails that were scanned whole and found clean
 *
 * One table for all workers, so that an attachment that comes in many mails
 * is scanned once (engine/parts.h says what counts as the same, and why a
 * worker may pass it over).  It is held by the filter: no worker can write
 * into memory that another one trusts.  A worker asks, in the middle of its
 * scan, for each part that could be known; what it was told to scan becomes
 * known when its scan has ended: whole, clean, and without anything odd.
 *
 *   partset_ask      the worker asks about a part
 *   partset_end      its scan has ended: the parts are kept, or forgotten
 *   partset_revoke   a worker can't be believed: what it vouched for goes
 *
 * While a part is being scanned for one mail, another mail that has it may
 * wait for the outcome (PART_BUSY) instead of scanning it at the same time.
 * Nobody is told to wait who has others waiting for it, so that no two wait
 * for each other; and nobody any more once one has waited in vain.
 *
 * A worker that a mail has taken over can lie about parts as about mails.
 * What it can do is bounded: it must know the secret of its generation, so a
 * lie ends with the signature set; it is forgotten after
 * cache.attachment_ttl, which no use of it prolongs; it goes at once when the
 * worker crashes or breaks the protocol; WIRE_PARTS_MAX lies a mail; and a
 * lie is about given bytes only.
 *
 * Bounded by cache.attachments; the entry used longest ago goes first.  Any
 * thread; nothing blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_PARTSET_H
#define SCAN_PARTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/key.h"
#include "scan/wire.h"

struct config;
struct partset;

enum part_answer {
	PART_UNKNOWN, /* to be scanned */
	PART_KNOWN,   /* clean */
	PART_BUSY,    /* another scan has it in work */
};

/* What one scan has asked and was told to scan; all zero at its beginning but
 * for the worker. */
struct part_list {
	uint64_t worker; /* partset_worker() */
	struct key keys[WIRE_PARTS_MAX];
	unsigned count;
};

/* config must outlive it. */
struct partset *partset_create(const struct config *config);
void partset_destroy(struct partset **set);

/* A number for a new worker. */
uint64_t partset_worker(struct partset *set);

/* Answers for one part; now: monotime.h.  May be asked again about the same
 * part, as after PART_BUSY; with patient false that is not the answer, and
 * will not be for others. */
enum part_answer partset_ask(struct partset *set, struct part_list *list,
    const struct key *key, bool patient, int64_t now);

/* The scan has ended.  Empties the list. */
void partset_end(struct partset *set, struct part_list *list, bool clean,
    int64_t now);

/* Forgets all that this worker vouched for. */
void partset_revoke(struct partset *set, uint64_t worker);

/* Entries now, those in work included; never over cache.attachments. */
size_t partset_size(struct partset *set);

#endif
