/* source - the text of a configuration file, made fit for libconfuse
 *
 * What is a string, a word or a comment here is what libconfuse's scanner
 * takes for one: a comment begins between tokens only, but for "#".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

/* What ends an unquoted word, with the control characters. */
static const char word_end[] = " #\"'={}()+,*";

/* pread(2), or read(2) for what has no offset, such as a pipe. */
static ssize_t
read_at(int fd, void *data, size_t len, size_t offset)
{
	ssize_t n = pread(fd, data, len, (off_t)offset);

	if (n == -1 && errno == ESPIPE)
		n = read(fd, data, len);
	return n;
}

/* Fills source->text up to one byte more than a file may have. */
static enum error_code
read_all(struct source *source, int fd, const char *name, struct error *err)
{
	ssize_t n;

	while (source->len <= SOURCE_MAX) {
		n = read_at(fd, source->text + source->len,
		    SOURCE_MAX + 1 - source->len, source->len);
		if (n == 0)
			return ERROR_NONE;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, errno,
			    "cannot read configuration %s", name);
		source->len += (size_t)n;
	}
	return error_set(err, ERROR_INPUT,
	    "%s: is larger than 1M; no configuration is", name);
}

enum error_code
source_read(struct source *source, int fd, const char *name, struct error *err)
{
	enum error_code code;

	memset(source, 0, sizeof(*source));
	source->text = malloc(SOURCE_MAX + 2);
	if (source->text == NULL)
		return error_sys(err, ENOMEM, "cannot read configuration %s",
		    name);
	code = read_all(source, fd, name, err);
	if (code != ERROR_NONE) {
		source_fini(source);
		return code;
	}
	source->text[source->len] = '\0';
	return ERROR_NONE;
}

void
source_fini(struct source *source)
{
	free(source->text);
	source->text = NULL;
}

/* Notes the mistake and ends the text at the offset of its token. */
static bool __attribute__((format(printf, 3, 4)))
mistake(struct source *source, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(source->mistake, sizeof(source->mistake), fmt, args);
	va_end(args);
	source->mistake_line = source->line;
	source->text[at] = '\0';
	return false;
}

static bool
expands(const char *p)
{
	return p[0] == '$' && p[1] == '{';
}

static bool
no_expansion(struct source *source, size_t at)
{
	return mistake(source, at,
	    "\"${\" stands for the environment, which "
	    "is not used; a dollar sign in a string is \"\\$\"");
}

static bool
is_control(char c)
{
	return (c >= 0 && c < ' ') || c == 0x7f;
}

static bool
no_control(struct source *source, size_t at, char c)
{
	return mistake(source, at,
	    "control character 0x%02x; a configuration is plain text", c);
}

/* Moves past a comment that ends with its line. */
static bool
blank_line(struct source *source)
{
	char *begin = source->text + source->pos;
	size_t rest = source->len - source->pos;
	char *end = memchr(begin, '\n', rest);
	size_t len = end != NULL ? (size_t)(end - begin) : rest;

	memset(begin, ' ', len);
	source->pos += len;
	return true;
}

/* Moves past a comment between slash and star, and star and slash. */
static bool
blank_block(struct source *source)
{
	char *begin = source->text + source->pos;
	char *end = memmem(begin + 2, source->len - source->pos - 2, "*/", 2);

	if (end == NULL)
		return mistake(source, source->pos,
		    "the comment is not closed; \"*/\" is missing");
	for (char *p = begin; p < end + 2; p++) {
		if (*p == '\n')
			source->line++;
		else
			*p = ' ';
	}
	source->pos = (size_t)(end + 2 - source->text);
	return true;
}

/* Between single quotes a backslash is special only before itself and the
 * quote. */
static bool
skip_escape(struct source *source, size_t start, char quote)
{
	char next = source->text[source->pos + 1];

	if (strchr(quote == '"' ? "\\\"'$" : "\\'", next) != NULL) {
		source->pos += 2;
		return true;
	}
	if (quote == '"')
		return mistake(source, start,
		    "a backslash in a string stands "
		    "before \\, \" or $ only, not before \"%c\"",
		    next > ' ' && next < 0x7f ? next : '?');
	source->pos++;
	return true;
}

