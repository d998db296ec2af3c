/* verdict - what a scan found out about one message
 *
 * A value: copied, never shared.  "clean" is said only where the engine saw
 * the whole message and met no limit, no error and no complaint.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef WIRE_VERDICT_H
#define WIRE_VERDICT_H

#include <stdbool.h>

/* VERDICT_LATE is no finding of a scan but the lack of one when the reply is
 * due; VERDICT_ERROR is a fault of ours, never of the message. */
enum verdict_kind {
	VERDICT_ERROR,
	VERDICT_CLEAN,
	VERDICT_INFECTED,
	VERDICT_ENCRYPTED,
	VERDICT_MACRO,
	VERDICT_PHISHING,
	VERDICT_PUA,
	VERDICT_INCOMPLETE,
	VERDICT_LATE,
	VERDICT_UNSCANNABLE,
	VERDICT_KINDS,
};

struct verdict {
	enum verdict_kind kind;
	/* Signature name, limit, kind of encryption or reason; "" for clean.
	 * Satisfies text_is_signature_name() (base/text.h) or is "". */
	char name[129];
};

/* Makes a verdict.  Bytes that a name may not have become '-', and a name that
 * is too long is cut. */
struct verdict verdict_make(enum verdict_kind kind, const char *name);

/* "clean", "infected", …, as the log and the settings spell it. */
const char *verdict_kind_name(enum verdict_kind kind);

/* The log has two fields for the name: verdict_virus() is for what was found
 * (infected, macro, phishing, pua), verdict_reason() for why there is no such
 * verdict.  The field that the name doesn't belong to is "-", and both are if
 * there is no name. */
const char *verdict_virus(const struct verdict *verdict);
const char *verdict_reason(const struct verdict *verdict);

/* True for a verdict that a scan found out, which is kept in the cache; false
 * for LATE and ERROR, which hold for one reply only. */
bool verdict_is_final(const struct verdict *verdict);

#endif
