/* parse - the prepared text of a configuration file into a struct config
 *
 * libconfuse parses what source.c has prepared, and calls take_value() for
 * each value while the line is known.  To libconfuse every value is a
 * string without a default; meaning and bounds are value.c's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <confuse.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "names.h"
#include "parse.h"
#include "table.h"
#include "value.h"

#define SHOWN 60 /* characters of a value in a message */

struct reading {
	struct config *config;
	unsigned *lines; /* the line of each setting; 0: it isn't given */
	struct mistakes *mistakes;
	unsigned end; /* the line in which the text was cut; 0: it wasn't */
};

/* libconfuse's scanner is global, and its callbacks get no context. */
static pthread_mutex_t parser_lock = PTHREAD_MUTEX_INITIALIZER;
static struct reading *reading;

static const char *
section_of(const cfg_t *cfg)
{
	return strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

/* Makes s safe and short enough for a message. */
static const char *
show(const char *s, char out[SHOWN + 4])
{
	if (s[0] == SOURCE_EMPTY_LIST)
		s = "{}";
	text_line(out, SHOWN + 1, s);
	if (strlen(s) > SHOWN)
		strcpy(out + SHOWN, "...");
	return out;
}

/* Appends word to the list in out. */
static void
append_word(char *out, size_t size, const char *word)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", word);
}

/* Lists what a section may hold; the top level: its sections as well. */
static void
list_names(const char *section, char *out, size_t size)
{
	const char *last = "";

	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings[i].section, section) == 0)
			append_word(out, size, settings[i].name);
		else if (section[0] == '\0' &&
		    strcmp(settings[i].section, last) != 0)
			append_word(out, size, settings[i].section);
		last = settings[i].section;
	}
}

static void
unknown_name(void *context, unsigned line, const char *section,
    const char *name)
{
	struct reading *r = context;
	char names[512] = "", shown[SHOWN + 4];

	list_names(section, names, sizeof(names));
	if (section[0] != '\0')
		mistakes_note(r->mistakes, line, NULL,
		    "unknown setting \"%s\" in section "
		    "\"%s\"; allowed are %s",
		    show(name, shown), section, names);
	else
		mistakes_note(r->mistakes, line, NULL,
		    "unknown setting or section \"%s\"; "
		    "allowed are %s",
		    show(name, shown), names);
}

static void
wrong_value(struct reading *r, int line, const struct setting *setting,
    const char *value)
{
	char name[64], allowed[256], shown[SHOWN + 4];
	bool example = setting->choices == NULL &&
	    setting->fallback[0] != '\0' && setting->type != SETTING_TEMPLATE;

	mistakes_note(r->mistakes, (unsigned)line, setting,
	    "%s %s \"%s\", but%s must be %s%s%s%s",
	    setting_name(setting, name, sizeof(name)),
	    value_is_list(setting) ? "has" : "is", show(value, shown),
	    value_is_list(setting) ? " each item" : "",
	    value_allowed(setting, allowed, sizeof(allowed)),
	    example ? ", such as \"" : "", example ? setting->fallback : "",
	    example ? "\"" : "");
}

/* Notes that the setting is given on this line; false if it was before. */
static bool
take_line(struct reading *r, int line, const struct setting *setting)
{
	unsigned *given = &r->lines[setting - settings];
	char name[64];

	if (*given > 0) {
		mistakes_note(r->mistakes, (unsigned)line, setting,
		    "%s is given twice, on line %u first; it "
		    "is allowed once",
		    setting_name(setting, name, sizeof(name)), *given);
		return false;
	}
	*given = (unsigned)line;
	return true;
}

static void
take_empty_list(struct reading *r, int line, const struct setting *setting)
{
	char name[64];

	if (setting->min == 0)
		return;
	mistakes_note(r->mistakes, (unsigned)line, setting,
	    "%s is empty, but must have 1 item or more, such as "
	    "{\"%s\"}",
	    setting_name(setting, name, sizeof(name)), setting->fallback);
}

static void
take_text(struct reading *r, int line, const struct setting *setting,
    const char *text)
{
	char name[64];

	switch (value_parse(setting, r->config, text)) {
	case VALUE_OK:
		break;
	case VALUE_WRONG:
		wrong_value(r, line, setting, text);
		break;
	case VALUE_FULL:
		if (mistakes_about(r->mistakes, setting))
			break;
		mistakes_note(r->mistakes, (unsigned)line, setting,
		    "%s has too many items, but must have %d "
		    "or fewer",
		    setting_name(setting, name, sizeof(name)),
		    (int)setting->max);
		break;
	case VALUE_NO_MEMORY:
		r->mistakes->no_memory = true;
		break;
	}
}

/* libconfuse calls this for each value, and for each item of a list.  At that
 * time it has counted the item already, and has forgotten the items of an
 * earlier assignment.  A mistake is noted here and hidden from libconfuse, so
 * that it goes on. */
static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct setting *setting;

	setting = setting_find(section_of(cfg), opt->name);
	if (setting == NULL)
		return -1;
	*(const char **)result = value;
	if (opt->nvalues == 1) {
		if (!take_line(reading, cfg->line, setting))
			return 0;
		if (value_is_list(setting))
			value_clear(setting, reading->config);
	}
	if (value_is_list(setting) && value[0] == SOURCE_EMPTY_LIST)
		take_empty_list(reading, cfg->line, setting);
	else
		take_text(reading, cfg->line, setting, value);
	return 0;
}

