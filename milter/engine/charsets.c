/* charsets - the C library's character sets, in memory before they are needed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/charsets.h"

#include <dirent.h>
#include <dlfcn.h>
#include <iconv.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One that glibc has as a module, as it has nearly all. */
#define ANY_CHARSET "ISO-8859-15"
#define MODULES "/gconv/"

static bool
is_module(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strcmp(dot, ".so") == 0;
}

/* dl_iterate_phdr(3): the directory of the first module that is loaded. */
static int
find_directory(struct dl_phdr_info *info, size_t size, void *context)
{
	const char *slash = strrchr(info->dlpi_name, '/');
	char *directory = context;

	(void)size;
	if (slash == NULL || strstr(info->dlpi_name, MODULES) == NULL)
		return 0;
	snprintf(directory, PATH_MAX, "%.*s", (int)(slash - info->dlpi_name),
	    info->dlpi_name);
	return 1;
}

/* By the same path as iconv_open(3) takes, by which the loader knows it then.
 * The handles are given up with the process. */
static unsigned
load_all(const char *directory)
{
	char path[PATH_MAX + NAME_MAX + 2];
	DIR *stream = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		if (!is_module(entry->d_name))
			continue;
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
			count++;
	}
	if (stream != NULL)
		closedir(stream);
	return count;
}

unsigned
charsets_load(void)
{
	iconv_t any = iconv_open("UTF-8", ANY_CHARSET);
	char directory[PATH_MAX] = "";
	unsigned count = 0;

	if (any == (iconv_t)-1)
		return 0;
	if (dl_iterate_phdr(find_directory, directory) == 1)
		count = load_all(directory);
	iconv_close(any);
	return count;
}
