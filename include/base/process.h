/* process - what a process says about itself to the kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdint.h>

#include "base/error.h"

/* No core file, no ptrace from the same account.  The sanitizer builds link
 * a variant that stays open, since LeakSanitizer attaches to its process. */
void process_set_nondumpable(void);

/* Killed when its parent dies.  Must be repeated after exec and after a
 * change of account. */
void process_die_with_parent(void);

/* 0 (never chosen) to 1000 (chosen first) when memory is short.  Silent
 * where the kernel refuses: it is a preference. */
void process_set_oom_score(int adj);

/* Local time from now on without another look at its file, which may be out
 * of reach later.  Before the first thread. */
void process_keep_timezone(void);

/* Raises the soft limit of open files to want, the hard one too where that is
 * allowed; returns what was reached. */
uint64_t process_raise_nofile(uint64_t want);

#endif
