/* manual - writes vscan-milter.conf(5) from the table of settings
 *
 * A program of the build, which nobody installs: "vscan-manual TEMPLATE" writes
 * the page to standard output.  It copies the template (mdoc), and puts the
 * settings of a section in the place of the line
 *
 *   .\" settings SECTION
 *
 * where SECTION is "-" for the settings at the top level.  It fails where the
 * template leaves out a section of the table, names one that isn't there, or a
 * setting has no description.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "table.h"
#include "value.h"

#define MARK ".\\\" settings "
#define TOP_LEVEL "-"
#define COLUMNS 78

/* Writes one word of running text, so that mdoc takes no part of it for a
 * request. */
static void
write_word(const char *word, size_t len, bool first)
{
	if (first && (word[0] == '.' || word[0] == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\\')
			fputs("\\e", stdout);
		else
			putchar(word[i]);
}

/* True if a sentence ends with this word: mdoc wants the next one on a line of
 * its own. */
static bool
ends_sentence(const char *word, size_t len)
{
	return word[len - 1] == '.' && word[len] == ' ' && word[len + 1] != ' ';
}

static void
write_text(const char *text)
{
	size_t column = 0, len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (column > 0 && column + 1 + len > COLUMNS) {
			putchar('\n');
			column = 0;
		}
		if (column > 0)
			putchar(' ');
		write_word(text, len, column == 0);
		column += len + 1;
		if (len > 0 && ends_sentence(text, len)) {
			putchar('\n');
			column = 0;
		}
		text += len;
		text += strspn(text, " ");
	}
	if (column > 0)
		putchar('\n');
}

static const char *
effect_text(enum config_effect effect)
{
	switch (effect) {
	case CONFIG_AT_ONCE:
		break;
	case CONFIG_BY_ENGINE:
		return "A reload puts a change in force, as soon as an engine "
		       "has loaded with it.";
	case CONFIG_BY_RELEASE:
		return "A reload puts a change in force; vscan-release has to "
		       "be restarted for it, too.";
	case CONFIG_BY_RESTART:
		return "Only a restart puts a change in force.";
	}
	return "A reload puts a change in force.";
}

static void
write_default(const struct setting *setting)
{
	char text[600];
	const char *open = "\"", *close = "\"";

	if (value_is_list(setting)) {
		open = "{\"";
		close = "\"}";
	} else if (setting->type == SETTING_COUNT) {
		open = close = "";
	}
	if (setting->fallback[0] == '\0')
		snprintf(text, sizeof text, "Default: empty.");
	else
		snprintf(text, sizeof text, "Default: %s%s%s.", open,
		    setting->fallback, close);
	write_text(text);
}

static bool
write_setting(const struct setting *setting)
{
	char name[64], allowed[256], text[400];

	setting_name(setting, name, sizeof name);
	if (setting->description[0] == '\0') {
		fprintf(stderr, "the setting %s has no description\n", name);
		return false;
	}
	value_allowed(setting, allowed, sizeof allowed);
	if (value_is_list(setting))
		snprintf(text, sizeof text,
		    "Allowed: a list of %" PRId64 " to %" PRId64
		    " items, each of them %s.",
		    setting->min, setting->max, allowed);
	else
		snprintf(text, sizeof text, "Allowed: %s.", allowed);
	printf(".It Ic %s\n", name);
	write_text(setting->description);
	puts(".Pp");
	write_text(text);
	write_default(setting);
	write_text(effect_text(setting->effect));
	return true;
}

/* Returns how many settings the section has, or -1. */
static int
write_section(const char *section)
{
	int count = 0;

	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings[i].section, section) != 0)
			continue;
		if (!write_setting(&settings[i]))
			return -1;
		count++;
	}
	puts(".El");
	if (count == 0)
		fprintf(stderr, "no setting has the section \"%s\"\n", section);
	return count == 0 ? -1 : count;
}

/* Returns how many settings were written, or -1. */
static int
write_page(FILE *template)
{
	char line[256];
	int count = 0, here;

	while (fgets(line, sizeof line, template) != NULL) {
		if (strncmp(line, MARK, strlen(MARK)) != 0) {
			fputs(line, stdout);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		here = write_section(strcmp(line + strlen(MARK), TOP_LEVEL) == 0
			? ""
			: line + strlen(MARK));
		if (here < 0)
			return -1;
		count += here;
	}
	return count;
}

int
main(int argc, char **argv)
{
	FILE *template;
	int count;

	if (argc != 2) {
		fprintf(stderr, "usage: vscan-manual TEMPLATE\n");
		return EX_USAGE;
	}
	template = fopen(argv[1], "r");
	if (template == NULL) {
		perror(argv[1]);
		return EX_NOINPUT;
	}
	count = write_page(template);
	fclose(template);
	if (count >= 0 && (size_t)count != settings_count)
		fprintf(stderr, "%s has %d of the %zu settings\n", argv[1],
		    count, settings_count);
	return (size_t)count == settings_count && fflush(stdout) == 0
	    ? EX_OK
	    : EX_DATAERR;
}
