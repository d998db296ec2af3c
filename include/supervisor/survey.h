/* survey - looks whether this machine is as the configuration wants it
 *
 * For vscan-milter -t, and for a start, which says the same.  Nothing is
 * changed: what a start would make (state_directory, the socket's directory)
 * need not be there yet.
 *
 * What the account has to be able to do is tried by a child process that has
 * become the account.
 *
 * Single-threaded, before anything else is started.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_H
#define SUPERVISOR_SURVEY_H

struct config;
struct findings;

/* Account, group, directories, socket, signature files, memory and disk.  Takes
 * 10 s at most, if a disk hangs. */
void survey_machine(struct findings *findings, const struct config *config);

/* For -t only: whether vscan-release answers where mail is to be held. */
void survey_services(struct findings *findings, const struct config *config);

#endif
