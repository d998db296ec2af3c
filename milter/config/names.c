/* names - the names in a configuration file that are nobody's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

/* Longer than any name that is known. */
#define NAME_SIZE 128

struct walk {
	char *at;
	unsigned line;
	char section[NAME_SIZE]; /* "" at the top level */
	names_unknown_function *unknown;
	void *context;
};

static void
skip_blanks(struct walk *walk)
{
	for (; strchr(" \t\r\n", *walk->at) != NULL; walk->at++) {
		if (*walk->at == '\0')
			return;
		if (*walk->at == '\n')
			walk->line++;
	}
}

/* Moves past a string or a word, neither of which goes beyond its line.  False
 * if there is neither. */
static bool
skip_token(struct walk *walk)
{
	char quote = *walk->at;

	if (quote != '"' && quote != '\'') {
		size_t len = strcspn(walk->at, " \t\r\n\"'={}(),");

		walk->at += len;
		return len > 0;
	}
	for (walk->at++; *walk->at != quote; walk->at++) {
		if (*walk->at == '\\')
			walk->at++;
		if (*walk->at == '\0')
			return false;
	}
	walk->at++;
	return true;
}

/* Moves past the brace that closes the one here.  False if there is none. */
static bool
skip_braces(struct walk *walk)
{
	unsigned depth = 0;

	do {
		if (*walk->at == '{')
			depth++;
		else if (*walk->at == '}')
			depth--;
		if (strchr("{}=(),", *walk->at) != NULL) {
			if (*walk->at == '\0')
				return false;
			walk->at++;
		} else if (!skip_token(walk)) {
			return false;
		}
		if (depth > 0)
			skip_blanks(walk);
	} while (depth > 0);
	return true;
}

static bool
skip_value(struct walk *walk)
{
	skip_blanks(walk);
	return *walk->at == '{' ? skip_braces(walk) : skip_token(walk);
}

static void
copy_name(const char *begin, const char *end, char name[NAME_SIZE])
{
	if (*begin == '"' || *begin == '\'') {
		begin++;
		end--;
	}
	snprintf(name, NAME_SIZE, "%.*s", (int)(end - begin), begin);
}

static bool
is_section(const char *name)
{
	for (size_t i = 0; name[0] != '\0' && i < settings_count; i++)
		if (strcmp(settings[i].section, name) == 0)
			return true;
	return false;
}

static void
make_blank(char *begin, const char *end)
{
	for (; begin < end; begin++)
		if (*begin != '\n')
			*begin = ' ';
}

/* Moves past what follows a name.  *known_r says whether the name is a setting
 * or a section.  False if the text makes no sense. */
static bool
skip_given(struct walk *walk, const char *name, bool *known_r)
{
	bool top = walk->section[0] == '\0';
	bool setting = setting_find(walk->section, name) != NULL;
	bool section = top && is_section(name);

	*known_r = setting || section;
	skip_blanks(walk);
	if (*walk->at == '=' && !section) {
		walk->at++;
		return skip_value(walk);
	}
	if (*walk->at != '{' || setting)
		return false;
	if (!section)
		return skip_braces(walk);
	walk->at++;
	snprintf(walk->section, sizeof(walk->section), "%s", name);
	return true;
}

/* Moves past a name and its value, or past the end of a section.  False at the
 * end of the text. */
static bool
step(struct walk *walk)
{
	char name[NAME_SIZE], section[NAME_SIZE], *begin;
	unsigned line;
	bool known;

	skip_blanks(walk);
	if (*walk->at == '}' && walk->section[0] != '\0') {
		walk->section[0] = '\0';
		walk->at++;
		return true;
	}
	begin = walk->at;
	line = walk->line;
	memcpy(section, walk->section, sizeof(section));
	if (!skip_token(walk))
		return false;
	copy_name(begin, walk->at, name);
	if (!skip_given(walk, name, &known))
		return false;
	if (!known) {
		walk->unknown(walk->context, line, section, name);
		make_blank(begin, walk->at);
	}
	return true;
}

void
names_check(char *text, names_unknown_function *unknown, void *context)
{
	struct walk walk = {
		.at = text,
		.line = 1,
		.unknown = unknown,
		.context = context,
	};

	while (step(&walk))
		continue;
}
