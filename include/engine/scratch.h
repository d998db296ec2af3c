/* scratch - the directory that a worker unpacks mail into
 *
 * The scratch of a contained worker is a tmpfs of bounded size.  It is mounted
 * over the state directory in the worker's own mount namespace, then becomes
 * the root of that namespace (sandbox.h), and ends with the worker.  Where the
 * kernel gives no namespaces, each worker has a directory below the state
 * directory, on a disk that others fill too; there a reserve of free space
 * takes the place of the bound.
 *
 * A full scratch makes libclamav say "clean" without a word (zip and
 * PDF fail, a mail does not), so the room is looked at before, during and
 * after each scan.  This guard is no part of the sandbox and can't be
 * switched off.
 *
 *   scratch_base_open   the engine, once
 *   scratch_init        the engine, before a fork
 *   scratch_make        the process that is to use it
 *   scratch_has_room    the worker before, during and after a scan
 *   scratch_clean       the worker after a scan; the engine after its end
 *
 * Single-threaded processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_SCRATCH_H
#define ENGINE_SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct config;

enum scratch_kind { SCRATCH_TMPFS, SCRATCH_DIRECTORY };

/* The engine's own; workers count from 0. */
#define SCRATCH_ENGINE UINT_MAX

/* Where the scratches of one engine are.  Two generations may live at a time,
 * so an engine claims its directory by a lock, which the kernel releases when
 * the engine has ended. */
struct scratch_base {
	enum scratch_kind kind;
	const struct config *config;
	unsigned claim; /* directory: the number of ours */
	int lock;       /* directory: its descriptor; else -1 */
};

struct scratch {
	enum scratch_kind kind;
	uint64_t size;    /* bytes of a tmpfs */
	uint64_t inodes;  /* files of a tmpfs */
	uint64_t reserve; /* bytes that must stay free */
	char path[PATH_MAX];
};

/* Claims a place; for a directory empties what an earlier engine left there.
 * config must outlive it. */
CHECK_RESULT enum error_code scratch_base_open(struct scratch_base *base,
    enum scratch_kind kind, const struct config *config, struct error *err);

/* Gives the place back; harmless when called twice. */
void scratch_base_close(struct scratch_base *base);

/* Fills in the scratch of worker number; touches no file.  ERROR_INPUT if
 * the path is too long. */
CHECK_RESULT enum error_code scratch_init(struct scratch *scratch,
    const struct scratch_base *base, unsigned number, struct error *err);

/* Makes the scratch, empty.  A directory that was left over is emptied
 * first. */
CHECK_RESULT enum error_code scratch_make(const struct scratch *scratch,
    struct error *err);

/* Makes it unusable, for the self-test. */
CHECK_RESULT enum error_code scratch_break(const struct scratch *scratch,
    struct error *err);

/* True if it is there, can be written to and has its reserve. */
bool scratch_has_room(const struct scratch *scratch);

/* Removes all that is in it, without following a link; *found_r says whether
 * there was anything.  The contents may be hostile: depth and number of the
 * files cost no stack and no descriptors. */
CHECK_RESULT enum error_code scratch_clean(const struct scratch *scratch,
    bool *found_r, struct error *err);

#endif
