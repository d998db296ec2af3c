/* value - a setting's text into its field in struct config, and back
 *
 * Nothing outside a row's bounds gets into a struct config.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "table.h"

enum value_result { VALUE_OK, VALUE_WRONG, VALUE_FULL, VALUE_NO_MEMORY };

/* Parses text into the setting's field; an item of a list is appended to it.
 * VALUE_WRONG: not what the setting may be; VALUE_FULL: the list has its
 * greatest length.  Unless VALUE_OK is returned the field is unchanged. */
enum value_result value_parse(const struct setting *setting,
    struct config *config, const char *text);

/* Sets the field to its default; VALUE_OK or VALUE_NO_MEMORY. */
enum value_result value_default(const struct setting *setting,
    struct config *config);

/* Sets the field to what it is in from; VALUE_OK or VALUE_NO_MEMORY. */
enum value_result value_copy(const struct setting *setting,
    struct config *config, const struct config *from);

/* Frees what the field owns and leaves it empty. */
void value_clear(const struct setting *setting, struct config *config);

bool value_is_list(const struct setting *setting);

/* The list of a setting that is one. */
const struct config_strings *value_list(const struct setting *setting,
    const struct config *config);

/* The text of a setting that isn't a list, which value_parse() would read
 * back: in buf, or the field's own. */
const char *value_text(const struct setting *setting,
    const struct config *config, char *buf, size_t size);

/* True if the setting is the same in both. */
bool value_is_equal(const struct setting *setting, const struct config *a,
    const struct config *b);

/* Writes what the setting (of a list: one item) may be, as in "a duration
 * from 1s to 10m"; returns out. */
const char *value_allowed(const struct setting *setting, char *out,
    size_t size);

#endif
