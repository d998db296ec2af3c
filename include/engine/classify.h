/* classify - what one answer of libclamav means as a verdict
 *
 * A pure function, so that the rule which matters most can be tested as a
 * table: clean is said for one combination only, that of no finding, no
 * error and no complaint.  Whatever is unknown here is incomplete.
 *
 * Any process; no state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_CLASSIFY_H
#define ENGINE_CLASSIFY_H

#include <clamav.h>
#include <stdbool.h>

#include "scan/verdict.h"

/* All that was seen while one message was scanned. */
struct finding {
	cl_error_t code;	/* what the scan returned */
	const char *name;	/* the signature with CL_VIRUS; may be NULL */
	unsigned complaints;	/* warnings and errors that it printed */
	bool oversize;		/* a part is over engine.max_file_size */
	bool unopened;		/* a RAR archive stayed shut: no module */
	bool scratch_low;	/* the reserve of the scratch was touched */
	const char *opaque;	/* kind of encrypted mail (opaque.h), or NULL */
	bool whole;		/* it vouches for its parts (parts.h) */
};

/* The name satisfies text_is_signature_name(), or is "" for clean. */
struct verdict classify(const struct finding *finding);

/* True if the scan went otherwise than a scan of honest mail does, so that
 * the worker has to show that it still sees its canary. */
bool classify_is_odd(const struct finding *finding);

#endif
