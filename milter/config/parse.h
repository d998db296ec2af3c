/* parse - the prepared text of a configuration file into a struct config
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/config.h"
#include "source.h"

/* Prepares and parses the source, and replaces the defaults in config by
 * what it says.  Sets lines[row of the table] to where a setting is given,
 * and leaves it else; name is the file's.  Any thread, one at a time. */
CHECK_RESULT enum error_code parse_source(struct source *source,
    const char *name, struct config *config, unsigned *lines,
    struct error *err);

#endif
