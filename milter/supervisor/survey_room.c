/* survey_room - whether memory and disk are as large as the settings take them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "config/config.h"
#include "survey_internal.h"

#define MEGABYTE (UINT64_C(1) << 20)

/* The limit of our control group (version 2), or UINT64_MAX. */
static uint64_t
group_limit(void)
{
	char line[PATH_MAX] = "", path[2 * PATH_MAX];
	uint64_t limit = UINT64_MAX;
	FILE *file;

	file = fopen("/proc/self/cgroup", "re");
	if (file == NULL)
		return limit;
	while (fgets(line, sizeof line, file) != NULL &&
	    strncmp(line, "0::", 3) != 0)
		continue;
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "0::", 3) != 0)
		return limit;
	snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
	file = fopen(path, "re");
	if (file == NULL)
		return limit;
	if (fscanf(file, "%" SCNu64, &limit) != 1)
		limit = UINT64_MAX;
	fclose(file);
	return limit;
}

static uint64_t
memory_there_is(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t memory = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t limit = group_limit();

	return limit < memory ? limit : memory;
}

static void
look_at_memory(struct survey *survey, const struct config *config)
{
	uint64_t there = memory_there_is();
	uint64_t workers = config->engine_workers *
	    config->engine_worker_memory;
	uint64_t want = workers + config->buffer_memory;

	if (want > there)
		survey_add(survey, LOG_LEVEL_WARNING,
		    "memory: %u workers with engine.worker_memory each and "
		    "buffer.memory together may take %" PRIu64
		    " MB, but there are %" PRIu64
		    " MB: lower engine.workers, engine.worker_memory or "
		    "buffer.memory",
		    config->engine_workers, want / MEGABYTE, there / MEGABYTE);
}

static void
look_at_disk(struct survey *survey, const char *setting, uint64_t want,
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
		survey_add(survey, LOG_LEVEL_WARNING,
		    "%s may take %" PRIu64 " MB of %s, but %" PRIu64
		    " MB are free there",
		    setting, want / MEGABYTE, directory, there / MEGABYTE);
}

/* Two of the largest messages at the same time are nothing strange. */
static void
look_at_messages(struct survey *survey, const struct config *config)
{
	uint64_t room = config->buffer_disk;

	if (config->buffer_message_max <= config->buffer_message_memory)
		room += config->buffer_memory;
	if (room < 2 * config->buffer_message_max)
		survey_add(survey, LOG_LEVEL_WARNING,
		    "buffer.memory and buffer.disk have room for one message "
		    "of buffer.message_max (%" PRIu64
		    " MB) at a time, others of that size are deferred "
		    "meanwhile",
		    config->buffer_message_max / MEGABYTE);
}

void
survey_room(struct survey *survey, const struct config *config)
{
	look_at_memory(survey, config);
	look_at_messages(survey, config);
	look_at_disk(survey, "buffer.disk", config->buffer_disk,
	    config->buffer_directory);
	if (config->action_late == ACTION_HOLD ||
	    config->action_late_submission == ACTION_HOLD ||
	    config->action_error == ACTION_HOLD)
		look_at_disk(survey, "hold.disk", config->hold_disk,
		    config->state_directory);
}
