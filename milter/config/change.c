/* change - what differs between two snapshots of the configuration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "config/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "table.h"
#include "value.h"

/* The longest value that a message quotes. */
#define TEXT_SIZE 256

/* Writes the value as the file would have it. */
static void
show_value(const struct setting *setting, const struct config *config,
    char out[TEXT_SIZE])
{
	const struct config_strings *list;
	char text[64];
	size_t len = 1;

	if (!value_is_list(setting)) {
		snprintf(out, TEXT_SIZE, "\"%s\"",
		    value_text(setting, config, text, sizeof text));
		return;
	}
	list = value_list(setting, config);
	strcpy(out, "{");
	for (size_t i = 0; i < list->count && len < TEXT_SIZE - 2; i++) {
		snprintf(out + len, TEXT_SIZE - 1 - len, "%s\"%s\"",
		    i > 0 ? ", " : "", list->items[i]);
		len = strlen(out);
	}
	strcpy(out + len, "}");
}

static void
tell(const struct setting *setting, const struct config *before,
    const struct config *after, config_change_function *each, void *context)
{
	char name[64], from[TEXT_SIZE], to[TEXT_SIZE];
	struct config_change change = {
		.name = setting_name(setting, name, sizeof name),
		.before = from,
		.after = to,
		.effect = setting->effect,
	};

	show_value(setting, before, from);
	show_value(setting, after, to);
	each(context, &change);
}

unsigned
config_compare(const struct config *before, const struct config *after,
    config_change_function *each, void *context)
{
	unsigned effects = 0;

	for (size_t i = 0; i < settings_count; i++) {
		if (value_is_equal(&settings[i], before, after))
			continue;
		effects |= 1u << settings[i].effect;
		if (each != NULL)
			tell(&settings[i], before, after, each, context);
	}
	return effects;
}

enum error_code
config_keep(struct config *config, const struct config *before,
    struct error *err)
{
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].effect == CONFIG_BY_RESTART &&
		    value_copy(&settings[i], config, before) != VALUE_OK)
			return error_sys(err, ENOMEM,
			    "keeping settings that need a restart");
	return ERROR_NONE;
}
