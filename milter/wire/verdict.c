/* verdict - what a scan found out about one message
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "wire/verdict.h"

#include <string.h>

#include "base/text.h"

struct verdict
verdict_make(enum verdict_kind kind, const char *name)
{
	struct verdict verdict = { .kind = kind };
	size_t i;

	for (i = 0; name[i] != '\0' && i + 1 < sizeof verdict.name; i++) {
		char one[2] = { name[i], '\0' };

		verdict.name[i] = text_is_signature_name(one) ? name[i] : '-';
	}
	return verdict;
}

const char *
verdict_kind_name(enum verdict_kind kind)
{
	static const char *const names[VERDICT_KINDS] = {
		[VERDICT_ERROR] = "error",
		[VERDICT_CLEAN] = "clean",
		[VERDICT_INFECTED] = "infected",
		[VERDICT_ENCRYPTED] = "encrypted",
		[VERDICT_MACRO] = "macro",
		[VERDICT_PHISHING] = "phishing",
		[VERDICT_PUA] = "pua",
		[VERDICT_INCOMPLETE] = "incomplete",
		[VERDICT_LATE] = "late",
		[VERDICT_UNSCANNABLE] = "unscannable",
	};

	return names[kind];
}

static bool
is_finding(enum verdict_kind kind)
{
	return kind == VERDICT_INFECTED || kind == VERDICT_MACRO ||
	    kind == VERDICT_PHISHING || kind == VERDICT_PUA;
}

const char *
verdict_virus(const struct verdict *verdict)
{
	return verdict->name[0] != '\0' && is_finding(verdict->kind)
	    ? verdict->name
	    : "-";
}

const char *
verdict_reason(const struct verdict *verdict)
{
	return verdict->name[0] != '\0' && !is_finding(verdict->kind)
	    ? verdict->name
	    : "-";
}

bool
verdict_is_final(const struct verdict *verdict)
{
	return verdict->kind != VERDICT_ERROR && verdict->kind != VERDICT_LATE;
}
