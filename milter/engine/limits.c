/* limits - what one worker may use up, and how its end is told
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/monotime.h"
#include "config/config.h"
#include "wire/wire.h"

/* A scan needs a few dozen; each layer may hold a file open. */
#define OPEN_FILES 256

static unsigned char signal_stack[64 * 1024];

/* Lowers a limit; the hard one too, so that it can't come back. */
static enum error_code
set_limit(int resource, rlim_t value, const char *what, struct error *err)
{
	struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	if (setrlimit(resource, &limit) < 0)
		return error_sys(err, errno, "limiting %s", what);
	return ERROR_NONE;
}

/* Address space now, most of it the signatures, shared with the engine. */
static enum error_code
mapped_now(uint64_t *bytes_r, struct error *err)
{
	unsigned long long pages;
	char text[128], *end;
	ssize_t n;
	int fd;

	fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "/proc/self/statm");
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	pages = strtoull(text, &end, 10);
	if (end == text)
		return error_set(err, ERROR_SYSTEM,
		    "/proc/self/statm makes no sense");
	*bytes_r = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return ERROR_NONE;
}

enum error_code
limits_set(const struct config *config, struct error *err)
{
	enum error_code code;
	uint64_t mapped = 0;

	code = mapped_now(&mapped, err);
	if (code == ERROR_NONE)
		code = set_limit(RLIMIT_AS,
		    mapped + config->engine_worker_memory, "memory", err);
	/* One runaway file must not fill the scratch for the others: it ends
	 * the worker, where a full scratch would pass unnoticed. */
	if (code == ERROR_NONE)
		code = set_limit(RLIMIT_FSIZE, config->engine_scratch / 2,
		    "file size", err);
	if (code == ERROR_NONE)
		code = set_limit(RLIMIT_NOFILE, OPEN_FILES, "descriptors", err);
	if (code == ERROR_NONE)
		code = set_limit(RLIMIT_NPROC, 0, "processes", err);
	if (code == ERROR_NONE)
		code = set_limit(RLIMIT_CORE, 0, "core files", err);
	return code;
}

/* AddressSanitizer would look for the stack in /proc, which is hidden, before
 * a call that does not return. */
__attribute__((no_sanitize("address"))) static void
die(int sig)
{
	_exit(WIRE_EXIT_SIGNAL + sig);
}

enum error_code
limits_catch_signals(struct error *err)
{
	static const int deadly[] = {
		SIGSEGV,
		SIGBUS,
		SIGFPE,
		SIGILL,
		SIGABRT,
		SIGTRAP,
		SIGSYS,
		SIGXCPU,
		SIGXFSZ,
	};
	stack_t stack = {
		.ss_sp = signal_stack,
		.ss_size = sizeof signal_stack,
	};
	struct sigaction action = { .sa_handler = die, .sa_flags = SA_ONSTACK };
	size_t i;

	if (sigaltstack(&stack, NULL) < 0)
		return error_sys(err, errno, "sigaltstack");
	sigfillset(&action.sa_mask);
	for (i = 0; i < sizeof deadly / sizeof *deadly; i++)
		if (sigaction(deadly[i], &action, NULL) < 0)
			return error_sys(err, errno, "catching signal %d",
			    deadly[i]);
	return ERROR_NONE;
}

int64_t
limits_cpu_used(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * MONOTIME_S + used.tv_nsec;
}

enum error_code
limits_allow_cpu(int64_t cpu_time, struct error *err)
{
	int64_t until = limits_cpu_used() + cpu_time;
	struct rlimit limit;

	if (getrlimit(RLIMIT_CPU, &limit) < 0)
		return error_sys(err, errno, "reading the CPU limit");
	limit.rlim_cur = (rlim_t)((until + MONOTIME_S - 1) / MONOTIME_S);
	if (setrlimit(RLIMIT_CPU, &limit) < 0)
		return error_sys(err, errno, "limiting CPU time");
	return ERROR_NONE;
}
