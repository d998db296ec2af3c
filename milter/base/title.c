/* title - what ps(1) shows of a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/title.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
	char *start; /* of the arguments, or NULL */
	size_t size; /* up to the end of the environment */
} room;

/* The copy of the environment.  setenv(3) puts another array in its place, and
 * frees nothing.  (volatile: else nothing would be kept here.) */
static char **volatile environment;

/* The end of strings that follow each other in memory, the first at start, as
 * the kernel puts those of the arguments and then of the environment. */
static char *
end_of(char *const *strings, char *start)
{
	for (; *strings != NULL && *strings == start; strings++)
		start += strlen(start) + 1;
	return start;
}

static char **
copy_environment(void)
{
	size_t count = 0;
	char **copy;

	while (environ[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof *copy);
	if (copy == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		if ((copy[i] = strdup(environ[i])) == NULL)
			abort();
	return copy;
}

void
title_init(int argc, char **argv)
{
	char *end;

	if (argc < 1)
		return;
	end = end_of(argv, argv[0]);
	end = end_of(environ, end);
	environment = copy_environment();
	environ = environment;
	room.start = argv[0];
	room.size = (size_t)(end - room.start);
}

void
title_set(const char *name, const char *fmt, ...)
{
	char text[256];
	size_t used;
	va_list ap;

	prctl(PR_SET_NAME, name);
	if (room.start == NULL)
		return;
	used = (size_t)snprintf(text, sizeof text, "%s: ", name);
	va_start(ap, fmt);
	vsnprintf(text + used, sizeof text - used, fmt, ap);
	va_end(ap);
	memset(room.start, 0, room.size);
	snprintf(room.start, room.size, "%s", text);
}
