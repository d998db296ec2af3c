/* check_mta_postconf - takes apart what postconf prints
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <string.h>

#include "base/text.h"
#include "check_mta_internal.h"

#define BLANKS " \t\r\n"
#define SEPARATORS ", \t\r\n"

/* Splits NAME = VALUE; false if there is no "=" or no name. */
static bool
split_assignment(char *text, const char **name_r, const char **value_r)
{
	char *equals = strchr(text, '=');

	if (equals == NULL)
		return false;
	*equals = '\0';
	*name_r = text_trim(text);
	*value_r = text_trim(equals + 1);
	return (*name_r)[0] != '\0';
}

bool
check_mta_parse_parameter(char *line, bool of_service,
    struct check_mta_parameter *parameter_r)
{
	char *slash;

	parameter_r->service = NULL;
	if (!split_assignment(line, &parameter_r->name, &parameter_r->value))
		return false;
	slash = strrchr(line, '/');
	if ((slash != NULL) != of_service)
		return false;
	if (slash == NULL)
		return true;
	*slash = '\0';
	parameter_r->service = parameter_r->name;
	parameter_r->name = slash + 1;
	return strchr(parameter_r->service, '/') != NULL &&
	    parameter_r->name[0] != '\0';
}

bool
check_mta_parse_service(char *line, struct check_mta_service *service_r)
{
	char *fields[8], *rest = line;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		rest += strspn(rest, BLANKS);
		if (*rest == '\0' || *rest == '#')
			return false;
		fields[i] = rest;
		rest += strcspn(rest, BLANKS);
		if (*rest != '\0')
			*rest++ = '\0';
	}
	service_r->name = fields[0];
	service_r->type = fields[1];
	service_r->chroot = fields[4][0];
	service_r->command = fields[7];
	return true;
}

/* The end of a token: the first separator that stands in no braces. */
static char *
token_end(char *text)
{
	unsigned depth = 0;

	for (; *text != '\0'; text++) {
		if (depth == 0 && strchr(SEPARATORS, *text) != NULL)
			break;
		if (*text == '{')
			depth++;
		else if (*text == '}' && depth > 0)
			depth--;
	}
	return text;
}

/* Takes the first token off *list, and takes the braces off it.  NULL at the
 * end of the list. */
static char *
next_token(char **list)
{
	char *token = *list + strspn(*list, SEPARATORS), *end;

	end = token_end(token);
	*list = *end == '\0' ? end : end + 1;
	if (end == token)
		return NULL;
	*end = '\0';
	if (token[0] != '{')
		return token;
	if (end[-1] == '}')
		end[-1] = '\0';
	return text_trim(token + 1);
}

static void
take_attribute(char *text, struct check_mta_milter *milter)
{
	const char *name, *value;

	if (!split_assignment(text, &name, &value))
		return;
	if (strcmp(name, "connect_timeout") == 0)
		milter->connect_timeout = value;
	else if (strcmp(name, "command_timeout") == 0)
		milter->command_timeout = value;
	else if (strcmp(name, "content_timeout") == 0)
		milter->content_timeout = value;
	else if (strcmp(name, "default_action") == 0)
		milter->default_action = value;
}

bool
check_mta_next_milter(char **list, struct check_mta_milter *milter_r)
{
	bool in_braces;
	char *token, *attribute;

	memset(milter_r, 0, sizeof *milter_r);
	in_braces = (*list)[strspn(*list, SEPARATORS)] == '{';
	token = next_token(list);
	if (token == NULL)
		return false;
	milter_r->endpoint = token;
	if (!in_braces)
		return true;
	milter_r->endpoint = next_token(&token);
	if (milter_r->endpoint == NULL)
		milter_r->endpoint = "";
	while ((attribute = next_token(&token)) != NULL)
		take_attribute(attribute, milter_r);
	return true;
}
