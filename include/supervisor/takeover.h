/* takeover - how a restarted supervisor gets what the one before had
 *
 * A restart runs the program of this name again in the same process: the
 * process id, the children, the lock and the milter socket stay.  What the new
 * program has to know of them stands in its environment, as text.  The text
 * begins with its own version, so that another build can tell.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_TAKEOVER_H
#define SUPERVISOR_TAKEOVER_H

#include <stdbool.h>

#include "base/error.h"
#include "supervisor/former.h"
#include "supervisor/instance.h"
#include "supervisor/listener.h"
#include "supervisor/loadroom.h"

struct takeover {
	struct former former;
	struct loadroom room;
	int lock;
	unsigned restarts; /* so far, and refused ones */
	bool in_background;
	struct listener listener; /* but config and account */
	char socket[256];         /* the setting that it was opened by */
};

/* True if this program was started by a supervisor that restarts.  Descriptors
 * are close-on-exec afterwards, and the environment is as it was. */
bool takeover_read(struct takeover *takeover);

/* Runs program with arguments in the place of this one.  Returns only if that
 * fails; nothing has changed then. */
void takeover_run(const struct takeover *takeover, const char *program,
    char **arguments, struct error *err);

#endif
