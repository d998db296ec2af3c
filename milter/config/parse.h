/* parse - the prepared text of a configuration file into a struct config
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/config.h"
#include "mistakes.h"
#include "source.h"

/* Prepares and parses the source, and replaces the defaults in config by what
 * it says.  Sets lines[row of the table] to the line in which a setting is
 * given, and doesn't touch it if the setting isn't given.  Notes all mistakes
 * that can be seen: where a name or a value is wrong, the default stays, and
 * the rest is read.  Any thread, but only one at a time. */
void parse_source(struct source *source, struct config *config, unsigned *lines,
    struct mistakes *mistakes);

#endif
