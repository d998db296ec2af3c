/* row - what is known of one content: its verdict, its failures, its tries
 *
 * The ledger keeps rows in memory, the store writes the same rows to disk.
 *
 * A row owns what it points to.  Times are nanoseconds of one clock, which the
 * owner of the row chooses: the ledger's rows go by the monotonic clock,
 * those of store_list() by the wall clock.
 *
 * A row belongs to one thread at a time.  Every function aborts if memory is
 * short; nothing blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_ROW_H
#define LEDGER_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/key.h"
#include "wire/verdict.h"

#define ROW_ENVELOPES 32       /* of one row, the latest */
#define ROW_GENERATION_SIZE 17 /* a generation's name, with its NUL */

/* The strings of a row: of the last try, printable. */
enum row_text {
	ROW_REASON, /* why it was deferred or held, in one word */
	ROW_SENDER,
	ROW_RECIPIENTS, /* separated by blanks; perhaps "… and 17 more" */
	ROW_MESSAGE_ID,
	ROW_QUEUE_ID,
	ROW_TEXTS,
};

/* Room for each, with its NUL; what is longer is cut. */
extern const size_t row_text_size[ROW_TEXTS];
#define ROW_TEXT_MAX 2048

/* The sender and recipients of a try, and whose verdict answers them when they
 * come back: the verdict of one generation alone.  That is the generation in
 * which the try was deferred, until a verdict comes while the try waits for it;
 * from then on it is the generation of that verdict.  So a verdict that was
 * there before the try, of signatures that were replaced before it, does not
 * answer it, and no clock is asked. */
struct row_envelope {
	struct key digest; /* key_of_envelope() */
	char generation[ROW_GENERATION_SIZE];
};

/* All zero but for its key: a content of which nothing is known yet. */
struct row {
	struct key key;
	bool merged; /* with what the store has, if anything; not kept */

	bool known; /* the next four are set, and the verdict is final */
	struct verdict verdict;
	char generation[ROW_GENERATION_SIZE];
	int64_t scan_time;
	int64_t verdict_at;

	unsigned failures; /* of the content's own doing, in failed_in */
	char failed_in[ROW_GENERATION_SIZE];

	unsigned tries;   /* that were answered "later" */
	bool fetched;     /* nobody is to come back: see row_try() */
	int64_t first_at; /* the first of those tries */
	int64_t last_at;  /* the last try */

	char *text[ROW_TEXTS]; /* NULL is as good as "" */

	struct row_envelope *envelopes; /* of the tries, the oldest first */
	size_t envelope_count;
};

/* One try of a mail, as the MTA told it; strings may be NULL. */
struct row_try {
	struct key envelope; /* key_of_envelope() */
	const char *reason;  /* why there is no verdict, in one word */
	const char *sender;
	char *const *recipients;
	size_t recipient_count;
	const char *message_id;
	const char *queue_id;
	bool held; /* the MTA has taken it into its quarantine */
};

/* Frees what the row points to. */
void row_fini(struct row *row);

/* A row of its own with the same in it. */
struct row row_copy(const struct row *row);

/* One of the row's strings, never NULL. */
const char *row_text(const struct row *row, enum row_text which);

/* Sets one: value as far as there is room, made printable; or value as it is
 * (which has to fit, and may be NULL). */
void row_set_text(struct row *row, enum row_text which, const char *value);
void row_copy_text(struct row *row, enum row_text which, const char *value);

/* Notes a try that had no verdict.  Where it was answered "later" it counts as
 * a try, and its sender is to come back: until then the row isn't fetched.  A
 * mail that is held was accepted, so nobody comes back for it.  generation is
 * the one in service. */
void row_try(struct row *row, const struct row_try *try, const char *generation,
    int64_t now);

/* Notes an envelope, which the verdict of this generation answers; one that is
 * there stays as it is.  Of more than ROW_ENVELOPES the oldest goes. */
void row_add_envelope(struct row *row, const struct key *envelope,
    const char *generation);

bool row_has_envelope(const struct row *row, const struct key *envelope);

/* Sets the verdict of a scan that has ended now.  It answers all envelopes that
 * the row has. */
void row_set_verdict(struct row *row, const struct verdict *verdict,
    const char *generation, int64_t scan_time, int64_t now);

/* True if the row has a verdict that answers the tries of this envelope, or of
 * any, whatever generation is in service by now.  For how long it does so the
 * ledger says. */
bool row_answers(const struct row *row, const struct key *envelope);
bool row_answers_any(const struct row *row);

/* For the readers of rows that were written before an envelope had a generation
 * (it is "" then): the row's verdict answers all of its envelopes, as it did
 * then. */
void row_answer_all(struct row *row);

/* True if the row is to outlast a restart: if it has more than the verdict of
 * a mail that was answered in time. */
bool row_is_kept(const struct row *row);

/* Adds to row what an older one of the same content, which it doesn't know of,
 * has; both go by the same clock.  What is newer stands, and nothing of the
 * older is lost that would still hold if the two had been one row all the
 * time:
 *
 *   verdict	row's, which also answers the envelopes of the older; else the
 *		older one's, which answers whom it answered, and those of row's
 *		envelopes that were deferred in its own generation
 *   failures	of both, if of one generation; else row's, if it has any
 *   tries	of both, of which the earlier was the first; but if the older
 *		was fetched, and there was a try since, that one was the first
 *   fetched	row's, if it has had a try; else the older one's
 *   last try	row's (its time, reason, sender and so on), else the older one's
 *   envelopes	of both, the latest ROW_ENVELOPES
 */
void row_merge(struct row *row, const struct row *older);

/* Makes one of two rows of the same content that two processes have at the same
 * time, and that began as the same row: what both have counted counts once, and
 * the later try stands.  row is that of the caller's process, former that of
 * the process that it takes over from; both go by the same clock.
 *
 * If both have a verdict, keeps_verdict says whether row's stands or former's.
 * The one that stands answers whom either of the two has answered, and the
 * envelopes that were deferred in its generation.
 *
 * The row is merged then: of what the store has, former knows. */
void row_unite(struct row *row, const struct row *former, bool keeps_verdict);

/* Writes a row as bytes that any version of this program reads, as far as it
 * knows the fields: a tag, a length and a value for each.  Times are left as
 * they are.  Returns the number of bytes. */
#define ROW_PACKED_MAX 8192
size_t row_pack(const struct row *row, unsigned char out[ROW_PACKED_MAX]);

/* False if the bytes make no sense; they may come from anywhere.  Else *row_r
 * is for row_fini(), and is not merged. */
bool row_unpack(const unsigned char *data, size_t len, struct row *row_r);

/* Scans that have begun or ended in a process, by key, for the process that
 * takes over from it.  They travel as rows do; row_unpack(), of older versions
 * too, says of them that they are no row, and row_unpack_scans() says of rows
 * and of nonsense that they are no scans. */
#define ROW_SCANS_MAX 128
struct row_scans {
	bool ended;
	size_t count; /* at most ROW_SCANS_MAX */
	struct key keys[ROW_SCANS_MAX];
};
size_t row_pack_scans(const struct row_scans *scans,
    unsigned char out[ROW_PACKED_MAX]);
bool row_unpack_scans(const unsigned char *data, size_t len,
    struct row_scans *scans_r);

#endif
