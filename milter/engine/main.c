/* vscan-engine - holds the signatures, and forks the workers that scan
 *
 *   vscan-engine contained   process 1 of namespaces of its own
 *   vscan-engine plain       where there are none to be had
 *   vscan-engine --version   says which libclamav it runs with
 *
 * Started by the supervisor, with descriptor 3 its socket to the supervisor
 * (wire.h), descriptor 4 the effective configuration, and descriptor 5 for
 * log_join() (log.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "base/confine.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/title.h"
#include "config/config.h"
#include "engine/engine.h"
#include "engine/library.h"

#define SUPERVISOR 3
#define CONFIGURATION 4
#define LOG 5

static int
usage(void)
{
	fputs("vscan-engine is started by vscan-milter; by hand only "
	      "--version is of use\n",
	    stderr);
	return EX_USAGE;
}

static bool
is_socket(int fd)
{
	socklen_t len = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_SEQPACKET;
}

/* The OOM score is set first: a process that isn't dumpable can't open its own
 * file in /proc. */
static void
settle(void)
{
	process_set_oom_score(300);
	process_set_nondumpable();
	process_die_with_parent();
	fd_close_from(LOG + 1);
}

/* The engine itself has no sandbox, only its workers do; but it gives up system
 * calls. */
static void
confine(const struct config *config)
{
	struct error err;

	if (config->engine_sandbox != SANDBOX_OFF &&
	    confine_calls(CONFINE_ENGINE, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the engine is not confined to "
		    "its system calls",
		    &err);
}

static int
serve(enum scratch_kind kind)
{
	struct config *config;
	struct error err;
	int status;

	title_set("vscan-engine", "loads the signatures");
	settle();
	log_open("vscan-milter/engine", LOG_LEVEL_INFO);
	log_join(LOG);
	if (config_load_fd(CONFIGURATION, "configuration", &config, &err) !=
	    ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR,
		    "the engine can't read the configuration that the "
		    "supervisor gave it, and ends",
		    &err);
		return EX_CONFIG;
	}
	log_set_level((enum log_level)config->log_level);
	confine(config);
	status = engine_run(config, kind, SUPERVISOR);
	config_destroy(&config);
	return status;
}

int
main(int argc, char **argv)
{
	title_init(argc, argv);
	if (argc != 2)
		return usage();
	if (strcmp(argv[1], "--version") == 0) {
		printf("libclamav %s\n", library_version());
		return EX_OK;
	}
	if (!is_socket(SUPERVISOR))
		return usage();
	if (sodium_init() < 0) {
		fputs("vscan-engine: libsodium does not start\n", stderr);
		return EX_SOFTWARE;
	}
	if (strcmp(argv[1], "contained") == 0)
		return serve(SCRATCH_TMPFS);
	if (strcmp(argv[1], "plain") == 0)
		return serve(SCRATCH_DIRECTORY);
	return usage();
}
