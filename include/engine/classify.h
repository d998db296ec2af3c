/* classify - what one scan of libclamav means as a verdict
 *
 * A pure function, so that the rule which matters most can be tested as a
 * table: clean is said for one combination only, that of no finding, no
 * error and no complaint.  Whatever is unknown here is incomplete.
 *
 * One message can be several things at a time, encrypted in one part and over
 * a limit in another.  A signature of a virus always wins.  Among the others
 * the one with the strictest action wins, so that no part of a message can make
 * another one acceptable; between equals the order is macro, phishing, pua,
 * encrypted, incomplete.
 *
 * Any process; no state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_CLASSIFY_H
#define ENGINE_CLASSIFY_H

#include <clamav.h>
#include <stdbool.h>

#include "wire/verdict.h"

struct config;

/* All that was seen while one message was scanned. */
struct finding {
	cl_error_t code; /* what the scan returned */
	/* The first name of each kind that was reported, or NULL. */
	const char *names[VERDICT_KINDS];
	unsigned complaints; /* warnings and errors that it printed */
	bool scratch_low;    /* the reserve of the scratch was touched */
	const char *limit;   /* libclamav met it and said nothing, or NULL */
	char unread[40];     /* what was not read (layers.h), or "" */
	bool several;        /* and something else as well */
	const char *sealed;  /* kind of encrypted part, or NULL */
	bool whole;          /* it vouches for its parts (attachments.h) */
};

/* Takes down a name that libclamav reports; NULL is no name. */
void classify_note(struct finding *finding, const char *name);

/* The name satisfies text_is_signature_name(), or is "" for clean. */
struct verdict classify(const struct finding *finding,
    const struct config *config);

/* True if the scan went otherwise than a scan of honest mail does, so that
 * the worker has to show that it still sees its canary. */
bool classify_is_odd(const struct finding *finding);

#endif
