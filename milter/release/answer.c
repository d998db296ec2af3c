/* answer - fills in a reply
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void
answer(struct release_reply *reply, enum release_result result, const char *fmt,
    ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	memset(reply, 0, sizeof *reply);
	reply->result = result;
	text_ascii(reply->text, sizeof reply->text, text);
}

const char *
answer_verb_name(uint32_t verb)
{
	static const char *const names[RELEASE_VERBS] = {
		[RELEASE_INSPECT] = "inspect",
		[RELEASE_RELEASE] = "release",
		[RELEASE_DELETE] = "delete",
	};

	return verb < RELEASE_VERBS && names[verb] != NULL ? names[verb] : "?";
}

const char *
answer_result_name(uint32_t result)
{
	static const char *const names[RELEASE_RESULTS] = {
		[RELEASE_DONE] = "done",
		[RELEASE_ABSENT] = "absent",
		[RELEASE_OTHER] = "other",
		[RELEASE_NOT_HELD] = "not-held",
		[RELEASE_FAILED] = "failed",
	};

	return result < RELEASE_RESULTS && names[result] != NULL ? names[result]
								 : "?";
}
