/* mtas - the MTAs that may have the mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_MTAS_H
#define RELEASE_MTAS_H

#include <stdbool.h>

#include "wire/release.h"

struct config;

/* Does what is asked for with the first of hold.mta that has the mail, and
 * fills in *reply_r.  mail is valid.  If none has it: RELEASE_FAILED if one
 * couldn't be asked, else RELEASE_OTHER if one has another mail of that queue
 * ID.  Returns the MTA that the reply is about, as hold.mta has it; NULL for
 * RELEASE_ABSENT. */
const char *mtas_act(const struct config *config, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r);

/* mta as hold.mta has it. */
bool mtas_is_postfix(const char *mta);

#endif
