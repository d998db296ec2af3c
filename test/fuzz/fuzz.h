/* fuzz - what the harnesses share
 *
 * A harness is one function, fuzz_one(): it takes its input apart with the
 * functions here, hands the pieces to code of ours that reads foreign bytes,
 * and asserts what the header of that code promises.  Each run must leave as
 * many descriptors open as it found.
 *
 * What the code under test logs comes here, too, and is asserted on: a line
 * is one line, of printable characters.
 *
 * In an input a choice of n is made by one byte, 'a' for the first, a string
 * ends with a NUL, and what the input lacks at its end is zeroes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef NDEBUG
#error "the harnesses say by assert() what they find"
#endif

struct config;
struct error;

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* The harness's own: once before the first run, and for each. */
void fuzz_begin(void);
void fuzz_one(struct fuzz_input *in);

/* 0 to n - 1. */
unsigned fuzz_choice(struct fuzz_input *in, unsigned n);

bool fuzz_yes(struct fuzz_input *in);

/* A little-endian number, of as many bytes as the first says ('a': none, to
 * 'i': eight). */
uint64_t fuzz_number(struct fuzz_input *in);

/* Fills out with the next bytes. */
void fuzz_bytes(struct fuzz_input *in, void *out, size_t len);

/* The next string, for free(); its memory ends where it does, so that a read
 * past its end shows. */
char *fuzz_string(struct fuzz_input *in);

/* The rest, NUL-terminated, for free(). */
char *fuzz_rest(struct fuzz_input *in);

/* A memory file with these bytes. */
int fuzz_memory(const void *data, size_t len);

/* The configuration that text makes. */
struct config *fuzz_config(const char *text);

/* A directory for this process alone, empty at first and removed at its end.
 * Never fails: it aborts. */
const char *fuzz_directory(void);

/* Removes all that is in it. */
void fuzz_empty_directory(void);

/* True if s is at most max printable ASCII characters. */
bool fuzz_is_line(const char *s, size_t max);

/* True if s is at most max bytes of what text_line() lets through
 * (base/text.h).  A character at its end may have been cut. */
bool fuzz_is_shown(const char *s, size_t max);

/* The line that was logged last; "" if none was in this run. */
const char *fuzz_logged(void);

/* Asserts that err says what code says, in a line. */
void fuzz_check_error(const struct error *err, int code);

#endif
