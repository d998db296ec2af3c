/* daemonize - into the background, once the service answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_DAEMONIZE_H
#define BASE_DAEMONIZE_H

#include "base/error.h"

/* Forks.  The child returns, in a session of its own, with *ready_r a
 * descriptor for daemonize_ready(); the parent waits for that and exits with
 * 0, or with the child's exit status if it ends first. */
CHECK_RESULT enum error_code daemonize(int *ready_r, struct error *err);

/* Lets the parent go and closes standard input, output and error; sets
 * *ready to -1.  Nothing happens if it is -1. */
void daemonize_ready(int *ready);

#endif
