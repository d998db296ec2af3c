/* check_mta_cf - what sendmail.cf says of milters
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <string.h>

#include "base/text.h"
#include "check_mta_internal.h"

#define BLANKS " \t\r\n"

/* Takes the timeouts apart ("C:5m;S:10s").  Of several for one letter the last
 * one counts, as in Sendmail. */
static void
take_timeouts(char *list, struct check_mta_filter *filter)
{
	char *part, *value;

	while ((part = strsep(&list, ";")) != NULL) {
		part = text_trim(part);
		value = strchr(part, ':');
		if (value == NULL)
			continue;
		value = text_trim(value + 1);
		switch (part[0]) {
		case 'C':
			filter->connect = value;
			break;
		case 'S':
			filter->send = value;
			break;
		case 'R':
			filter->receive = value;
			break;
		case 'E':
			filter->end = value;
			break;
		}
	}
}

bool
check_mta_parse_filter(char *line, struct check_mta_filter *filter_r)
{
	size_t len = strcspn(line, "," BLANKS);
	char *rest, *field, *value;

	memset(filter_r, 0, sizeof *filter_r);
	filter_r->name = line;
	rest = line[len] == '\0' ? line + len : line + len + 1;
	line[len] = '\0';
	while ((field = strsep(&rest, ",")) != NULL) {
		field = text_trim(field);
		value = strchr(field, '=');
		if (value == NULL)
			continue;
		value = text_trim(value + 1);
		if (field[0] == 'S')
			filter_r->socket = value;
		else if (field[0] == 'F')
			filter_r->flags = value;
		else if (field[0] == 'T')
			take_timeouts(value, filter_r);
	}
	return len > 0;
}

bool
check_mta_in_list(const char *list, const char *name)
{
	size_t len;

	for (; *list != '\0'; list += len) {
		list += strspn(list, ",;" BLANKS);
		len = strcspn(list, ",;" BLANKS);
		if (len > 0 && strlen(name) == len &&
		    strncmp(list, name, len) == 0)
			return true;
	}
	return false;
}
