/* sendmail - a mail in one Sendmail's queue: looked at, released, deleted
 *
 * It is looked at by reading its queue file, and taken out of quarantine by
 * Sendmail itself, which takes queue IDs as parts of names: so no other mail
 * in quarantine may have this ID in its own.  Between the two nothing can be
 * checked, but Sendmail's IDs come again after 60 years only.  It has no
 * command to delete a mail, so that is done here, under Sendmail's own lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_SENDMAIL_H
#define RELEASE_SENDMAIL_H

#include "wire/release.h"

/* program is Sendmail's, cf its sendmail.cf.  mail is valid.  If Sendmail has
 * made several mails of it, all of those that are held are meant. */
void sendmail_act(const char *program, const char *cf, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r);

#endif
