/* cf - the lines of a sendmail.cf
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "config/cf.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

#define BLANKS " \t\r\n"

/* A comment begins the line, or follows a blank. */
static void
cut_comment(char *line)
{
	for (char *p = line; *p != '\0'; p++)
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			return;
		}
}

char *
cf_next_line(char **text)
{
	char *line = *text, *end = line;

	if (*line == '\0')
		return NULL;
	while ((end = strchr(end, '\n')) != NULL &&
	    (end[1] == ' ' || end[1] == '\t'))
		*end = ' ';
	if (end == NULL)
		*text = line + strlen(line);
	else {
		*text = end + 1;
		*end = '\0';
	}
	cut_comment(line);
	return line;
}

char *
cf_option(char *line, const char *name)
{
	size_t len = strlen(name);

	if (line[0] != 'O' || (line[1] != ' ' && line[1] != '\t'))
		return NULL;
	line = text_trim(line + 1);
	if (strncasecmp(line, name, len) != 0)
		return NULL;
	line += len;
	line += strspn(line, BLANKS);
	return *line == '=' ? text_trim(line + 1) : NULL;
}
