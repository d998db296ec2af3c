/* check_mta_internal - what the parts of check_mta share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CHECK_MTA_INTERNAL_H
#define CHECK_MTA_INTERNAL_H

#include <stddef.h>

#include "base/error.h"
#include "ctl/check_mta.h"

/* The lines that were printed: what several services share is said once. */
struct check_mta_report {
	const struct config *config;
	const char *socket; /* ours */
	struct check_mta_deadlines deadlines;
	unsigned problems;
	unsigned asking; /* services or filters that ask us */
	size_t count;
	char **lines;
};

/* Prints "KIND: " and the line, if it is new; a problem counts. */
void check_mta_ok(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void check_mta_note(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void check_mta_problem(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees the lines. */
void check_mta_report_fini(struct check_mta_report *report);

CHECK_RESULT enum error_code check_mta_postfix(struct check_mta_report *report,
    const char *directory, struct error *err);
CHECK_RESULT enum error_code check_mta_sendmail(struct check_mta_report *report,
    const char *path, struct error *err);

/* Reports a problem where Postfix's account, mail_owner, could not connect to
 * our unix: socket as our configuration makes it, or could not search a
 * directory on the way. */
void check_mta_access(struct check_mta_report *report, const char *mail_owner,
    const char *queue_directory);

#endif
