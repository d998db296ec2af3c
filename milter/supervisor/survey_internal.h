/* survey_internal - the parts of a survey (survey.h), a file for each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_INTERNAL_H
#define SUPERVISOR_SURVEY_INTERNAL_H

#include "base/priv.h"
#include "supervisor/survey.h"

/* What the account can do with directories and signature files, tried by a
 * child. */
void survey_account(struct survey *survey, const struct config *config,
    const struct priv_account *account);

/* Whether memory and disk are as large as the settings take them for. */
void survey_room(struct survey *survey, const struct config *config);

#endif
