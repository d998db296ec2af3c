/* scanner - one scan for one content, in time or late
 *
 * A message is submitted by key.  A verdict that is known answers at once; a
 * scan of the same content that is queued or running is joined; else a scan
 * is queued for the scan threads, each of which drives one worker (lane.h).
 * The submitter waits on its ticket until a deadline of its own.  If that
 * passes, it defers and goes; the scan goes on, and its verdict is kept for
 * the retry (ledger.h).
 *
 *   scanner_submit -> ticket: known, joined or queued
 *   ticket_wait       the verdict, or not yet
 *   ticket_close      the caller is done; the scan may go on
 *   scanner_defer     the try was answered "later"
 *
 * At most engine.workers scans run in lanes; one that has run for
 * deadline.slow_after moves to the background, where at most
 * engine.background run, and makes room in its lane.  If the background is
 * full while other mail waits for a lane, the scan is ended, and done again
 * from its start as soon as the background has room.  queue.h says which job
 * is next; ledger.h says what outlasts the process.
 *
 * Any thread may call.  Where a function blocks, it says until when; no
 * function waits any longer than that for a disk or a worker.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_SCANNER_H
#define SCAN_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ledger/ledger.h"
#include "scan/cost.h"
#include "scan/engines.h"
#include "wire/key.h"
#include "wire/verdict.h"

struct config;
struct scanner;
struct ticket;

/* Where a verdict came from, for the log. */
enum scan_source {
	SCAN_SOURCE_NONE,
	SCAN_SOURCE_SCAN,
	SCAN_SOURCE_JOINED,
	SCAN_SOURCE_CACHE,
	SCAN_SOURCE_STORE,
};

/* The bytes to scan.  release(owner) is called exactly once, from any thread,
 * when the scanner no longer reads fd; also when submitting fails. */
struct scan_content {
	int fd;        /* sealed, or read-only */
	bool on_disk;  /* reading it may fail by no fault of its own */
	uint64_t size; /* bytes */
	void (*release)(void *owner);
	void *owner;
};

struct scan_request {
	struct key key;
	struct key envelope;
	struct scan_content content;
	/* True if the bytes are only the beginning of the message: what would
	 * be clean is then incomplete. */
	bool cut;
	enum cost_structure structure;
	uint64_t network; /* of the client; equal for one network */
	int64_t patience; /* ns until the reply is due */
};

struct scan_outcome {
	struct verdict verdict;
	enum scan_source source;
	int64_t scan_time;                 /* ns; 0 if none ran */
	char generation[ENGINE_NAME_SIZE]; /* "" if none */
};

/* Has what the last process knew read from the file STORE_NAME (store.h) in
 * state_directory, and starts the scan threads.  It waits 3 s at most for the
 * former: where the disk hangs the rows come later, and mail is served
 * without them.  engines must outlive it; it takes a reference to config. */
CHECK_RESULT enum error_code scanner_create(const struct config *config,
    struct engines *engines, struct scanner **scanner_r, struct error *err);

/* Goes by this snapshot from now on; a scan that runs keeps the one that it
 * began with.  Threads and room for more workers are added as needed: where
 * none can be started it is logged, and fewer scans run than are allowed. */
void scanner_configure(struct scanner *scanner, const struct config *config);

/* Gives up what runs, joins the threads; all tickets must be closed. */
void scanner_destroy(struct scanner **scanner);

/* Where no engine is in service, the job waits for one like for anything else;
 * only after five minutes without one does this fail with ERROR_ENGINE.
 * ERROR_LIMIT: the queue is full (limits.queue), and no other network has more
 * jobs in it.  If one has, its last job makes room, and ends with the error
 * "network-share".  err->text is the reason in one word that a log and a reply
 * can show ("queue-full", "no-engine"). */
CHECK_RESULT enum error_code scanner_submit(struct scanner *scanner,
    const struct scan_request *request, struct ticket **ticket_r,
    struct error *err);

/* Waits until there is a verdict (true, *outcome_r filled in), or until has
 * passed or scanner_wake_all() was called (false).  With a final verdict the
 * ledger takes the mail for answered: its sender need not come back. */
bool ticket_wait(struct ticket *ticket, int64_t until,
    struct scan_outcome *outcome_r);

/* What the ticket waits for or has: a scan of its own, one it joined, or a
 * verdict that was known. */
enum scan_source ticket_source(const struct ticket *ticket);

/* True if the ticket's scan has not begun, because no engine is in service. */
bool ticket_lacks_engine(const struct ticket *ticket);

/* True if what waits already makes a verdict in time impossible. */
bool ticket_is_hopeless(const struct ticket *ticket);

/* Called when a scan that a ticket watches has ended (ticket_wait() doesn't
 * wait then): from any thread, with the scanner's lock held, so it must not
 * block nor call the scanner. */
typedef void scanner_settled_function(void *context);

/* Sets it; before the first ticket_watch(). */
void scanner_on_settled(struct scanner *scanner,
    scanner_settled_function *settled, void *context);

/* Has the function above called for this ticket's scan. */
void ticket_watch(struct ticket *ticket);

/* Remembers a try that had no verdict, because it was answered "later" or its
 * mail is held: the verdict, when it comes, answers a try with the same
 * envelope for cache.late_ttl. */
void scanner_defer(struct scanner *scanner, const struct key *key,
    const struct row_try *try);

/* True if a message that came now could not be answered within patience (ns),
 * because of what waits already, and if nobody waits for mail of this sender
 * to come back: it need not be sent at all. */
bool scanner_is_overloaded(struct scanner *scanner, const char *sender,
    int64_t patience);

/* True if no scan runs and none is queued. */
bool scanner_is_idle(struct scanner *scanner);

/* Starts no more scans, and waits until those that run have ended, or until
 * (monotime.h).  False if some still run. */
bool scanner_drain(struct scanner *scanner, int64_t until);

/* Writes what is not yet on disk, until then (monotime.h); what comes later is
 * kept in memory only. */
void scanner_save(struct scanner *scanner, int64_t until);

/* What the process that takes over is told: each row that changes, and which
 * scans have begun or ended.  Its functions are called from any thread, with
 * the scanner's lock held, so they must not block nor call the scanner. */
struct scanner_heir {
	ledger_heir_function *row;
	void (*scans)(void *context, const struct row_scans *scans);
	void *context;
};

/* Gives the store up to the next process, as scanner_save() does, and tells
 * heir of the scans that have begun, and of what happens from then on.  A
 * scanner that has lost its engine expects no other one then. */
void scanner_hand_over(struct scanner *scanner, const struct scanner_heir *heir,
    int64_t until);

/* Takes over what the process that handed over to this one has told: a row;
 * scans, which mail of the same content joins until they end; and that the
 * process has gone, and what it scans with it. */
void scanner_inherit(struct scanner *scanner, const struct row *row);
void scanner_inherit_scans(struct scanner *scanner,
    const struct row_scans *scans);
void scanner_inherit_end(struct scanner *scanner);

/* Ends the caller's interest and sets *ticket to NULL; NULL is allowed. */
void ticket_close(struct ticket **ticket);

/* The same, where another process is to scan the mail: a scan that has not
 * begun, and that no other ticket waits for, is dropped. */
void ticket_withdraw(struct ticket **ticket);

/* Ends every ticket_wait() that is under way, and those to come: for a
 * drain. */
void scanner_wake_all(struct scanner *scanner);

/* Tells the scan threads that the current engine has changed. */
void scanner_engine_changed(struct scanner *scanner);

const char *scan_source_name(enum scan_source source);

#endif
