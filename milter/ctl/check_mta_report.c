/* check_mta_report - the lines that vscanctl check-mta prints
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "check_mta_internal.h"

#define LINE_MAX_LEN 4096

/* Keeps the line.  False if it was printed before. */
static bool
remember(struct check_mta_report *report, const char *line)
{
	char **lines;

	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->lines[i], line) == 0)
			return false;
	lines = realloc(report->lines,
	    (report->count + 1) * sizeof *report->lines);
	if (lines == NULL)
		abort();
	report->lines = lines;
	lines[report->count] = strdup(line);
	if (lines[report->count++] == NULL)
		abort();
	return true;
}

static bool __attribute__((format(printf, 3, 0)))
say(struct check_mta_report *report, const char *kind, const char *fmt,
    va_list args)
{
	char raw[LINE_MAX_LEN], line[LINE_MAX_LEN];

	vsnprintf(raw, sizeof raw, fmt, args);
	text_line(line, sizeof line, raw);
	if (!remember(report, line))
		return false;
	printf("%s: %s\n", kind, line);
	return true;
}

void
check_mta_ok(struct check_mta_report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(report, "ok", fmt, args);
	va_end(args);
}

void
check_mta_note(struct check_mta_report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(report, "note", fmt, args);
	va_end(args);
}

void
check_mta_problem(struct check_mta_report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (say(report, "problem", fmt, args))
		report->problems++;
	va_end(args);
}

void
check_mta_report_fini(struct check_mta_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free(report->lines[i]);
	free(report->lines);
	report->lines = NULL;
	report->count = 0;
}
