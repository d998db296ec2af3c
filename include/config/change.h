/* change - what differs between two snapshots of the configuration
 *
 * For a reload: the supervisor compares the configuration that is in force
 * with the one that it has just read, says what has changed, and keeps those
 * settings as they were that only a restart can change.  Any thread; the
 * snapshots are the caller's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_CHANGE_H
#define CONFIG_CHANGE_H

#include "base/error.h"

struct config;

/* How a setting that a reload has changed comes into force. */
enum config_effect {
	CONFIG_AT_ONCE,    /* for the next message */
	CONFIG_BY_ENGINE,  /* an engine is started with it first */
	CONFIG_BY_RELEASE, /* as CONFIG_AT_ONCE, but vscan-release, which
			    * reads it too, has to be restarted */
	CONFIG_BY_RESTART, /* only a restart of vscan-milter changes it */
};

struct config_change {
	const char *name; /* "section.name", or "name" at the top level */
	const char *before;
	const char *after; /* both as the file has them, cut if they are long */
	enum config_effect effect;
};

/* The strings are gone when it returns. */
typedef void config_change_function(void *context,
    const struct config_change *change);

/* Calls each (unless it is NULL) for each setting that differs, in the order
 * of the table.  Returns the set of the effects that these settings have, as
 * 1u << effect; 0: nothing differs. */
unsigned config_compare(const struct config *before, const struct config *after,
    config_change_function *each, void *context);

/* Sets those settings in config that need a restart to what they are in
 * before.  For a snapshot that nobody else has seen yet. */
CHECK_RESULT enum error_code config_keep(struct config *config,
    const struct config *before, struct error *err);

#endif
