/* cf - the lines of a sendmail.cf
 *
 * For those who have to know how a Sendmail is set up.  Pure: they hold no
 * state, allocate nothing and take any text, which they cut in place; what
 * they return points into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_CF_H
#define CONFIG_CF_H

/* Takes the first line off *text, with those that continue it.  NULL at the
 * end; a comment is an empty line. */
char *cf_next_line(char **text);

/* The value of option name in a line "O name=value"; NULL if it is another
 * line. */
char *cf_option(char *line, const char *name);

#endif
