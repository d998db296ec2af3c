/* qf - reads a queue file of Sendmail
 *
 * Text, a letter and its value on each line: T and the time at which the mail
 * came, H and a header ("H?FLAGS?Name: value", continued by lines that begin
 * with a blank), and in the end ".".  Headers can't hold a line of their own,
 * so what a sender wrote is never taken for another kind of line.  The body is
 * in another file.
 *
 * Pure: takes any lines, allocates nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_QF_H
#define RELEASE_QF_H

#include "release/identity.h"

struct qf {
	bool in_header;
	bool complete;            /* its end has been read */
	struct identity identity; /* its size: that of the header */
};

void qf_init(struct qf *qf, const struct release_mail *meant);

/* The next line, without its end (a lines_function). */
void qf_take_line(void *qf, const char *line);

#endif