/* A message of libconfuse's, and what we say in its place. */
static const struct complaint {
	const char *format;
	const char *before; /* the word that its message quotes */
	const char *after;
} complaints[] = {
	{ "missing equal sign after option '%s'", "setting \"",
	    "\" must be followed by \"=\" and its value" },
	{ "missing opening brace for section '%s'", "section \"",
	    "\" must be followed by \"{\", its settings and "
	    "\"}\"" },
	{ "unexpected token '%s'", "unexpected \"",
	    "\"; a setting is NAME = VALUE, a list NAME = "
	    "{VALUE, VALUE}, a section NAME { SETTINGS }" },
	{ "premature end of file", "the file ends in the middle of a setting",
	    "" },
};

/* Copies what stands between the first quote and the last. */
static void
quoted_word(const char *message, char *out, size_t size)
{
	const char *begin = strchr(message, '\''), *end;

	out[0] = '\0';
	if (begin == NULL)
		return;
	/* libconfuse cuts a long message, and the second quote with it. */
	end = strrchr(++begin, '\'');
	if (end == NULL)
		end = begin + strlen(begin);
	snprintf(out, size, "%.*s", (int)(end - begin), begin);
}

/* Notes a mistake after which libconfuse reads nothing more.  Where the text
 * was cut because of an earlier mistake, its end is not another one. */
static void
no_sense(struct reading *r, int line, const char *before, const char *word,
    const char *after)
{
	if (r->end > 0 && (unsigned)line >= r->end)
		return;
	r->mistakes->unread = true;
	mistakes_note(r->mistakes, (unsigned)line, NULL, "%s%s%s", before, word,
	    after);
}

/* libconfuse's error function. */
static void __attribute__((format(printf, 2, 0)))
take_complaint(cfg_t *cfg, const char *format, va_list args)
{
	char message[256], word[sizeof(message)], shown[SHOWN + 4];

	vsnprintf(message, sizeof(message), format, args);
	quoted_word(message, word, sizeof(word));
	if (strncmp(format, "no such option", 14) == 0 ||
	    strncmp(format, "no sub-section", 14) == 0) {
		/* For a name that nobody knows; see names.h. */
		reading->mistakes->unread = true;
		unknown_name(reading, (unsigned)cfg->line, section_of(cfg),
		    word);
		return;
	}
	show(word, shown);
	for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++)
		if (strcmp(format, complaints[i].format) == 0) {
			no_sense(reading, cfg->line, complaints[i].before,
			    shown, complaints[i].after);
			return;
		}
	text_line(word, sizeof(word), message);
	no_sense(reading, cfg->line, word, "", "");
}

/* Writes the options of a section to opts, and one that ends them.  Returns
 * their number. */
static size_t
section_options(const char *section, cfg_opt_t *opts)
{
	size_t n = 0;

	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings[i].section, section) != 0)
			continue;
		opts[n++] = (cfg_opt_t)CFG_STR_CB(settings[i].name, NULL,
		    CFGF_NODEFAULT |
			(value_is_list(&settings[i]) ? CFGF_LIST : CFGF_NONE),
		    take_value);
	}
	opts[n++] = (cfg_opt_t)CFG_END();
	return n;
}

/* libconfuse makes a copy of the options, so these may be gone later. */
static cfg_t *
parser_create(void)
{
	cfg_opt_t opts[SETTINGS_MAX + SECTIONS_MAX];
	cfg_opt_t top[SETTINGS_MAX + SECTIONS_MAX];
	size_t used = 0, n = section_options("", top) - 1;
	const char *last = "";
	cfg_t *cfg;

	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings[i].section, last) == 0)
			continue;
		last = settings[i].section;
		top[n++] = (cfg_opt_t)CFG_SEC(last, opts + used, CFGF_NONE);
		used += section_options(last, opts + used);
	}
	top[n] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(top, CFGF_NONE);
	if (cfg != NULL)
		cfg_set_error_function(cfg, take_complaint);
	return cfg;
}

/* The line that the parser has reached.  Inside a section libconfuse counts the
 * lines in the section's own object. */
static int
last_line(cfg_t *cfg)
{
	int line = cfg->line;

	for (cfg_opt_t *opt = cfg->opts; opt->name != NULL; opt++)
		if (opt->type == CFGT_SEC && opt->nvalues > 0 &&
		    opt->values[0]->section->line > line)
			line = opt->values[0]->section->line;
	return line;
}

static void
parse_text(struct reading *r, const char *text)
{
	cfg_t *cfg;

	pthread_mutex_lock(&parser_lock);
	reading = r;
	cfg = parser_create();
	if (cfg == NULL)
		r->mistakes->no_memory = true;
	else if (cfg_parse_buf(cfg, text) != CFG_SUCCESS &&
	    !r->mistakes->unread)
		/* libconfuse failed without a message. */
		no_sense(r, last_line(cfg),
		    "syntax error; a setting is NAME = VALUE", "", "");
	if (cfg != NULL)
		cfg_free(cfg);
	reading = NULL;
	pthread_mutex_unlock(&parser_lock);
}

void
parse_source(struct source *source, struct config *config, unsigned *lines,
    struct mistakes *mistakes)
{
	struct reading r = {
		.config = config,
		.lines = lines,
		.mistakes = mistakes,
	};

	/* Where the text itself has a mistake, what stands before that is
	 * parsed, so that its mistakes are found, too. */
	if (!source_prepare(source)) {
		r.end = source->mistake_line;
		mistakes_note(mistakes, source->mistake_line, NULL, "%s",
		    source->mistake);
	}
	names_check(source->text, unknown_name, &r);
	parse_text(&r, source->text);
	mistakes->unread |= r.end > 0;
}
