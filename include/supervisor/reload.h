/* reload - the configuration in force, and the way to the next one
 *
 * At SIGHUP the supervisor reads the file again.  A file with a mistake
 * changes nothing: the log says FILE:LINE, and that the old configuration
 * stays.  Else each setting that has changed is logged with both its values.
 * Those that only a restart can change stay as they were, which is logged,
 * too.
 *
 * Where nothing has changed that an engine goes by, the new snapshot is in
 * force at once: the filter is sent it (wire.h, CONFIG), and so are children
 * that are started later.  Otherwise an engine generation is started with it
 * first, beside the one in service, and the snapshot is in force when that
 * generation serves: so no mail is judged by new rules that an engine with old
 * options has scanned.  If the generation can't be started, the snapshot is
 * dropped and the old one stays.
 *
 * The supervisor's only; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include <stdbool.h>

struct child_kit;
struct config;
struct generations;

struct reload {
	const char *path; /* of the file; the caller's */
	struct child_kit *kit;
	struct generations *generations;
	const struct config *config; /* in force */
	const struct config *next;   /* waits for its generation, or NULL */
	bool untold; /* the filter has not been sent what is in force */
};

/* It takes a reference to config. */
void reload_init(struct reload *reload, const char *path,
    const struct config *config, struct child_kit *kit,
    struct generations *generations);
void reload_fini(struct reload *reload);

/* Reads the file again.  filter: the socket to the filter, or -1 where none is
 * there; one that is started later has what is in force then. */
void reload_read(struct reload *reload, int filter);

/* After each event: does what has become possible meanwhile. */
void reload_settle(struct reload *reload, int filter);

#endif
