/* answer - fills in a reply
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_ANSWER_H
#define RELEASE_ANSWER_H

#include "wire/release.h"

/* The text is made printable, and cut to its room. */
void answer(struct release_reply *reply, enum release_result result,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* For the log. */
const char *answer_verb_name(uint32_t verb);
const char *answer_result_name(uint32_t result);

#endif
