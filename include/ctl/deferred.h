/* deferred - lists the mail that was deferred
 *
 * What the service knows of such mail is in its ledger's file
 * (ledger/store.h). vscanctl deferred shows it to people, and as JSON to
 * programs, whether the service runs or not, and changes nothing.  The file is
 * the account's, which might have been taken over: so root, where it is given,
 * is given up first, and what is printed is printable.
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
struct store_row;

/* Prints each mail, the oldest first, to standard output, and their number;
 * with json one object a line, and nothing else.  Complaints go to standard
 * error.  Returns the exit status: 0, EX_NOINPUT if there is nothing to read
 * or it can't be read, EX_IOERR if it can't be written. */
int deferred_run(const struct config *config, bool json);

/* Its parts.  now: ns since 1970, when the row's ages are right. */
void deferred_print(const struct store_row *row, int64_t now, FILE *out);

/* Times are UTC, as in RFC 3339; what there is none of is null. */
void deferred_print_json(const struct store_row *row, int64_t now, FILE *out);

/* A duration (ns) in the two largest units that it has: "3d 4h", "12s".
 * Returns out. */
const char *deferred_age(char *out, size_t size, int64_t age);

#endif
