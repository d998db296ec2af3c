/* survey - looks whether this machine is as the configuration wants it
 *
 * For vscan-milter -t, and for a start, which says the same.  An error is what
 * keeps the service from starting or from scanning; a warning is what may go
 * well.  Nothing is changed: what a start would make (state_directory, the
 * socket's directory) need not be there yet.
 *
 * What the account has to be able to do is tried by a child process that has
 * become the account.
 *
 * Single-threaded, before anything else is started.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_H
#define SUPERVISOR_SURVEY_H

#include <stddef.h>

#include "base/log.h"

struct config;

struct survey_finding {
	enum log_level level; /* ERROR or WARNING */
	char text[512];
};

struct survey {
	struct survey_finding *items;
	size_t count;
	size_t errors; /* of them */
};

/* An empty survey; survey_fini() is due in the end. */
void survey_init(struct survey *survey);
void survey_fini(struct survey *survey);

/* Account, group, directories, socket, signature files, memory and disk.  Takes
 * 10 s at most, if a disk hangs. */
void survey_machine(struct survey *survey, const struct config *config);

/* What is of use for -t only: whether vscan-release answers where mail is to be
 * held, and whether an engine can load the signatures, which takes its time
 * and its memory.  config is changed if state_directory isn't there. */
void survey_services(struct survey *survey, const struct config *config);
void survey_engine(struct survey *survey, struct config *config);

/* Adds a finding. */
void survey_add(struct survey *survey, enum log_level level, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Writes all findings to the log. */
void survey_log(const struct survey *survey);

#endif
