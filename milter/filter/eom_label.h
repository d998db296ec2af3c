/* eom_label - the headers that a message leaves with
 *
 * In the thread of the callback.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_EOM_LABEL_H
#define FILTER_EOM_LABEL_H

#include <stdbool.h>
#include <stddef.h>

struct eom;

/* Writes the value of X-Virus-Status: "Infected (NAME)" and the like, or, where
 * mark isn't NULL, that the mail is held under this mark. */
void eom_status_text(const struct eom *eom, const char *mark, char *out,
    size_t size);

/* Removes headers of our names that came with the mail, and adds ours.  False
 * if the MTA refused. */
bool eom_label(struct eom *eom, const char *status);

/* True of a mail that brings more headers of our names than an MTA removes in
 * time. */
bool eom_has_too_many_foreign(const struct eom *eom);

#endif
