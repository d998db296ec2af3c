/* engine - one generation: load, prove, serve
 *
 * Failures before READY are told to the supervisor as FAILED and by the exit
 * status, which follows sysexits.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/scratch.h"

struct config;

/* The whole life of the process: returns its exit status.  supervisor is the
 * socket to it. */
int engine_run(const struct config *config, enum scratch_kind kind,
    int supervisor);

#endif
