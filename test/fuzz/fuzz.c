/* fuzz - what the harnesses share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "fuzz.h"

#include <assert.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"

#define CLOSING_MS 10000

/* What the linker has in place of log_msg() and log_error(). */
void __wrap_log_msg(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void __wrap_log_error(enum log_level level, const char *what,
    const struct error *err);

/* What libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[PATH_MAX];
/* Of the thread that runs the inputs, or any other. */
static __thread char logged[4096];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_begin();
	return 0;
}

static int
lowest_free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	assert(fd >= 0);
	close(fd);
	return fd;
}

/* A harness with threads may hold some for a moment longer. */
static bool
are_closed_from(int lowest)
{
	for (int i = 0; i < CLOSING_MS; i++) {
		if (lowest_free_descriptor() <= lowest)
			return true;
		usleep(1000);
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	int lowest = lowest_free_descriptor();

	logged[0] = '\0';
	fuzz_one(&in);
	assert(are_closed_from(lowest));
	return 0;
}

void
fuzz_bytes(struct fuzz_input *in, void *out, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memset(out, 0, len);
	if (n > 0)
		memcpy(out, in->at, n);
	in->at += n;
	in->left -= n;
}

unsigned
fuzz_choice(struct fuzz_input *in, unsigned n)
{
	uint8_t byte = 'a';

	if (in->left > 0)
		fuzz_bytes(in, &byte, 1);
	return (uint8_t)(byte - 'a') % n;
}

bool
fuzz_yes(struct fuzz_input *in)
{
	return fuzz_choice(in, 2) == 1;
}

uint64_t
fuzz_number(struct fuzz_input *in)
{
	unsigned len = fuzz_choice(in, 9);
	uint8_t bytes[8] = { 0 };
	uint64_t number = 0;

	fuzz_bytes(in, bytes, len);
	for (unsigned i = len; i > 0; i--)
		number = number << 8 | bytes[i - 1];
	return number;
}

static char *
take(struct fuzz_input *in, size_t len)
{
	char *s = malloc(len + 1);

	assert(s != NULL);
	fuzz_bytes(in, s, len);
	s[len] = '\0';
	return s;
}

char *
fuzz_string(struct fuzz_input *in)
{
	size_t len = in->left > 0 ? strnlen((const char *)in->at, in->left) : 0;
	char *s = take(in, len);

	if (in->left > 0) {
		in->at++;
		in->left--;
	}
	return s;
}

char *
fuzz_rest(struct fuzz_input *in)
{
	return take(in, in->left);
}

int
fuzz_memory(const void *data, size_t len)
{
	enum error_code code;
	struct error err;
	int fd;

	code = fd_memory("fuzz", &fd, &err);
	assert(code == ERROR_NONE);
	if (len > 0)
		code = fd_write_at(fd, data, len, 0, &err);
	assert(code == ERROR_NONE);
	return fd;
}

struct config *
fuzz_config(const char *text)
{
	int fd = fuzz_memory(text, strlen(text));
	struct config *config;
	struct error err;

	if (config_load_fd(fd, "fuzz.conf", &config, &err) != ERROR_NONE) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	close(fd);
	return config;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type;
	return at->level == 0 ? 0 : remove(path);
}

void
fuzz_empty_directory(void)
{
	int failed = nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);

	assert(!failed);
}

static void
remove_directory(void)
{
	fuzz_empty_directory();
	rmdir(directory);
}

const char *
fuzz_directory(void)
{
	const char *base = getenv("TMPDIR");

	if (directory[0] != '\0')
		return directory;
	snprintf(directory, sizeof directory, "%s/vscan-fuzz-XXXXXX",
	    base != NULL ? base : "/tmp");
	if (mkdtemp(directory) == NULL || atexit(remove_directory) != 0)
		abort();
	return directory;
}

bool
fuzz_is_line(const char *s, size_t max)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return len <= max;
}

bool
fuzz_is_shown(const char *s, size_t max)
{
	size_t len = strlen(s), whole = len < 3 ? 0 : len - 3;
	char *shown = malloc(len + 1);
	bool same;

	assert(shown != NULL);
	text_line(shown, len + 1, s);
	same = memcmp(shown, s, whole) == 0;
	free(shown);
	for (size_t i = whole; i < len; i++)
		same &= (unsigned char)s[i] >= ' ' && s[i] != 0x7f;
	return same && len <= max;
}

void
fuzz_check_error(const struct error *err, int code)
{
	assert((int)err->code == code);
	assert(err->text[0] != '\0');
	assert(fuzz_is_shown(err->text, sizeof err->text - 1));
}

void
__wrap_log_msg(enum log_level level, const char *fmt, ...)
{
	va_list args;
	int len;

	(void)level;
	va_start(args, fmt);
	len = vsnprintf(logged, sizeof logged, fmt, args);
	va_end(args);
	assert(len > 0 && (size_t)len < sizeof logged);
	if (!fuzz_is_shown(logged, sizeof logged))
		fprintf(stderr, "in the log: %s\n", logged);
	assert(fuzz_is_shown(logged, sizeof logged));
}

const char *
fuzz_logged(void)
{
	return logged;
}

void
__wrap_log_error(enum log_level level, const char *what,
    const struct error *err)
{
	__wrap_log_msg(level, "%s: %s", what, err->text);
}
