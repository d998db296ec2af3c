/* table - one row for each setting, and nothing about settings elsewhere
 *
 * Parsing, checking, defaults, printing and the comments in a printed file
 * all come from these rows.  A new setting is a field in struct config and a
 * row here.  Rows of one section stand together, top level first: that is
 * the order in which they are printed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "config/change.h"

/* What a setting's text is, and in brackets its field in struct config. */
enum setting_type {
	SETTING_SOCKET,   /* unix:PATH, inet:PORT@HOST, ... (char *) */
	SETTING_USER,     /* an account's name, not root (char *) */
	SETTING_GROUP,    /* a group's name, or empty (char *) */
	SETTING_PATH,     /* an absolute path (char *) */
	SETTING_TEMPLATE, /* a reply's text (char *) */
	SETTING_DURATION, /* nanoseconds (int64_t) */
	SETTING_SIZE,     /* bytes (uint64_t) */
	SETTING_COUNT,    /* (unsigned) */
	SETTING_MODE,     /* octal (unsigned) */
	SETTING_CHOICE,   /* an enum or an action (int) */
	SETTING_PATHS,    /* (struct config_strings) */
	SETTING_MTAS,     /* postfix:PATH, sendmail:PATH (the same) */
	SETTING_NETWORKS, /* (struct config_strings) */
	SETTING_HEADERS,  /* names, a "*" at their end (the same) */
};

/* One word that a setting may be; a NULL name ends an array. */
struct choice {
	const char *name;
	int value;
};

struct setting {
	const char *section; /* "" for the top level */
	const char *name;
	enum setting_type type;
	size_t offset;    /* in struct config */
	int64_t min;      /* of the value; of a text's length; */
	int64_t max;      /* of a list's number of items */
	const char *unit; /* what a count counts */
	const struct choice *choices;
	const char *fallback; /* default, as text; for a list one item */
	const char *description;
	enum config_effect effect; /* how a changed value comes into force */
};

#define SETTINGS_MAX 96
#define SECTIONS_MAX 16

extern const struct setting settings[];
extern const size_t settings_count;

/* Every action, weakest first. */
extern const struct choice setting_actions[];

/* NULL if there is none. */
const struct setting *setting_find(const char *section, const char *name);

/* The row whose field is at offset in struct config; there is one. */
const struct setting *setting_at(size_t offset);

/* Writes "section.name", or "name" at the top level; returns out. */
const char *setting_name(const struct setting *setting, char *out, size_t size);

#endif
