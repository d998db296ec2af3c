/* postfix_settings - what one instance of Postfix is set to, and where
 *
 * The values are those that postconf prints, with variables expanded.  Where
 * they are written is read from main.cf and master.cf, so that a message can
 * name the file and the line.
 *
 * For vscanctl check-mta; one thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef POSTFIX_SETTINGS_H
#define POSTFIX_SETTINGS_H

#include <stddef.h>

#include "base/error.h"
#include "ctl/check_mta.h"

struct postfix_settings {
	const char *directory;                          /* that of main.cf */
	char *main_text, *override_text, *service_text; /* postconf's */
	char *main_cf, *master_cf;              /* NULL: can't be read */
	struct check_mta_parameter *parameters; /* overrides first */
	size_t parameter_count;
	struct check_mta_service *services;
	size_t service_count;
};

/* Where a setting is written, and how. */
struct postfix_place {
	char file[512];  /* "/etc/postfix/main.cf:12" */
	char begin[128]; /* "NAME = ", or "-o NAME=" */
	char end[4];     /* what closes an option with braces */
	char *value;     /* as it is written, or with variables expanded */
};

/* Reads all of it.  postconf's complaints go to standard error.  On failure
 * there is nothing to free. */
CHECK_RESULT enum error_code postfix_settings_read(struct postfix_settings
						       *settings,
    const char *directory, struct error *err);

void postfix_settings_fini(struct postfix_settings *settings);

/* What is in force for a service: its own, or main.cf's, or the default.  An
 * empty one if this Postfix doesn't know the name. */
struct check_mta_parameter
postfix_settings_look_up(const struct postfix_settings *settings,
    const struct check_mta_service *service, const char *name);

/* Finds where the parameter is written.  If entry isn't NULL, it is a part of
 * the value; where that part comes from a $variable, the place is that of the
 * variable.  place_r->value is for free(). */
void postfix_settings_place(const struct postfix_settings *settings,
    const struct check_mta_parameter *parameter, const char *entry,
    struct postfix_place *place_r);

#endif
