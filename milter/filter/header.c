/* header - the message as the engine is to see it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/header.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "filter/msgbuf.h"

/* What becomes of a header that is not simply kept. */
struct rule {
	const char *pattern;  /* a '*' at its end stands for any rest */
	const char *stand_in; /* NULL: the header is left out */
};

static const struct rule rules[] = {
	{ "Received", NULL },
	{ "Return-Path", NULL },
	{ "Delivered-To", NULL },
	{ "X-Received", NULL },
	{ "Received-SPF", NULL },
	{ "DKIM-Signature", NULL },
	{ "ARC-*", NULL },
	{ "Authentication-Results", NULL },
	{ "X-Google-*", NULL },
	{ "X-MS-Exchange-*", NULL },
	{ "X-Forefront-*", NULL },
	/* Other milters and content filters: SpamAssassin and whatever runs
	 * it, rspamd, milter-greylist and the greylisting policy servers,
	 * OpenDKIM, OpenDMARC, policyd-spf, amavis, DSPAM, Bogofilter. */
	{ "X-Spam", NULL },
	{ "X-Spam-*", NULL },
	{ "X-Spamd-*", NULL },
	{ "X-Rspamd-*", NULL },
	{ "X-Greylist*", NULL },
	{ "DKIM-Filter", NULL },
	{ "DMARC-Filter", NULL },
	{ "X-Comment", NULL },
	{ "X-Amavis-*", NULL },
	{ "X-Quarantine-ID", NULL },
	{ "X-DSPAM-*", NULL },
	{ "X-Bogosity", NULL },
	{ "Message-ID", "Message-ID: <message@vscan-milter.invalid>\r\n" },
	{ "Date", "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n" },
};

static const char received[] =
    "Received: from localhost by localhost with vscan-milter; "
    "Thu, 01 Jan 1970 00:00:00 +0000\r\n";

static const char *const own_names[HEADER_OWN_COUNT] = {
	[HEADER_SCANNED] = "X-Virus-Scanned",
	[HEADER_STATUS] = "X-Virus-Status",
};

const char *
header_own_name(enum header_own own)
{
	return own_names[own];
}

enum header_own
header_own_find(const char *name)
{
	int own;

	for (own = 0; own < HEADER_OWN_COUNT; own++)
		if (strcasecmp(name, own_names[own]) == 0)
			break;
	return (enum header_own)own;
}

static bool
matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return strncasecmp(name, pattern, len - 1) == 0;
	return strcasecmp(name, pattern) == 0;
}

static const struct rule *
find_rule(const char *name, const struct config_strings *ignore)
{
	static const struct rule ignored = { .stand_in = NULL };

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (matches(rules[i].pattern, name))
			return &rules[i];
	for (size_t i = 0; ignore != NULL && i < ignore->count; i++)
		if (matches(ignore->items[i], name))
			return &ignored;
	return NULL;
}

/* Printable ASCII, blanks and line ends. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if ((*s < ' ' || *s > '~') && strchr("\t\r\n", *s) == NULL)
			return false;
	return true;
}

/* True if the engine may miss this header; then it is counted. */
static bool
take_out(struct header_left_out *left_out, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value);

	if (size > HEADER_LEFT_OUT_VALUE || !is_plain(name) ||
	    !is_plain(value) || left_out->count == HEADER_LEFT_OUT_COUNT ||
	    left_out->bytes + size > HEADER_LEFT_OUT_BYTES)
		return false;
	left_out->count++;
	left_out->bytes += size;
	return true;
}

static void
append_string(struct msgbuf *buf, const char *s)
{
	msgbuf_append(buf, s, strlen(s));
}

void
header_begin(struct msgbuf *buf)
{
	append_string(buf, received);
}

/* A folded value, its line ends as CRLF. */
static void
append_value(struct msgbuf *buf, const char *value)
{
	const char *lf;

	while ((lf = strchr(value, '\n')) != NULL) {
		size_t len = (size_t)(lf - value);

		if (len > 0 && value[len - 1] == '\r')
			len--;
		msgbuf_append(buf, value, len);
		append_string(buf, "\r\n");
		value = lf + 1;
	}
	append_string(buf, value);
}

void
header_add(struct header_left_out *left_out, struct msgbuf *buf,
    const char *name, const char *value, bool has_space)
{
	const struct rule *rule = find_rule(name, left_out->ignore);

	if (rule != NULL && take_out(left_out, name, value)) {
		if (rule->stand_in != NULL)
			append_string(buf, rule->stand_in);
		return;
	}
	append_string(buf, name);
	append_string(buf, has_space ? ":" : ": ");
	append_value(buf, value);
	append_string(buf, "\r\n");
}

void
header_end(struct msgbuf *buf)
{
	append_string(buf, "\r\n");
}
