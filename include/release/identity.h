/* identity - is it the mail that was meant?
 *
 * The mark decides: nobody can guess 128 random bits, and nobody has seen those
 * of a mail in quarantine.  Size and time have to be plausible only, as a check
 * that nothing was mixed up, since the MTA counts both in its own way:
 *
 * - The milter was given the mail with CRLF at each line's end; Sendmail keeps
 *   LF, which halves a mail of empty lines, and Postfix a record with 2 or 3
 *   bytes around each line.  Both add headers of their own, and milters behind
 *   ours signatures and disclaimers.
 * - The milter knows when the mail's end came, Postfix when its beginning
 *   did, which may be hours before on a slow line, and even days for what came
 *   by its sendmail command and lay in maildrop.  The clock may have been
 *   stepped between; and what the MTA's own programs print is in the zone of
 *   its configuration (Postfix: import_environment), whatever we ask for.
 *
 * Pure; holds nothing that has to be freed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_IDENTITY_H
#define RELEASE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct release_mail;

/* From half to twice of what the milter was given, and this much more or
 * less. */
#define IDENTITY_SIZE_MARGIN (256 * 1024)

/* How many seconds later than the milter says the MTA may say that the mail
 * came: enough for a clock that was stepped by a day, and for a time zone.  It
 * may have come any time earlier. */
#define IDENTITY_TIME_MARGIN (2 * 24 * 60 * 60)

/* What was found in the queue. */
struct identity {
	const struct release_mail *meant;
	bool in_status; /* the header being read is X-Virus-Status */
	bool marked;
	bool has_size;
	bool has_arrival;
	uint64_t size;
	int64_t arrived_at; /* s since 1970 */
};

void identity_init(struct identity *identity, const struct release_mail *meant);

/* The next line of the mail's header, from its first to its last; lines that
 * begin with a blank belong to the header before. */
void identity_take_header(struct identity *identity, const char *line);

/* True if it is the mail that was meant.  If not, why says what is wrong, in
 * a few words. */
bool identity_holds(const struct identity *identity, char *why, size_t size);

#endif
