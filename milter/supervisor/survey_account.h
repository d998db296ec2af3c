/* survey_account - what the account can do with directories and signatures
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_ACCOUNT_H
#define SUPERVISOR_SURVEY_ACCOUNT_H

struct config;
struct findings;
struct priv_account;

/* Tried by a child process that has become the account; 10 s at most. */
void survey_account(struct findings *findings, const struct config *config,
    const struct priv_account *account);

#endif
