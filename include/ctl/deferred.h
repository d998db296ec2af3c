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

/* Which mail is asked for; NULL for any. */
struct deferred_query {
	bool json;
	const char *key;      /* how it begins, as the log has it */
	const char *queue_id; /* of the last try, as the rest */
	const char *sender;   /* with or without <>, in any case */
	const char *recipient;
};

/* Prints each mail, the oldest first, to standard output, and their number;
 * with json one object a line, and nothing else.  Complaints go to standard
 * error.  Returns the exit status: 0, EX_NOINPUT if there is nothing to read
 * or it can't be read, EX_IOERR if it can't be written. */
int deferred_run(const struct config *config,
    const struct deferred_query *query);

/* Its parts.  now is in ns since 1970, as are the times of the row. */

/* False if it is another mail that is asked for. */
bool deferred_matches(const struct row *row,
    const struct deferred_query *query);

void deferred_print(const struct row *row, int64_t now, FILE *out);

/* Times are UTC, as in RFC 3339; what there is none of is null.  "recipients"
 * is an array; "recipients_more" is the number of those that are not in it,
 * since a row has no room for them. */
void deferred_print_json(const struct row *row, FILE *out);

/* A duration (ns) in the two largest units that it has: "3d 4h", "12s".
 * Returns out. */
const char *deferred_age(char *out, size_t size, int64_t age);

#endif
