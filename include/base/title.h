/* title - what ps(1) shows of a process
 *
 * All processes of an engine run one program, so their command lines are the
 * same until each has a title.  A title stands where the arguments and the
 * environment stood, and is cut to their room; the environment is moved away
 * first.
 *
 * Single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_TITLE_H
#define BASE_TITLE_H

/* Once, at the beginning of main(), with its arguments, which are not to be
 * used any more after the first title_set(). */
void title_init(int argc, char **argv);

/* name, of at most 15 characters, is what top(1) and ps -C show; the title is
 * "name: " and the text.  Without title_init() only name is set. */
void title_set(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
