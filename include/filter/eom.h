/* eom - the end of a message: scan, wait, decide, answer
 *
 * The reply deadline runs from the moment that the callback is entered; until
 * the reply the MTA hears progress at least every deadline.progress.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_EOM_H
#define FILTER_EOM_H

#include <libmilter/mfapi.h>

struct session;

/* Answers the session's message, which it leaves for the caller to end. */
sfsistat eom_answer(SMFICTX *ctx, struct session *session);

#endif
