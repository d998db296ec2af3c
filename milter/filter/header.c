/* header - the message as the engine is to see it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/header.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "filter/msgbuf.h"

/* What becomes of a header that is not simply kept. */
struct rule {
	const char *name;     /* a '*' at its end stands for any rest */
	const char *stand_in; /* NULL: left out */
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
	{ "X-Spam-*", NULL },
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
rule_matches(const struct rule *rule, const char *name)
{
	size_t len = strlen(rule->name);

	if (rule->name[len - 1] == '*')
		return strncasecmp(name, rule->name, len - 1) == 0;
	return strcasecmp(name, rule->name) == 0;
}

static const struct rule *
find_rule(const char *name)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (rule_matches(&rules[i], name))
			return &rules[i];
	return NULL;
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
header_add(struct msgbuf *buf, const char *name, const char *value,
    bool has_space)
{
	const struct rule *rule = find_rule(name);

	if (rule != NULL && rule->stand_in != NULL)
		append_string(buf, rule->stand_in);
	if (rule != NULL)
		return;
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
