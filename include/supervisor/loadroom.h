/* loadroom - whether memory holds one more engine
 *
 * Where two engines don't fit, the kernel kills one of them, and it may be the
 * one in service.  So it is measured (headroom.h) before one is loaded beside
 * another.  What an engine needs is what the last one needed at most while it
 * loaded, and more if the files have grown since.  Two that the kernel has
 * found to be too much are not tried again.
 *
 * A plain value, all zero at first; a restart hands it on.  The supervisor's
 * only; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_LOADROOM_H
#define SUPERVISOR_LOADROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct loadroom {
	uint64_t peak;       /* bytes that the last load took, 0: unknown, */
	uint64_t peak_files; /* of files of so many bytes */
	uint64_t kills;      /* headroom_kills() at the last start */
	bool overcommitted;  /* two didn't fit, whatever was measured */
};

/* An engine is about to load. */
void loadroom_begin(struct loadroom *room);

/* It has loaded files of so many bytes, for which it took peak bytes of memory
 * at most; 0: it doesn't know. */
void loadroom_loaded(struct loadroom *room, uint64_t peak, uint64_t files);

/* An engine died of SIGKILL while another one lived.  If it was the kernel that
 * killed it, for lack of memory, this is logged and remembered. */
void loadroom_killed(struct loadroom *room);

/* True if memory holds one more engine for files of so many bytes beside those
 * that live, or if reload says that it is not to be asked.  If false, why_r
 * says why, for the log. */
bool loadroom_fits(const struct loadroom *room, enum engine_reload reload,
    uint64_t files, char *why_r, size_t size);

#endif
