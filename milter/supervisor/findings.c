/* findings - what is not as the configuration wants it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
findings_init(struct findings *findings)
{
	memset(findings, 0, sizeof *findings);
}

void
findings_fini(struct findings *findings)
{
	free(findings->items);
	findings_init(findings);
}

void
findings_add(struct findings *findings, enum log_level level, const char *fmt,
    ...)
{
	struct finding *finding;
	va_list args;

	findings->items = reallocarray(findings->items, findings->count + 1,
	    sizeof *findings->items);
	if (findings->items == NULL)
		abort();
	finding = &findings->items[findings->count++];
	finding->level = level;
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof finding->text, fmt, args);
	va_end(args);
	findings->errors += level == LOG_LEVEL_ERROR;
}

void
findings_log(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		log_msg(findings->items[i].level, "%s",
		    findings->items[i].text);
}
