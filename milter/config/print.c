/* print - the effective settings as a configuration file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "table.h"
#include "value.h"

#define COLUMNS 78
#define TAB 8

/* So that libconfuse reads the same bytes: "$" could begin an expansion. */
static void
print_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (strchr("\"\\$", *text) != NULL)
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_list(const struct config_strings *list, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i > 0 ? ", " : "", out);
		print_quoted(list->items[i], out);
	}
	fputc('}', out);
}

static void
print_scalar(const struct setting *setting, const char *text, FILE *out)
{
	if (setting->type == SETTING_COUNT)
		fputs(text, out);
	else
		print_quoted(text, out);
}

static void
print_setting(const struct setting *setting, const struct config *config,
    const char *prefix, FILE *out)
{
	char buf[64];

	fprintf(out, "%s%s = ", prefix, setting->name);
	if (value_is_list(setting))
		print_list(value_list(setting, config), out);
	else
		print_scalar(setting,
		    value_text(setting, config, buf, sizeof(buf)), out);
	fputc('\n', out);
}

/* Prints text as comment lines of up to COLUMNS. */
static void
print_wrapped(const char *text, const char *indent, FILE *out)
{
	size_t start = strlen(indent) * TAB + 1, column = 0, len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (column == 0 || column + 1 + len > COLUMNS) {
			fprintf(out, "%s%s#", column > 0 ? "\n" : "", indent);
			column = start;
		}
		fprintf(out, " %.*s", (int)len, text);
		column += 1 + len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
print_default(const struct setting *setting, FILE *out)
{
	char *item = (char *)setting->fallback;
	struct config_strings list = { item[0] != '\0', &item };

	if (value_is_list(setting))
		print_list(&list, out);
	else
		print_scalar(setting, setting->fallback, out);
}

/* Description, then what is allowed, then the default. */
static void
print_comment(const struct setting *setting, const char *indent, FILE *out)
{
	char allowed[256], text[640];
	FILE *line;

	value_allowed(setting, allowed, sizeof(allowed));
	line = fmemopen(text, sizeof(text), "w");
	if (line == NULL)
		return;
	fprintf(line, "%s: %s. Default: ",
	    value_is_list(setting) ? "Allowed in the list" : "Allowed",
	    allowed);
	print_default(setting, line);
	fclose(line);
	text[sizeof(text) - 1] = '\0';
	print_wrapped(setting->description, indent, out);
	print_wrapped(text, indent, out);
}

/* Ends the section before this one, unless that is the top level, and begins
 * this one. */
static void
print_section(const char *before, const char *next, FILE *out)
{
	if (before[0] != '\0')
		fputs("}\n", out);
	if (next[0] != '\0')
		fprintf(out, "\n%s {\n", next);
}

/* True if the line is to be a comment: a setting that has its default, since a
 * later version may have a better one. */
static bool
is_default(const struct setting *setting, const struct config *config)
{
	struct config defaults;
	bool equal;

	memset(&defaults, 0, sizeof(defaults));
	equal = value_default(setting, &defaults) == VALUE_OK &&
	    value_is_equal(setting, config, &defaults);
	value_clear(setting, &defaults);
	return equal;
}

static void
print_explained(const struct setting *setting, const struct config *config,
    const char *indent, FILE *out)
{
	char prefix[8];

	print_comment(setting, indent, out);
	snprintf(prefix, sizeof(prefix), "%s%s", indent,
	    is_default(setting, config) ? "#" : "");
	print_setting(setting, config, prefix, out);
}

void
config_print(const struct config *config, FILE *out, int with_comments)
{
	const char *section = "", *indent = "";

	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings[i];

		if (strcmp(setting->section, section) != 0) {
			print_section(section, setting->section, out);
			section = setting->section;
			indent = "\t";
		} else if (with_comments && i > 0) {
			fputc('\n', out);
		}
		if (with_comments)
			print_explained(setting, config, indent, out);
		else
			print_setting(setting, config, indent, out);
	}
	print_section(section, "", out);
}
