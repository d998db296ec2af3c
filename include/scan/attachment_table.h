/* attachment_table - parts of mails that were scanned whole and found clean
 *
 * One table for all workers, so that an attachment that comes in many mails is
 * scanned once (coverage/attachments.h says what counts as the same, and why a
 * worker may pass it over).  It is held by the filter: no worker can write
 * into memory that another one trusts.  A worker asks, in the middle of its
 * scan, for each part that could be known; what it was told to scan becomes
 * known when its scan has ended: whole, clean, and without anything odd.
 *
 *   attachment_table_ask      A worker asks about a part.
 *   attachment_table_end      Its scan has ended: what it vouched for is kept
 *                             if the scan was whole and clean, else forgotten.
 *   attachment_table_revoke   A worker can't be believed: all that it vouched
 *                             for is forgotten.
 *
 * While a part is being scanned for one mail, another mail that has it may
 * wait for the outcome (ATTACHMENT_BUSY) instead of scanning it at the same
 * time.  A scan that others wait for is never told to wait itself, so that no
 * two scans wait for each other.  Once one scan has waited for a part in vain,
 * no other scan waits for that part.
 *
 * A worker that a mail has taken over can lie about parts as it can about
 * mails.  What such a lie does is bounded.  It needs the secret of the worker's
 * generation, so it ends with the signature set.  It is forgotten after
 * cache.attachment_ttl, however often it is used meanwhile, and at once when
 * the worker crashes or breaks the protocol.  A mail has room for
 * WIRE_ATTACHMENTS_MAX lies, and each is about given bytes only.
 *
 * The table holds cache.attachments entries; the entry that was used longest
 * ago makes room.  Any thread may call; no function blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_ATTACHMENT_TABLE_H
#define SCAN_ATTACHMENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/key.h"
#include "wire/wire.h"

struct config;
struct attachment_table;

enum attachment_answer {
	ATTACHMENT_UNKNOWN, /* to be scanned */
	ATTACHMENT_KNOWN,   /* clean */
	ATTACHMENT_BUSY,    /* another scan has it in work */
};

/* What one scan has asked and was told to scan; all zero at its beginning but
 * for the worker. */
struct attachment_list {
	uint64_t worker; /* attachment_table_worker() */
	struct key keys[WIRE_ATTACHMENTS_MAX];
	unsigned count;
};

/* It takes a reference to config. */
struct attachment_table *attachment_table_create(const struct config *config);
void attachment_table_destroy(struct attachment_table **set);

/* The table goes by this snapshot from now on. */
void attachment_table_configure(struct attachment_table *set,
    const struct config *config);

/* A number for a new worker. */
uint64_t attachment_table_worker(struct attachment_table *set);

/* Answers for one part; now is of monotime.h.  The same part may be asked about
 * again, as after ATTACHMENT_BUSY.  A caller that waits no longer passes
 * patient = false: then the answer is never ATTACHMENT_BUSY, for other scans
 * neither. */
enum attachment_answer attachment_table_ask(struct attachment_table *set,
    struct attachment_list *list, const struct key *key, bool patient,
    int64_t now);

/* The scan has ended.  Empties the list. */
void attachment_table_end(struct attachment_table *set,
    struct attachment_list *list, bool clean, int64_t now);

/* Forgets all that this worker vouched for. */
void attachment_table_revoke(struct attachment_table *set, uint64_t worker);

/* The number of entries, those in work included; never over
 * cache.attachments. */
size_t attachment_table_size(struct attachment_table *set);

#endif