static bool
not_closed(struct source *source, size_t start, char quote)
{
	return mistake(source, start,
	    "the string is not closed; %c is "
	    "missing at its end, on the same line",
	    quote);
}

/* True if the string, whose next character is at p, can't go on here. */
static bool
ends_early(const struct source *source, const char *p)
{
	if (*p == '\\')
		p++;
	return *p == '\n' || p >= source->text + source->len;
}

static bool
skip_string(struct source *source)
{
	size_t start = source->pos++;
	const char *p;
	char quote = source->text[start];

	while (*(p = source->text + source->pos) != quote) {
		if (ends_early(source, p))
			return not_closed(source, start, quote);
		if (is_control(*p))
			return no_control(source, start, *p);
		if (quote == '"' && expands(p))
			return no_expansion(source, start);
		if (*p != '\\')
			source->pos++;
		else if (!skip_escape(source, start, quote))
			return false;
	}
	source->pos++;
	source->before = 'a';
	return true;
}

static bool
skip_word(struct source *source)
{
	size_t start = source->pos;
	const char *p = source->text + start;

	while (!is_control(*p) && strchr(word_end, *p) == NULL)
		p++;
	/* libconfuse expands ${NAME} at the beginning of a word only.  Whoever
	 * writes it elsewhere expects it to be expanded there too, so it is a
	 * mistake anywhere. */
	if (expands(p - 1))
		return no_expansion(source, start);
	source->pos = (size_t)(p - source->text);
	source->before = 'a';
	return true;
}

static bool
open_brace(struct source *source)
{
	if (source->depth == SOURCE_DEPTH)
		return mistake(source, source->pos,
		    "\"{\" is not expected "
		    "here; a section has settings, and a list has strings");
	source->open[source->depth++] = source->line;
	source->empty_list = NULL;
	if (source->before == '=')
		source->empty_list = source->text + source->pos;
	source->before = '{';
	source->pos++;
	return true;
}

static bool
close_brace(struct source *source)
{
	if (source->depth == 0)
		return mistake(source, source->pos,
		    "\"}\" is not expected here; nothing is open");
	if (source->before == '{' && source->empty_list != NULL) {
		*source->empty_list = SOURCE_EMPTY_LIST;
		source->text[source->pos] = ' ';
	}
	source->depth--;
	source->before = '}';
	source->pos++;
	return true;
}

static bool
odd_character(struct source *source, char c)
{
	if (c == '+' || c == '*')
		return mistake(source, source->pos,
		    "unexpected \"%c\"; a "
		    "setting is NAME = VALUE, and a list is given whole",
		    c);
	return no_control(source, source->pos, c);
}

/* Takes blanks, and the tokens that are a single character. */
static bool
prepare_other(struct source *source, char c)
{
	if (c == '\n')
		source->line++;
	else if (c == '\r')
		source->text[source->pos] = ' ';
	else if (c == '=' || c == ',' || c == '(' || c == ')')
		source->before = c;
	else if (c != ' ' && c != '\t')
		return odd_character(source, c);
	source->pos++;
	return true;
}

static bool
prepare_token(struct source *source)
{
	const char *p = source->text + source->pos;

	if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
		return blank_line(source);
	if (p[0] == '/' && p[1] == '*')
		return blank_block(source);
	if (p[0] == '"' || p[0] == '\'')
		return skip_string(source);
	if (p[0] == '{')
		return open_brace(source);
	if (p[0] == '}')
		return close_brace(source);
	if (is_control(p[0]) || strchr(word_end, p[0]) != NULL)
		return prepare_other(source, p[0]);
	return skip_word(source);
}

bool
source_prepare(struct source *source)
{
	source->line = 1;
	while (source->pos < source->len)
		if (!prepare_token(source))
			return false;
	if (source->depth > 0) {
		source->line = source->open[0];
		return mistake(source, source->len,
		    "\"{\" is never closed; \"}\" is missing");
	}
	return true;
}
