/* headroom - how much memory could still be taken
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/headroom.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* One version's names.  What is not there limits nothing. */
struct version {
	const char *file_system;
	const char *controller; /* in /proc/self/cgroup and among the options */
	const char *limits[2];
	const char *used;
	const char *cached[2]; /* in memory.stat */
};

static const struct version versions[] = {
	{
	    .file_system = "cgroup2",
	    .controller = "",
	    .limits = { "memory.max", "memory.high" },
	    .used = "memory.current",
	    .cached = { "inactive_file", "active_file" },
	},
	{
	    .file_system = "cgroup",
	    .controller = "memory",
	    .limits = { "memory.limit_in_bytes" },
	    .used = "memory.usage_in_bytes",
	    .cached = { "total_inactive_file", "total_active_file" },
	},
};

struct place {
	char mount[PATH_MAX]; /* where the file system is mounted */
	char path[PATH_MAX];  /* below it, the group; "" or "/a/b" */
};

static FILE *
open_file(const char *root, const char *directory, const char *name)
{
	char path[3 * PATH_MAX];

	snprintf(path, sizeof path, "%s%s/%s", root, directory, name);
	return fopen(path, "re");
}

/* The number in a file of one number; false for "max" and for no file. */
static bool
read_number(const char *root, const char *directory, const char *name,
    uint64_t *number_r)
{
	FILE *file = open_file(root, directory, name);
	bool found;

	if (file == NULL)
		return false;
	found = fscanf(file, "%" SCNu64, number_r) == 1;
	fclose(file);
	return found;
}

/* The number behind a word at the beginning of a line; 0 if there is none. */
static uint64_t
read_line(const char *root, const char *directory, const char *name,
    const char *word)
{
	FILE *file = open_file(root, directory, name);
	uint64_t number = 0;
	size_t len = strlen(word);
	char line[256];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, word, len) == 0 &&
		    sscanf(line + len, " %" SCNu64, &number) == 1)
			break;
	fclose(file);
	return number;
}

/* True if word is one of those in list, between commas. */
static bool
lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list != NULL; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, len) == 0 &&
		    (list[len] == ',' || list[len] == '\0'))
			return true;
	}
	return false;
}

/* The group that this process is in: "/a/b". */
static bool
find_group(const char *root, const struct version *version,
    char path_r[PATH_MAX])
{
	FILE *file = open_file(root, "/proc/self", "cgroup");
	char line[PATH_MAX + 256], *controllers, *path;
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		controllers = strchr(line, ':');
		path = controllers == NULL ? NULL
					   : strchr(controllers + 1, ':');
		if (path == NULL)
			continue;
		*path++ = '\0';
		found = lists(controllers + 1, version->controller);
		snprintf(path_r, PATH_MAX, "%s", path);
	}
	fclose(file);
	return found;
}

/* One line of mountinfo, if it is of that file system: where it is mounted, and
 * which of its directories that is. */
static bool
parse_mount(char *line, const struct version *version, char mount_r[PATH_MAX],
    char top_r[PATH_MAX])
{
	char *rest = strstr(line, " - "), type[32], options[256];

	if (rest == NULL)
		return false;
	return sscanf(line, "%*s %*s %*s %4095s %4095s", top_r, mount_r) == 2 &&
	    sscanf(rest, " - %31s %*s %255s", type, options) == 2 &&
	    strcmp(type, version->file_system) == 0 &&
	    (version->controller[0] == '\0' ||
		lists(options, version->controller));
}

/* A container may see its own group as the top of the mount; what /proc says
 * of the group may begin above that, then. */
static void
set_path(struct place *place, const char *group, const char *top)
{
	size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);

	place->path[0] = '\0';
	if (strncmp(group, top, len) == 0 && group[len] == '/' &&
	    strcmp(group + len, "/") != 0 && strstr(group, "/..") == NULL)
		snprintf(place->path, sizeof place->path, "%s", group + len);
}

static bool
find_place(const char *root, const struct version *version,
    struct place *place_r)
{
	FILE *file = open_file(root, "/proc/self", "mountinfo");
	char line[3 * PATH_MAX], group[PATH_MAX], top[PATH_MAX];
	bool found = false;

	if (file == NULL)
		return false;
	if (find_group(root, version, group))
		while (!found && fgets(line, sizeof line, file) != NULL)
			found = parse_mount(line, version, place_r->mount, top);
	fclose(file);
	if (found)
		set_path(place_r, group, top);
	return found;
}

/* The limit of one group, or HEADROOM_UNKNOWN. */
static uint64_t
limit_of_group(const char *root, const char *directory,
    const struct version *version)
{
	uint64_t limit = HEADROOM_UNKNOWN, number;

	for (size_t i = 0; i < LENGTH(version->limits); i++)
		if (version->limits[i] != NULL &&
		    read_number(root, directory, version->limits[i], &number) &&
		    number < limit)
			limit = number;
	return limit;
}

/* What is left below the limit of one group. */
static uint64_t
room_in_group(const char *root, const char *directory,
    const struct version *version)
{
	uint64_t limit = limit_of_group(root, directory, version), used;
	uint64_t cached = 0;

	if (limit == HEADROOM_UNKNOWN ||
	    !read_number(root, directory, version->used, &used))
		return HEADROOM_UNKNOWN;
	for (size_t i = 0; i < LENGTH(version->cached); i++)
		cached += read_line(root, directory, "memory.stat",
		    version->cached[i]);
	used = used > cached ? used - cached : 0;
	return limit > used ? limit - used : 0;
}

typedef uint64_t measure_function(const char *root, const char *directory,
    const struct version *version);

/* Each group may have a limit, up to the top. */
static uint64_t
least_in_groups(const char *root, const struct version *version,
    measure_function *measure)
{
	uint64_t least = HEADROOM_UNKNOWN, measured;
	char directory[2 * PATH_MAX];
	struct place place;

	if (!find_place(root, version, &place))
		return HEADROOM_UNKNOWN;
	for (;;) {
		snprintf(directory, sizeof directory, "%s%s", place.mount,
		    place.path);
		measured = measure(root, directory, version);
		if (measured < least)
			least = measured;
		if (place.path[0] == '\0')
			return least;
		*strrchr(place.path, '/') = '\0';
	}
}

/* What the machine has, by this line of meminfo, and each group leaves of
 * it. */
static uint64_t
least_of_all(const char *root, const char *machine, measure_function *measure)
{
	uint64_t least = read_line(root, "/proc", "meminfo", machine);
	uint64_t measured;

	least = least == 0 ? HEADROOM_UNKNOWN : least * 1024;
	for (size_t i = 0; i < LENGTH(versions); i++) {
		measured = least_in_groups(root, &versions[i], measure);
		if (measured < least)
			least = measured;
	}
	return least;
}

uint64_t
headroom_bytes(const char *root)
{
	return least_of_all(root, "MemAvailable:", room_in_group);
}

uint64_t
headroom_total(const char *root)
{
	return least_of_all(root, "MemTotal:", limit_of_group);
}

uint64_t
headroom_kills(const char *root)
{
	return read_line(root, "/proc", "vmstat", "oom_kill ");
}
