/* rules - what must hold between settings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"
#include "table.h"
#include "value.h"

#define FIELD(member) offsetof(struct config, member)
#define RULE_FIELDS 3

struct rule {
	bool (*holds)(const struct config *config);
	unsigned count;
	size_t fields[RULE_FIELDS];
	const char *must;
};

static bool
cpu_within_wall(const struct config *config)
{
	return config->deadline_scan_cpu <= config->deadline_scan_wall;
}

static bool
file_within_scan(const struct config *config)
{
	return config->engine_max_file_size <= config->engine_max_scan_size;
}

/* libclamav unpacks up to max_scan_size, and may hold two more copies of one
 * file; full scratch space is what it doesn't always report. */
static bool
scan_within_scratch(const struct config *config)
{
	return config->engine_scratch >
	    config->engine_max_scan_size + 2 * config->engine_max_file_size;
}

static bool
message_memory_within_memory(const struct config *config)
{
	return config->buffer_message_memory <= config->buffer_memory;
}

/* A message that fits its memory never needs the disk. */
static bool
message_within_disk(const struct config *config)
{
	return config->buffer_message_max <= config->buffer_disk ||
	    config->buffer_message_max <= config->buffer_message_memory;
}

static const struct rule rules[] = {
	{ cpu_within_wall, 2,
	    { FIELD(deadline_scan_cpu), FIELD(deadline_scan_wall) },
	    "scan_cpu must not be longer than scan_wall" },
	{ file_within_scan, 2,
	    { FIELD(engine_max_file_size), FIELD(engine_max_scan_size) },
	    "max_file_size must not be larger than max_scan_size" },
	{ scan_within_scratch, 3,
	    { FIELD(engine_scratch), FIELD(engine_max_scan_size),
		FIELD(engine_max_file_size) },
	    "scratch must be more than max_scan_size + 2 * max_file_size" },
	{ message_memory_within_memory, 2,
	    { FIELD(buffer_message_memory), FIELD(buffer_memory) },
	    "message_memory must not be larger than memory" },
	{ message_within_disk, 3,
	    { FIELD(buffer_message_max), FIELD(buffer_disk),
		FIELD(buffer_message_memory) },
	    "message_max must not be larger than disk or message_memory" },
};

/* Appends 'NAME is "VALUE", ' to out. */
static void
append_value(const struct config *config, const struct setting *setting,
    char *out, size_t size)
{
	char name[64], value[32];
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s is \"%s\", ",
	    setting_name(setting, name, sizeof(name)),
	    value_text(setting, config, value, sizeof(value)));
}

static bool
can_be_judged(const struct rule *rule, const struct mistakes *mistakes)
{
	for (unsigned i = 0; i < rule->count; i++)
		if (mistakes_about(mistakes, setting_at(rule->fields[i])))
			return false;
	return true;
}

static void
broken(const struct rule *rule, const struct config *config,
    const unsigned *lines, struct mistakes *mistakes)
{
	char values[256] = "";
	unsigned line = 0;

	for (unsigned i = 0; i < rule->count; i++) {
		const struct setting *setting = setting_at(rule->fields[i]);

		append_value(config, setting, values, sizeof(values));
		if (lines[setting - settings] > line)
			line = lines[setting - settings];
	}
	mistakes_note(mistakes, line, NULL, "%sbut %s", values, rule->must);
}

void
rules_check(const struct config *config, const unsigned *lines,
    struct mistakes *mistakes)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (can_be_judged(&rules[i], mistakes) &&
		    !rules[i].holds(config))
			broken(&rules[i], config, lines, mistakes);
}
