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
#include "parse.h"
#include "table.h"
#include "value.h"

#define SHOWN 60 /* characters of a value in a message */

struct reading {
	const char *name; /* of the file */
	struct config *config;
	unsigned *lines;       /* where each setting is given, or 0 */
	unsigned mistake_line; /* 0 for none, or no memory */
	struct error mistake;
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

/* Notes the first mistake only. */
static void __attribute__((format(printf, 3, 4)))
mistake(struct reading *r, int line, const char *fmt, ...)
{
	char text[sizeof(r->mistake.text)];
	va_list args;

	if (r->mistake.code != ERROR_NONE)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->mistake_line = (unsigned)line;
	error_set(&r->mistake, ERROR_INPUT, "%s:%d: %s", r->name, line, text);
}

static void
no_memory(struct reading *r)
{
	if (r->mistake.code == ERROR_NONE)
		error_sys(&r->mistake, ENOMEM, "cannot read configuration %s",
		    r->name);
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
unknown_setting(struct reading *r, const cfg_t *cfg, const char *name)
{
	const char *section = section_of(cfg);
	char names[256] = "", shown[SHOWN + 4];

	list_names(section, names, sizeof(names));
	if (section[0] != '\0')
		mistake(r, cfg->line,
		    "unknown setting \"%s\" in section "
		    "\"%s\"; allowed are %s",
		    show(name, shown), section, names);
	else
		mistake(r, cfg->line,
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

	mistake(r, line, "%s %s \"%s\", but%s must be %s%s%s%s",
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
		mistake(r, line,
		    "%s is given twice, on line %u first; it "
		    "is allowed once",
		    setting_name(setting, name, sizeof(name)), *given);
		return false;
	}
	*given = (unsigned)line;
	return true;
}

static bool
take_empty_list(struct reading *r, int line, const struct setting *setting)
{
	char name[64];

	if (setting->min == 0)
		return true;
	mistake(r, line,
	    "%s is empty, but must have 1 item or more, such as "
	    "{\"%s\"}",
	    setting_name(setting, name, sizeof(name)), setting->fallback);
	return false;
}

static bool
take_text(struct reading *r, int line, const struct setting *setting,
    const char *text)
{
	char name[64];

	switch (value_parse(setting, r->config, text)) {
	case VALUE_OK:
		return true;
	case VALUE_WRONG:
		wrong_value(r, line, setting, text);
		break;
	case VALUE_FULL:
		mistake(r, line,
		    "%s has too many items, but must have %d "
		    "or fewer",
		    setting_name(setting, name, sizeof(name)),
		    (int)setting->max);
		break;
	case VALUE_NO_MEMORY:
		no_memory(r);
		break;
	}
	return false;
}

/* libconfuse's callback for each value, and for each item of a list: by then
 * it has counted it, and forgotten those of an earlier assignment. */
static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct setting *setting;

	setting = setting_find(section_of(cfg), opt->name);
	if (setting == NULL) {
		/* "section|name" is a way of libconfuse to write it. */
		unknown_setting(reading, cfg, opt->name);
		return -1;
	}
	*(const char **)result = value;
	if (opt->nvalues == 1) {
		if (!take_line(reading, cfg->line, setting))
			return -1;
		if (value_is_list(setting))
			value_clear(setting, reading->config);
	}
	if (value_is_list(setting) && value[0] == SOURCE_EMPTY_LIST)
		return take_empty_list(reading, cfg->line, setting) ? 0 : -1;
	return take_text(reading, cfg->line, setting, value) ? 0 : -1;
}

/* What libconfuse says in its words, and in ours. */
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
	/* A long message lacks its end. */
	end = strrchr(++begin, '\'');
	if (end == NULL)
		end = begin + strlen(begin);
	snprintf(out, size, "%.*s", (int)(end - begin), begin);
}

/* libconfuse's error function. */
static void __attribute__((format(printf, 2, 0)))
take_complaint(cfg_t *cfg, const char *format, va_list args)
{
	char message[256], word[sizeof(message)], shown[SHOWN + 4];

	vsnprintf(message, sizeof(message), format, args);
	quoted_word(message, word, sizeof(word));
	show(word, shown);
	if (strncmp(format, "no such option", 14) == 0 ||
	    strncmp(format, "no sub-section", 14) == 0)
		unknown_setting(reading, cfg, word);
	for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++)
		if (strcmp(format, complaints[i].format) == 0)
			mistake(reading, cfg->line, "%s%s%s",
			    complaints[i].before, shown, complaints[i].after);
	/* Heard if it was none of these. */
	text_line(word, sizeof(word), message);
	mistake(reading, cfg->line, "%s", word);
}

/* Writes the options of a section, and their end, to opts; returns how many
 * that are. */
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

/* libconfuse copies the options. */
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

/* The line that parsing came to; libconfuse counts on in the section. */
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
		no_memory(r);
	else if (cfg_parse_buf(cfg, text) != CFG_SUCCESS)
		/* Heard if nothing else was said: of a name "". */
		mistake(r, last_line(cfg),
		    "syntax error; a setting is NAME = VALUE");
	if (cfg != NULL)
		cfg_free(cfg);
	reading = NULL;
	pthread_mutex_unlock(&parser_lock);
}

enum error_code
parse_source(struct source *source, const char *name, struct config *config,
    unsigned *lines, struct error *err)
{
	struct reading r = { .name = name, .config = config, .lines = lines };
	bool prepared = source_prepare(source);

	/* Up to the mistake in the text too: the first one counts. */
	parse_text(&r, source->text);
	if (!prepared &&
	    (r.mistake.code == ERROR_NONE ||
		r.mistake_line >= source->mistake_line))
		return error_set(err, ERROR_INPUT, "%s:%u: %s", name,
		    source->mistake_line, source->mistake);
	if (r.mistake.code != ERROR_NONE && err != NULL)
		*err = r.mistake;
	return r.mistake.code;
}
