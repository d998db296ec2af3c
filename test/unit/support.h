/* support - what the unit tests share
 *
 * What can't be set up fails the test that asked for it (cmocka's asserts),
 * so none of this is for a child process but where it says so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

struct config;

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The exit status that means: can't be tried here. */
#define SUPPORT_SKIPPED 77

/* Reads text as a configuration; config_destroy() ends it. */
struct config *support_config(const char *text);

/* How many descriptors this process has open. */
unsigned support_open_fds(void);

/* Makes an empty directory; its path stands in path_r. */
void support_make_directory(char path_r[32]);

/* How many names there are in it; UINT_MAX if it can't be read.  For child
 * processes too. */
unsigned support_count_names(const char *path);

/* Removes an empty directory. */
void support_remove_directory(const char *path);

/* Byte number at of a pattern that doesn't repeat soon. */
unsigned char support_pattern(size_t at);

/* Forks; the child runs body and ends with 0 if that is true.  Fails the test
 * if it is false. */
void support_in_child(bool (*body)(void *context), void *context);

/* Standard error goes into a file, from begin to end; what came is in out,
 * which has room for size bytes, cut to fit. */
struct support_capture {
	int saved, file;
};
void support_capture_begin(struct support_capture *capture);
void support_capture_end(struct support_capture *capture, char *out,
    size_t size);

/* Returns ok; says what on standard error if not.  For child processes. */
bool support_check(bool ok, const char *what);

#endif
