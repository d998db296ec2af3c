/* process - what a process says about itself to the kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* From now on the process leaves no core file, and processes of the same
 * account can't trace it.  In the sanitizer builds this does nothing, since
 * LeakSanitizer attaches to the process. */
void process_set_nondumpable(void);

/* The kernel kills the process when its parent dies.  To be called again after
 * exec and after a change of account, which undo it. */
void process_die_with_parent(void);

/* How likely the kernel ends this process when memory is short: adj is from 0
 * to 1000, which is first.  It is a wish: where the kernel refuses, nothing is
 * said. */
void process_set_oom_score(int adj);

/* Reads the time zone's file now, and never again: it may be out of reach
 * later.  To be called before the first thread starts. */
void process_keep_timezone(void);

/* How a process ended, in words, from what wait(2) said of it: "died of signal
 * 11 (Segmentation fault)", "ended with status 1".  Returns out. */
char *process_end_text(int status, char *out, size_t size);

/* Raises the soft limit of open files to want, the hard one too where that is
 * allowed; returns what was reached. */
uint64_t process_raise_nofile(uint64_t want);

#endif
