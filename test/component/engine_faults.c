/* engine_faults - libclamav that fails on demand, for LD_PRELOAD
 *
 * Stands before cl_scanmap_callback(): a message that contains one of the
 * words below makes the scan fail in that way; any other is scanned.
 *
 * And before cl_load(), which leaves out the official files of a directory: no
 * test can sign one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <clamav.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef cl_error_t scan_function(cl_fmap_t *, const char *, const char **,
    unsigned long *, const struct cl_engine *, struct cl_scan_options *,
    void *);
typedef cl_fmap_t *open_function(const void *, size_t);
typedef cl_error_t load_function(const char *, struct cl_engine *,
    unsigned int *, unsigned int);

static const void *message;
static size_t message_size;
static clcb_msg message_callback;
static int blind;

static volatile int zero;

/* Deep enough for any stack, and nothing that a compiler can flatten. */
static int
overflow(int n)
{
	volatile char room[4096];

	room[n % 4096] = (char)n;
	return overflow(n + 1) + room[(n + 1) % 4096];
}

static void
write_without_end(void)
{
	static char block[1 << 20];
	int fd = open("big", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	while (write(fd, block, sizeof block) > 0)
		continue;
	_exit(1);
}

static int
asks_for(const char *word)
{
	return memmem(message, message_size, word, strlen(word)) != NULL;
}

cl_fmap_t *
cl_fmap_open_memory(const void *start, size_t len)
{
	open_function *real = (open_function *)dlsym(RTLD_NEXT,
	    "cl_fmap_open_memory");

	message = start;
	message_size = len;
	return real(start, len);
}

void
cl_set_clcb_msg(clcb_msg callback)
{
	void (*real)(
	    clcb_msg) = (void (*)(clcb_msg))dlsym(RTLD_NEXT, "cl_set_clcb_msg");

	message_callback = callback;
	real(callback);
}

cl_error_t
cl_scanmap_callback(cl_fmap_t *map, const char *filename, const char **name,
    unsigned long *scanned, const struct cl_engine *engine,
    struct cl_scan_options *options, void *context)
{
	scan_function *real = (scan_function *)dlsym(RTLD_NEXT,
	    "cl_scanmap_callback");

	if (asks_for("FAULT-STACK"))
		return (cl_error_t)overflow(1);
	if (asks_for("FAULT-ABORT"))
		abort();
	if (asks_for("FAULT-DIVIDE"))
		return (cl_error_t)(1000 / zero);
	if (asks_for("FAULT-FILE"))
		write_without_end();
	if (asks_for("FAULT-ERROR"))
		return CL_EWRITE;
	if (asks_for("FAULT-MEMORY"))
		return CL_EMEM;
	if (asks_for("FAULT-BLIND"))
		blind = 1;
	if (asks_for("FAULT-WARN") || asks_for("FAULT-BLIND"))
		message_callback(CL_MSG_WARN, "LibClamAV Warning: test\n",
		    "test\n", NULL);
	if (blind)
		return CL_CLEAN;
	return real(map, filename, name, scanned, engine, options, context);
}

cl_error_t
cl_load(const char *path, struct cl_engine *engine, unsigned int *count,
    unsigned int options)
{
	load_function *real = (load_function *)dlsym(RTLD_NEXT, "cl_load");
	DIR *directory = opendir(path);
	cl_error_t code = CL_SUCCESS;
	const struct dirent *entry;
	char file[PATH_MAX];

	if (directory == NULL)
		return real(path, engine, count, options);
	while (code == CL_SUCCESS && (entry = readdir(directory)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot == NULL || dot[1] == '\0' || dot == entry->d_name ||
		    strcmp(dot, ".cvd") == 0)
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		code = real(file, engine, count, options);
	}
	closedir(directory);
	return code;
}
