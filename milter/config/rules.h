/* rules - what must hold between settings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "config/config.h"

/* lines has the line of each row of the table, 0 where the default holds;
 * name is the file's.  ERROR_INPUT names the first rule that is broken and
 * the last line that has part in it. */
CHECK_RESULT enum error_code rules_check(const struct config *config,
    const unsigned *lines, const char *name, struct error *err);

#endif
