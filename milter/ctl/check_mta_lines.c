/* check_mta_lines - where main.cf and master.cf have a setting
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/check_mta.h"

#define BLANKS " \t\r"

/* For one entry no more than so many values are looked into, since a variable
 * may lead back to itself. */
#define MOST_VALUES 100

/* A line and the lines that continue it, as they stand in the file. */
struct piece {
	const char *begin, *end;
	unsigned number;
};

static const char *
end_of_line(const char *text)
{
	return text + strcspn(text, "\n");
}

static bool
is_comment(const char *line)
{
	line += strspn(line, BLANKS);
	return *line == '#' || *line == '\n' || *line == '\0';
}

/* Takes the next line and those that continue it, with the comments and empty
 * lines between them.  False at the end. */
static bool
next_piece(const char **text, unsigned *number, struct piece *piece_r)
{
	const char *line = *text;
	bool begun = false;

	for (; *line != '\0'; (*number)++) {
		if (!is_comment(line)) {
			if (begun && strchr(BLANKS, *line) == NULL)
				break;
			if (!begun) {
				piece_r->begin = line;
				piece_r->number = *number;
			}
			begun = true;
			piece_r->end = end_of_line(line);
		}
		line = end_of_line(line);
		line += *line == '\n';
	}
	*text = line;
	return begun;
}

static const char *
skip_blanks(const char *text, const char *end)
{
	while (text < end && strchr(BLANKS, *text) != NULL)
		text++;
	return text;
}

/* The number of the line in which place, which is in the piece, stands. */
static unsigned
number_of(const struct piece *piece, const char *place)
{
	unsigned number = piece->number;

	for (const char *p = piece->begin; p < place; p++)
		number += *p == '\n';
	return number;
}

/* What follows word, if text begins with it; otherwise NULL.  Text goes to end.
 */
static const char *
after_word(const char *text, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - text) < len || strncmp(text, word, len) != 0)
		return NULL;
	return text + len;
}

/* The value, if text begins with "NAME = VALUE"; otherwise NULL. */
static const char *
value_at(const char *text, const char *end, const char *name)
{
	const char *rest = after_word(text, end, name);

	if (rest == NULL)
		return NULL;
	rest = skip_blanks(rest, end);
	if (rest == end || *rest != '=')
		return NULL;
	return skip_blanks(rest + 1, end);
}

bool
check_mta_find_setting(const char *main_cf, const char *name,
    struct check_mta_line *line_r)
{
	unsigned number = 1;
	bool found = false;
	struct piece piece;
	const char *value;

	while (next_piece(&main_cf, &number, &piece)) {
		value = value_at(piece.begin, piece.end, name);
		if (value == NULL)
			continue;
		line_r->number = piece.number;
		snprintf(line_r->name, sizeof line_r->name, "%s", name);
		line_r->value = value;
		line_r->end = piece.end;
		found = true;
	}
	return found;
}

/* True if the line is that of the service: "smtp inet ..." for "smtp/inet". */
static bool
is_service(const struct piece *piece, const char *service)
{
	const char *slash = strrchr(service, '/');
	const char *rest = piece->begin;
	size_t len = slash == NULL ? 0 : (size_t)(slash - service);

	if (len == 0 || (size_t)(piece->end - rest) <= len ||
	    strncmp(rest, service, len) != 0)
		return false;
	rest = after_word(skip_blanks(rest + len, piece->end), piece->end,
	    slash + 1);
	return rest != NULL && rest < piece->end &&
	    isspace((unsigned char)*rest);
}

/* The end of an option's value: where the next option or the line's end is. */
static const char *
end_of_option(const char *value, const char *end)
{
	for (const char *p = value; p + 1 < end; p++)
		if (p[0] == '-' && p[1] == 'o' && p > value &&
		    isspace((unsigned char)p[-1]))
			return p;
	return end;
}

static bool
find_in_service(const struct piece *piece, const char *name,
    struct check_mta_line *line_r)
{
	bool found = false;
	const char *value;

	for (const char *p = piece->begin + 1; p < piece->end; p++) {
		if (p[-1] != '{' && !isspace((unsigned char)p[-1]) &&
		    !(p[-1] == 'o' && p - 2 >= piece->begin && p[-2] == '-'))
			continue;
		value = value_at(p, piece->end, name);
		if (value == NULL)
			continue;
		line_r->number = number_of(piece, p);
		snprintf(line_r->name, sizeof line_r->name, "%s", name);
		line_r->value = value;
		line_r->end = end_of_option(value, piece->end);
		found = true;
	}
	return found;
}

bool
check_mta_find_option(const char *master_cf, const char *service,
    const char *name, struct check_mta_line *line_r)
{
	unsigned number = 1;
	bool found = false;
	struct piece piece;

	while (next_piece(&master_cf, &number, &piece))
		if (is_service(&piece, service) &&
		    find_in_service(&piece, name, line_r))
			found = true;
	return found;
}

/* Looks for the entry in the value itself, without its variables, and sets
 * *line_r to it.  False if it isn't there. */
static bool
has_entry(const struct check_mta_line *line, const char *entry,
    struct check_mta_line *line_r)
{
	const char *text = line->value, *rest;
	size_t len = strlen(entry);
	bool comment = false;

	*line_r = *line;
	for (; text < line->end; text++) {
		if (*text == '\n') {
			line_r->number++;
			comment = is_comment(text + 1);
		}
		rest = comment ? NULL : after_word(text, line->end, entry);
		/* A whole word, not the beginning of one. */
		if (rest != NULL && len != 0 &&
		    (text == line->value || strchr(", \t\n{=", text[-1])) &&
		    (rest == line->end || strchr(", \t\r\n}", *rest)))
			return true;
	}
	return false;
}

/* Copies the name in "$name", "${name}" or "$(name)".  False if there is none.
 */
static bool
take_name(const char *text, const char *end, char *out, size_t size)
{
	size_t len = 0;

	text++;
	if (text < end && (*text == '{' || *text == '('))
		text++;
	while (text + len < end && len + 1 < size &&
	    (isalnum((unsigned char)text[len]) || text[len] == '_'))
		len++;
	memcpy(out, text, len);
	out[len] = '\0';
	return len != 0;
}

static bool
find_entry(const char *main_cf, const struct check_mta_line *from,
    const char *entry, unsigned *budget, struct check_mta_line *line_r)
{
	struct check_mta_line other;
	char name[sizeof other.name];

	if (*budget == 0)
		return false;
	(*budget)--;
	if (has_entry(from, entry, line_r))
		return true;
	for (const char *p = from->value; p < from->end; p++)
		if (*p == '$' && take_name(p, from->end, name, sizeof name) &&
		    check_mta_find_setting(main_cf, name, &other) &&
		    find_entry(main_cf, &other, entry, budget, line_r))
			return true;
	return false;
}

bool
check_mta_find_entry(const char *main_cf, const struct check_mta_line *from,
    const char *entry, struct check_mta_line *line_r)
{
	unsigned budget = MOST_VALUES;

	return find_entry(main_cf, from, entry, &budget, line_r);
}

const char *
check_mta_line_value(const struct check_mta_line *line, char *out, size_t size)
{
	const char *text = line->value;
	size_t len = 0;

	while (text < line->end && len + 1 < size) {
		if (*text == '\n' && is_comment(text + 1)) {
			text = end_of_line(text + 1);
			continue;
		}
		if (strchr(BLANKS "\n", *text) == NULL)
			out[len++] = *text;
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
		text++;
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	return out;
}
