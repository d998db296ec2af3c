/* age - how old the newest official signatures are
 *
 * An update that has stopped working is seen by nothing else: the old set
 * serves on and finds what it always found.  So the engine in service logs
 * the age of its newest official file (CVD or CLD) when it has loaded, and once
 * a day from then on.  If engine.max_age is set, the line is an error from the
 * moment on at which the file is older than that, and it comes at that moment.
 *
 * Only the engine uses this.  It goes by the wall clock, which may be stepped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_AGE_H
#define ENGINE_AGE_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct contents;

/* Times are in seconds, on the wall clock since 1970. */
struct age {
	int64_t built;   /* 0: there is no official file */
	int64_t max;     /* 0: any age will do */
	char name[64];   /* of the file */
	int64_t said_at; /* when it was logged last */
};

/* Sets it up and logs it for the first time. */
void age_begin(struct age *age, const struct contents *contents,
    const struct config *config, int64_t now);

/* Whether it is to be logged now; age_begin() has been called. */
bool age_is_due(const struct age *age, int64_t now);

/* Logs it if it is due.  To be called every few minutes. */
void age_tell(struct age *age, int64_t now);

#endif
