/* survey_room - whether memory and disk are as large as the settings take them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "survey_room.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "config/config.h"
#include "supervisor/findings.h"
#include "supervisor/headroom.h"

#define MEGABYTE (UINT64_C(1) << 20)

static void
look_at_memory(struct findings *findings, const struct config *config)
{
	uint64_t there = headroom_total("");
	uint64_t workers = config->engine_workers *
	    config->engine_worker_memory;
	uint64_t want = workers + config->buffer_memory;

	if (want > there)
		findings_add(findings, LOG_LEVEL_WARNING,
		    "memory: %u workers with engine.worker_memory each and "
		    "buffer.memory together may take %" PRIu64
		    " MB, but there are %" PRIu64
		    " MB: lower engine.workers, engine.worker_memory or "
		    "buffer.memory",
		    config->engine_workers, want / MEGABYTE, there / MEGABYTE);
}

static void
look_at_disk(struct findings *findings, const char *setting, uint64_t want,
    const char *directory)
{
	struct statvfs fs;
	struct stat st;
	uint64_t there;

	if (want == 0 || stat(directory, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    statvfs(directory, &fs) < 0)
		return;
	there = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (want > there)
		findings_add(findings, LOG_LEVEL_WARNING,
		    "%s may take %" PRIu64 " MB of %s, but %" PRIu64
		    " MB are free there",
		    setting, want / MEGABYTE, directory, there / MEGABYTE);
}

/* Two of the largest messages at the same time are nothing strange. */
static void
look_at_messages(struct findings *findings, const struct config *config)
{
	uint64_t room = config->buffer_disk;

	if (config->buffer_message_max <= config->buffer_message_memory)
		room += config->buffer_memory;
	if (room < 2 * config->buffer_message_max)
		findings_add(findings, LOG_LEVEL_WARNING,
		    "buffer.memory and buffer.disk have room for one message "
		    "of buffer.message_max (%" PRIu64
		    " MB) at a time, others of that size are deferred "
		    "meanwhile",
		    config->buffer_message_max / MEGABYTE);
}

void
survey_room(struct findings *findings, const struct config *config)
{
	look_at_memory(findings, config);
	look_at_messages(findings, config);
	look_at_disk(findings, "buffer.disk", config->buffer_disk,
	    config->buffer_directory);
	if (config->action_late == ACTION_HOLD ||
	    config->action_late_submission == ACTION_HOLD ||
	    config->action_error == ACTION_HOLD)
		look_at_disk(findings, "hold.disk", config->hold_disk,
		    config->state_directory);
}
