/* postcat - reads what Postfix's "postcat -eh -q ID" prints
 *
 *	*** ENVELOPE RECORDS hold/4F2C1A0B ***
 *	message_size:            5481             713               2 ...
 *	message_arrival_time: Wed Nov 25 07:14:54 2026
 *	sender: ...
 *	*** MESSAGE CONTENTS hold/4F2C1A0B ***
 *	Received: ...
 *	*** HEADER EXTRACTED hold/4F2C1A0B ***
 *
 * The first line, size and time stand before anything that a sender controls,
 * and the first of each counts.  Between the second marker and the third
 * there are headers only, and none of them can look like the third: a blank
 * can't stand in a header's name.
 *
 * Pure: takes any lines, allocates nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_POSTCAT_H
#define RELEASE_POSTCAT_H

#include "release/identity.h"

enum postcat_section {
	POSTCAT_BEGIN,
	POSTCAT_ENVELOPE,
	POSTCAT_HEADER,
	POSTCAT_END,
};

struct postcat {
	enum postcat_section section;
	char queue[16]; /* "hold", "deferred", ...; "" if not known */
	struct identity identity;
};

void postcat_init(struct postcat *postcat, const struct release_mail *meant);

/* The next line, without its end (a lines_function). */
void postcat_take_line(void *postcat, const char *line);

#endif
