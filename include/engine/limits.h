/* limits - what one worker may use up, and how its end is told
 *
 * Process 1 of a PID namespace is never killed by a signal of its own making
 * (pid_namespaces(7)): not by abort(), not by the CPU or file size limit.  So
 * the deadly signals are caught, on a stack of their own, and the worker
 * exits with WIRE_EXIT_SIGNAL + signal (wire.h).
 *
 * For a worker only; nothing here is undone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_LIMITS_H
#define ENGINE_LIMITS_H

#include <stdint.h>

#include "base/error.h"

struct config;

/* Memory (what is mapped now plus engine.worker_memory), file size,
 * descriptors, processes, core.  Reads /proc/self/statm. */
CHECK_RESULT enum error_code limits_set(const struct config *config,
    struct error *err);

/* Catches the deadly signals. */
CHECK_RESULT enum error_code limits_catch_signals(struct error *err);

/* Allows this process cpu_time more (ns, rounded up to whole seconds), from
 * now; past it SIGXCPU ends the worker. */
CHECK_RESULT enum error_code limits_allow_cpu(int64_t cpu_time,
    struct error *err);

/* CPU time that this process has used, in ns. */
int64_t limits_cpu_used(void);

#endif
