/* hold - mail that the MTA has accepted and keeps until its verdict is there
 *
 * Some clients don't send a mail again that was answered "later".  Their mail
 * is held: it is written to disk (spool.h), the MTA accepts it into its
 * quarantine, and the scan goes on.  Then the verdict decides.  Mail that would
 * have been accepted is released.  Infected mail that would have been refused,
 * and mail that would have been discarded, is left in quarantine or deleted
 * (hold.infected).  All other mail is left in quarantine.  Nothing that wasn't
 * scanned is released.
 *
 *   hold_begin -> hold_wait -> the MTA is told -> hold_confirm
 *                                             or hold_cancel, at any time
 *
 * After hold_confirm() the mail belongs to this module.  At the start the
 * module also reads what an earlier process held, looks for each of these mails
 * in the MTA, and has them scanned.
 *
 * Bounded by hold.disk, of which a mail takes its size and HOLD_OVERHEAD.
 *
 * There are HOLD_WRITERS threads that write mail, and one (keeper.c) that does
 * all the rest.  Each of them may hang in a disk, and the keeper in
 * vscan-release too; no other thread waits for it.  The functions here may be
 * called by any thread; only hold_wait() and hold_destroy() block.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_HOLD_H
#define HOLD_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/monotime.h"
#include "hold/spool.h"
#include "scan/scanner.h"

struct config;
struct held;
struct hold;

#define HOLD_WRITERS 2
#define HOLD_OVERHEAD 16384

/* A mail that no MTA has had for HOLD_ABSENT_MAX won't come any more.  A mail
 * that the MTA has, but has not held for HOLD_NOT_HELD_MAX, was released by
 * somebody else.  In both cases the mail is forgotten.  A mail that has the
 * queue ID, but doesn't look like the one that was meant, is asked for again
 * and again for ever: it may be ours with its header taken away. */
#define HOLD_ABSENT_MAX (24 * 3600 * MONOTIME_S)
#define HOLD_NOT_HELD_MAX (60 * MONOTIME_S)
/* After this time the log is told of a mail that the MTA doesn't have. */
#define HOLD_MISSED_SAY (60 * MONOTIME_S)

struct hold_request {
	/* It is released (struct scan_content) when it has been written, when
	 * writing it has failed, or when hold_begin() fails. */
	struct scan_content content;
	struct spool_mail mail; /* all but at_mta.mark */
};

struct hold_counts {
	size_t mails;  /* confirmed, or of an earlier process */
	uint64_t disk; /* of hold.disk */
};

/* scanner must outlive it; it takes a reference to config.  ERROR_SYSTEM: no
 * thread could be started. */
CHECK_RESULT enum error_code hold_create(const struct config *config,
    struct scanner *scanner, struct hold **hold_r, struct error *err);

/* Goes by this snapshot from now on. */
void hold_configure(struct hold *hold, const struct config *config);

/* Ends the threads, and waits for those that hang.  Mails stay on disk.  Every
 * struct held must have been confirmed or cancelled.  This is for the tests:
 * the service's process just ends. */
void hold_destroy(struct hold **hold);

struct hold_counts hold_counts(struct hold *hold);

/* Leaves held mail to the next process, which finds it on the disk: no more is
 * taken ("hold-not-ready"), and none is looked after.  Waits for those that
 * are being written or accepted, but no longer than until (monotime.h).  What
 * is safe on disk by then may still be accepted and confirmed; what isn't, is
 * refused to who waits for it, even if it comes to lie on the disk later: the
 * next process may have looked before. */
void hold_let_go(struct hold *hold, int64_t until);

/* Begins to write the mail.  ERROR_LIMIT: err->text is the reason in one word
 * ("hold-disk", "hold-not-ready": the disk has not been read yet). */
CHECK_RESULT enum error_code hold_begin(struct hold *hold,
    const struct hold_request *request, struct held **held_r,
    struct error *err);

/* Waits until it is safe on disk (ERROR_NONE).  ERROR_TIMEOUT: not until
 * (monotime.h); call again, or cancel.  ERROR_SYSTEM: it can't be written.
 * ERROR_LIMIT: it was not safe when hold_let_go() had waited for it; err->text
 * is the reason in one word. */
CHECK_RESULT enum error_code hold_wait(struct held *held, int64_t until,
    struct error *err);

/* What has to stand in the mail's X-Virus-Status header; lives as long as
 * held. */
const char *held_mark(const struct held *held);

/* The MTA was told to accept and quarantine it.  Takes over *ticket (which
 * may be NULL: then it is scanned from the disk).  Sets both to NULL. */
void hold_confirm(struct held **held, struct ticket **ticket);

/* It won't be held after all.  Sets *held to NULL; NULL is allowed. */
void hold_cancel(struct held **held);

#endif
