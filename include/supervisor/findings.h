/* findings - what is not as the configuration wants it
 *
 * An error is what keeps the service from starting or from scanning; a warning
 * is what may go well.  One thread at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_FINDINGS_H
#define SUPERVISOR_FINDINGS_H

#include <stddef.h>

#include "base/log.h"

struct finding {
	enum log_level level; /* ERROR or WARNING */
	char text[512];
};

struct findings {
	struct finding *items;
	size_t count;
	size_t errors; /* of them */
};

/* None yet; findings_fini() is due in the end. */
void findings_init(struct findings *findings);
void findings_fini(struct findings *findings);

void findings_add(struct findings *findings, enum log_level level,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Writes all of them to the log. */
void findings_log(const struct findings *findings);

#endif
