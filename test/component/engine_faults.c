/* engine_faults - libclamav that fails on demand, for LD_PRELOAD
 *
 * Stands before cl_scanmap_callback(): a message that contains one of the
 * words below makes the scan fail in that way; any other is scanned.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <clamav.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef cl_error_t scan_function(cl_fmap_t *, const char *, const char **,
    unsigned long *, const struct cl_engine *, struct cl_scan_options *,
    void *);
typedef cl_fmap_t *open_function(const void *, size_t);

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
