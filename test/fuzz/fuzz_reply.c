/* fuzz_reply - what a refusal says, and the strings that it is made of
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "base/text.h"
#include "config/config.h"
#include "filter/reply.h"
#include "fuzz.h"
#include "wire/verdict.h"

void
fuzz_begin(void)
{
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		abort();
}

/* --- base/text.h --- */

static bool
is_line_character(char c)
{
	return c >= 0x20 && c < 0x7f;
}

static bool
is_name_character(char c)
{
	return isalnum((unsigned char)c) || strchr("._:/()-", c) != NULL;
}

static bool
all(const char *s, bool (*is)(char c))
{
	for (; *s != '\0'; s++)
		if (!is(*s))
			return false;
	return true;
}

/* What ends a line or changes the direction of the text around it. */
static bool
forges(wchar_t c)
{
	return iswcntrl((wint_t)c) || c == 0x200e || c == 0x200f ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* UTF-8, as the C library has it, of characters that can't forge anything. */
static void
check_shown(const char *copy, size_t size, const char *but)
{
	size_t len = strlen(copy);
	wchar_t *wide = calloc(len + 1, sizeof *wide);

	assert(wide != NULL && len < size);
	assert(mbstowcs(wide, copy, len + 1) != (size_t)-1);
	for (size_t i = 0; wide[i] != L'\0'; i++)
		assert(!forges(wide[i]));
	assert(strpbrk(copy, but) == NULL || *but == '\0');
	free(wide);
}

/* As much of s as fits, other characters as '?'. */
static void
check_copy(const char *copy, size_t size, const char *s, bool (*is)(char c))
{
	size_t len = strlen(copy);

	assert(all(copy, is));
	assert(len == (strlen(s) < size ? strlen(s) : size - 1));
	for (size_t i = 0; i < len; i++)
		assert(copy[i] == (is(s[i]) ? s[i] : '?'));
}

static void
check_text(const char *s, size_t size)
{
	char *out = malloc(2 * strlen(s) + size + 1);
	size_t len = strlen(s);

	assert(out != NULL);
	/* They write into the last size bytes, at most. */
	assert(text_field(out + 2 * len + 1, size, s) == out + 2 * len + 1);
	check_shown(out + 2 * len + 1, size, " \",\r\n\t");
	text_line(out + 2 * len + 1, size, s);
	check_shown(out + 2 * len + 1, size, "\r\n\t");
	text_ascii(out + 2 * len + 1, size, s);
	check_copy(out + 2 * len + 1, size, s, is_line_character);
	text_field(out, size, NULL);
	assert(out[0] == '\0');
	assert(text_is_signature_name(s) ==
	    (len >= 1 && len <= 128 && all(s, is_name_character)));
	text_hex(out, (const unsigned char *)s, len);
	assert(strlen(out) == 2 * len);
	assert(strspn(out, "0123456789abcdef") == 2 * len);
	free(out);
}

/* --- wire/verdict.h --- */

static struct verdict
make_verdict(struct fuzz_input *in)
{
	enum verdict_kind kind = (enum verdict_kind)fuzz_choice(in,
	    VERDICT_KINDS);
	char *name = fuzz_string(in);
	struct verdict verdict = verdict_make(kind, name);

	assert(verdict.kind == kind);
	assert(verdict.name[0] == '\0' ? name[0] == '\0'
				       : text_is_signature_name(verdict.name));
	if (text_is_signature_name(name))
		assert(strcmp(verdict.name, name) == 0);
	free(name);
	return verdict;
}

/* --- filter/reply.h --- */

/* No lone '%', as Sendmail would see it; undoes the doubling. */
static void
undouble(const char *text, char *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '%') {
			text++;
			assert(*text == '%');
		}
		*out++ = *text;
	}
	*out = '\0';
}

/* The template with what it stands for, of any length. */
static char *
expand(const char *template, const char *name, const char *id)
{
	size_t room = strlen(template) * (strlen(name) + strlen(id) + 1) + 1;
	char *out = calloc(1, room), *end = out;

	assert(out != NULL);
	for (const char *at = template; *at != '\0'; at++) {
		if (*at != '%' || at[1] == '\0') {
			*end++ = *at;
			continue;
		}
		at++;
		if (*at == 'v' || *at == 'i')
			end = stpcpy(end, *at == 'v' ? name : id);
		else
			*end++ = '%';
	}
	return out;
}

static void
check_text_of(const struct reply *reply, const char *template,
    const struct verdict *verdict, const char *id)
{
	char safe[512], safe_id[64], plain[sizeof reply->text], *whole;
	size_t len;

	undouble(reply->text, plain);
	text_ascii(safe, sizeof safe, template);
	text_ascii(safe_id, sizeof safe_id, id);
	whole = expand(safe, verdict->name, safe_id);
	len = strlen(plain);
	/* It is cut where it has to be only. */
	assert(strncmp(plain, whole, len) == 0);
	assert(whole[len] == '\0' ||
	    strlen(reply->text) + 2 >= sizeof reply->text - 1);
	free(whole);
}

static void
check_reply(const struct reply *reply, enum action action,
    const struct verdict *verdict)
{
	const char *code = verdict->kind == VERDICT_UNSCANNABLE ? "554" : "550";

	assert(fuzz_is_line(reply->text, sizeof reply->text - 1));
	assert(
	    strcmp(reply->code, action == ACTION_TEMPFAIL ? "451" : code) == 0);
	assert(strcmp(reply->status,
		   action == ACTION_TEMPFAIL ? "4.7.1" : "5.7.1") == 0);
}

static void
try_reply(struct fuzz_input *in, char *template)
{
	enum action action = fuzz_yes(in) ? ACTION_TEMPFAIL : ACTION_REJECT;
	bool has_id = fuzz_yes(in);
	struct verdict verdict = make_verdict(in);
	char *id = fuzz_string(in);
	struct config config = {
		.reply_infected = template,
		.reply_incomplete = template,
		.reply_encrypted = template,
		.reply_macro = template,
		.reply_phishing = template,
		.reply_pua = template,
		.reply_late = template,
		.reply_unscannable = template,
		.reply_error = template,
	};
	struct reply reply;

	memset(&reply, 0xff, sizeof reply);
	reply_make(&config, action, &verdict, has_id ? id : NULL, &reply);
	check_reply(&reply, action, &verdict);
	check_text_of(&reply, template, &verdict, has_id ? id : "-");
	free(id);
}

void
fuzz_one(struct fuzz_input *in)
{
	size_t size = 1 + (size_t)fuzz_number(in) % 600;
	char *template = fuzz_string(in);

	check_text(template, size);
	try_reply(in, template);
	free(template);
}
