/* loadroom - whether memory holds one more engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/loadroom.h"

#include <stdio.h>

#include "base/log.h"
#include "supervisor/headroom.h"

#define MIB (UINT64_C(1) << 20)
/* What a byte of a signature file takes at most; the official ones are
 * compressed. */
#define MEMORY_PER_BYTE 10
/* Beside a load, mail goes on to take memory. */
#define RESERVE (64 * MIB)

void
loadroom_begin(struct loadroom *room)
{
	room->kills = headroom_kills("");
}

void
loadroom_loaded(struct loadroom *room, uint64_t peak, uint64_t files)
{
	room->peak = peak;
	room->peak_files = files;
}

void
loadroom_killed(struct loadroom *room)
{
	if (room->overcommitted || headroom_kills("") == room->kills)
		return;
	log_msg(LOG_LEVEL_WARNING,
	    "the kernel has killed an engine for lack of memory while another "
	    "one was there: unless engine.reload is \"beside\", an engine ends "
	    "from now on before its successor is loaded");
	room->overcommitted = true;
}

/* What another engine would need, for files of so many bytes. */
static uint64_t
bytes_needed(const struct loadroom *room, uint64_t files)
{
	uint64_t need = room->peak + RESERVE;

	if (files > room->peak_files)
		need += (files - room->peak_files) * MEMORY_PER_BYTE;
	return need + need / 10;
}

bool
loadroom_fits(const struct loadroom *room, enum engine_reload reload,
    uint64_t files, char *why_r, size_t size)
{
	uint64_t need = bytes_needed(room, files);
	uint64_t free = headroom_bytes("");

	if (reload == ENGINE_RELOAD_BESIDE)
		return true;
	if (reload == ENGINE_RELOAD_INSTEAD)
		snprintf(why_r, size, "engine.reload is \"instead\"");
	else if (room->overcommitted)
		snprintf(why_r, size,
		    "the kernel has killed one of two engines for lack of "
		    "memory");
	else if (free < need)
		snprintf(why_r, size,
		    "it needs %llu MB of memory, and %llu MB can be had",
		    (unsigned long long)(need / MIB),
		    (unsigned long long)(free / MIB));
	else
		return true;
	return false;
}
