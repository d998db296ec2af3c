/* library - one compiled set of signatures and how to scan with it
 *
 * Loaded once by the engine process and then only read: the workers are
 * forked from it and share its memory.  Scan options follow clamscan's
 * defaults, so that a verdict can be checked by hand.  They differ where a
 * default would have libclamav call something clean that it has not scanned
 * whole, and where the configuration asks for more.
 *
 *   library_load      the signature files of engine.database
 *   library_compile   the canary with them; then it can scan
 *
 * Its name stands in the log, and verdicts are kept under it.  It is a digest
 * of everything that a verdict depends on but the message: what is in the
 * files (contents.h), the versions of libclamav and of this program, and the
 * settings that matter.  So it is the same for the same set on another host,
 * and after a restart.
 *
 * Single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_LIBRARY_H
#define ENGINE_LIBRARY_H

#include <clamav.h>
#include <stdint.h>

#include "base/error.h"
#include "coverage/attachments.h"
#include "engine/contents.h"
#include "engine/sigset.h"

struct canary;
struct config;

struct library {
	struct cl_engine *engine;
	struct cl_scan_options options;
	unsigned db_options;    /* of cl_load() */
	uint64_t max_file_size; /* bytes */
	uint64_t max_html;      /* larger HTML and scripts are not parsed */
	uint64_t max_script;
	unsigned signatures; /* that find something; without the canary */
	struct attachments_plan parts;
	struct sigset sigset;
	struct contents contents;
	char name[17]; /* of the set with these settings: 16 hex digits */
};

/* Loads the files.  ERROR_INPUT: there is none, or one is broken, and
 * err->text names it as libclamav does, or no signature in them finds
 * anything; on failure library is empty. */
CHECK_RESULT enum error_code library_load(struct library *library,
    const struct config *config, struct error *err);

/* Adds the canary by way of a file in scratch, and compiles. */
CHECK_RESULT enum error_code library_compile(struct library *library,
    const struct canary *canary, const char *scratch, struct error *err);

/* The directory that scans of this process unpack into. */
CHECK_RESULT enum error_code library_set_scratch(struct library *library,
    const char *path, struct error *err);

/* Gives the memory back; harmless when empty. */
void library_fini(struct library *library);

/* libclamav's version. */
const char *library_version(void);

#endif
