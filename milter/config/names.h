/* names - the names in a configuration file that are nobody's
 *
 * libconfuse ends at the first name that it doesn't know.  So names are looked
 * at before: what is given to an unknown one is made blank, and the rest of the
 * file can be read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

/* section is "" at the top level. */
typedef void names_unknown_function(void *context, unsigned line,
    const char *section, const char *name);

/* Calls unknown for each name in the prepared text (source.h) that is neither a
 * setting nor a section, and makes it blank with its value.  Stops where the
 * text makes no sense; the parser will say what is wrong there.  Any thread. */
void names_check(char *text, names_unknown_function *unknown, void *context);

#endif
