/* mistakes - what is wrong with a configuration file, all of it
 *
 * Whoever reads the file notes each mistake and goes on, so that somebody who
 * mends the file sees them all at once.  One thread at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_MISTAKES_H
#define CONFIG_MISTAKES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "table.h"

/* More than these are counted, and not kept. */
#define MISTAKES_MAX 100

struct mistake {
	unsigned line; /* 0: no line is to blame */
	char *text;
};

struct mistakes {
	struct mistake items[MISTAKES_MAX];
	size_t count; /* of those that are kept */
	size_t more;  /* so many others were found */
	bool unread;  /* the file makes no sense from one of them on */
	bool no_memory;
	bool wrong[SETTINGS_MAX]; /* the setting of this row has one */
};

/* Begins without a mistake.  The caller ends it with mistakes_fini(). */
void mistakes_init(struct mistakes *mistakes);
void mistakes_fini(struct mistakes *mistakes);

/* Notes a mistake in this line (0: none), about the setting (or NULL). */
void mistakes_note(struct mistakes *mistakes, unsigned line,
    const struct setting *setting, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

bool mistakes_about(const struct mistakes *mistakes,
    const struct setting *setting);

/* Calls each (unless it is NULL) with "NAME:LINE: TEXT" for each mistake, in
 * the order of the lines.  Returns ERROR_NONE if there is no mistake, otherwise
 * the code of the first one, with its text in err. */
CHECK_RESULT enum error_code mistakes_tell(struct mistakes *mistakes,
    const char *name, config_mistake_function *each, void *context,
    struct error *err);

#endif
