/* mistakes - what is wrong with a configuration file, all of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "mistakes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
mistakes_init(struct mistakes *mistakes)
{
	memset(mistakes, 0, sizeof(*mistakes));
}

void
mistakes_fini(struct mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->count; i++)
		free(mistakes->items[i].text);
	mistakes->count = 0;
}

/* Inserts it by its line, behind other mistakes of the same line. */
static void
insert(struct mistakes *mistakes, unsigned line, char *text)
{
	size_t at = mistakes->count++;

	for (; at > 0 && mistakes->items[at - 1].line > line; at--)
		mistakes->items[at] = mistakes->items[at - 1];
	mistakes->items[at].line = line;
	mistakes->items[at].text = text;
}

void
mistakes_note(struct mistakes *mistakes, unsigned line,
    const struct setting *setting, const char *fmt, ...)
{
	va_list args;
	char *text;

	if (setting != NULL)
		mistakes->wrong[setting - settings] = true;
	if (mistakes->count == MISTAKES_MAX) {
		mistakes->more++;
		return;
	}
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		mistakes->no_memory = true;
	else
		insert(mistakes, line, text);
	va_end(args);
}

bool
mistakes_about(const struct mistakes *mistakes, const struct setting *setting)
{
	return mistakes->wrong[setting - settings];
}

static enum error_code
tell(const struct mistake *mistake, const char *name,
    config_mistake_function *each, void *context, struct error *err)
{
	char place[16] = "";
	struct error text;

	if (mistake->line > 0)
		snprintf(place, sizeof(place), ":%u", mistake->line);
	error_set(&text, ERROR_INPUT, "%s%s: %s", name, place, mistake->text);
	if (each != NULL)
		each(context, text.text);
	if (err != NULL)
		*err = text;
	return ERROR_INPUT;
}

static void
tell_rest(const struct mistakes *mistakes, const char *name,
    config_mistake_function *each, void *context)
{
	struct error text;

	if (each != NULL && mistakes->more > 0) {
		error_set(&text, ERROR_INPUT, "%s: and %zu mistakes more", name,
		    mistakes->more);
		each(context, text.text);
	}
	if (each != NULL && mistakes->unread) {
		error_set(&text, ERROR_INPUT,
		    "%s: what follows line %u could not be checked", name,
		    mistakes->items[mistakes->count - 1].line);
		each(context, text.text);
	}
}

enum error_code
mistakes_tell(struct mistakes *mistakes, const char *name,
    config_mistake_function *each, void *context, struct error *err)
{
	enum error_code code = ERROR_NONE;

	if (mistakes->no_memory) {
		code = error_sys(err, ENOMEM, "cannot read configuration %s",
		    name);
		if (each != NULL && err != NULL)
			each(context, err->text);
		return code;
	}
	for (size_t i = 0; i < mistakes->count; i++)
		code = tell(&mistakes->items[i], name, each, context,
		    i == 0 ? err : NULL);
	if (code != ERROR_NONE)
		tell_rest(mistakes, name, each, context);
	return code;
}
