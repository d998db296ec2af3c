/* eom_label - the headers that a message leaves with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "eom_label.h"

#include <stdio.h>

#include "base/text.h"
#include "eom_wait.h"
#include "filter/filter_state.h"

/* How many headers of one of our names are removed from a mail.  An MTA removes
 * them one by one, Postfix in quadratic time, and the client waits meanwhile.
 * Honest mail has a handful. */
#define FOREIGN_MAX 50

void
eom_status_text(const struct eom *eom, const char *mark, char *out, size_t size)
{
	static const char *const labels[VERDICT_KINDS] = {
		[VERDICT_ERROR] = "Not scanned",
		[VERDICT_CLEAN] = "Clean",
		[VERDICT_INFECTED] = "Infected",
		[VERDICT_ENCRYPTED] = "Encrypted",
		[VERDICT_MACRO] = "Macro",
		[VERDICT_PHISHING] = "Phishing",
		[VERDICT_PUA] = "PUA",
		[VERDICT_INCOMPLETE] = "Incomplete",
		[VERDICT_LATE] = "Not scanned",
		[VERDICT_UNSCANNABLE] = "Unscannable",
	};
	const struct verdict *verdict = &eom->record.outcome.verdict;

	if (mark != NULL)
		snprintf(out, size, "Held (%s)", mark);
	else if (verdict->name[0] == '\0')
		snprintf(out, size, "%s", labels[verdict->kind]);
	else
		snprintf(out, size, "%s (%s)", labels[verdict->kind],
		    verdict->name);
}

/* Removes the headers of this name that came with the mail, the last one first,
 * since the MTA renumbers those behind a removed one. */
static bool
remove_foreign(struct eom *eom, enum header_own own)
{
	char name[32];

	snprintf(name, sizeof name, "%s", header_own_name(own));
	for (unsigned n = eom->session->message->own_headers[own]; n > 0; n--)
		if (smfi_chgheader(eom->ctx, name, (int)n, NULL) != MI_SUCCESS)
			return false;
	return true;
}

/* Where SMFIP_HDR_LEADSPC was agreed on, the MTA adds no space after the colon
 * of its own. */
static bool
add_own(struct eom *eom, enum header_own own, const char *value)
{
	bool space = (eom->session->steps & SMFIP_HDR_LEADSPC) != 0;
	char name[32], text[640];

	snprintf(name, sizeof name, "%s", header_own_name(own));
	snprintf(text, sizeof text, "%s%s", space ? " " : "", value);
	return smfi_addheader(eom->ctx, name, text) == MI_SUCCESS;
}

bool
eom_label(struct eom *eom, const char *status)
{
	char mta[] = "j", host[256], scanned[400];
	const char *name = smfi_getsymval(eom->ctx, mta);
	bool ok = true;

	text_ascii(host, sizeof host, name != NULL ? name : eom->filter->host);
	snprintf(scanned, sizeof scanned, "vscan-milter %s at %s",
	    VSCAN_VERSION, host);
	if (!eom->session->keep_own)
		ok = remove_foreign(eom, HEADER_SCANNED) &&
		    remove_foreign(eom, HEADER_STATUS);
	return ok && add_own(eom, HEADER_SCANNED, scanned) &&
	    add_own(eom, HEADER_STATUS, status);
}

bool
eom_has_too_many_foreign(const struct eom *eom)
{
	const unsigned *count = eom->session->message->own_headers;

	return !eom->session->keep_own &&
	    (count[HEADER_SCANNED] > FOREIGN_MAX ||
		count[HEADER_STATUS] > FOREIGN_MAX);
}
