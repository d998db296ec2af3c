/* rules - what must hold between settings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "config/config.h"
#include "mistakes.h"

/* Notes each rule that is broken, at the last line that has part in it; lines
 * has the line of each row of the table, 0 where the default holds.  A rule
 * about a setting that has a mistake of its own isn't looked at. */
void rules_check(const struct config *config, const unsigned *lines,
    struct mistakes *mistakes);

#endif
