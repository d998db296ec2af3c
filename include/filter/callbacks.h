/* callbacks - what libmilter calls
 *
 * libmilter has no place for a context that all sessions share, so there is
 * one filter for a process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_CALLBACKS_H
#define FILTER_CALLBACKS_H

#include "base/error.h"

struct filter_state;

/* Registers the callbacks with libmilter; filter must outlive smfi_main(). */
CHECK_RESULT enum error_code callbacks_register(struct filter_state *filter,
    struct error *err);

#endif
