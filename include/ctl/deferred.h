/* deferred - lists the mail that was deferred and that its sender is to send
 * again
 *
 * What the service knows of such mail is in its ledger's file
 * (ledger/store.h).  `vscanctl deferred` shows it to people, and as JSON to
 * programs, whether the service runs or not, and changes nothing.  A mail that
 * had its answer meanwhile, or that is held, isn't listed.  The file belongs to
 * the account that the service runs as, which might have been taken over: so
 * the process gives up root first, where it has it, and prints nothing but
 * printable characters.
 *
 * For the command line, before anything is started; one thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CTL_DEFERRED_H
#define CTL_DEFERRED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct config;
struct row;

/* Which mail to list.  A member that is NULL is met by any mail. */
struct deferred_query {
	bool json;
	const char *key;      /* the beginning of its key */
	const char *queue_id; /* this and the rest are those of the last try */
	const char *sender;   /* with or without <>; case doesn't matter */
	const char *recipient;
};

/* Prints each mail, the oldest first, and then their number, to standard
 * output.  With json it prints one object a line, and nothing else.  Complaints
 * go to standard error.  Returns the exit status: 0, EX_NOINPUT if there is no
 * file or it can't be read, EX_IOERR if the output can't be written. */
int deferred_run(const struct config *config,
    const struct deferred_query *query);

/* The parts of deferred_run().  now and the times of the row are in ns since
 * 1970. */

/* True if the query asks for this mail. */
bool deferred_matches(const struct row *row,
    const struct deferred_query *query);

void deferred_print(const struct row *row, int64_t now, FILE *out);

/* Times are UTC, as in RFC 3339.  A mail without a verdict has null in its
 * place.  "recipients" is an array; "recipients_more" is the number of
 * recipients that are not in it, since a row has no room for them. */
void deferred_print_json(const struct row *row, FILE *out);

/* Writes a duration (ns) in the two largest units that it has: "3d 4h", "12s".
 * Returns out. */
const char *deferred_age(char *out, size_t size, int64_t age);

#endif
