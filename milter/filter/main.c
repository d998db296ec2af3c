/* main - the filter process: libmilter, sessions, scan threads
 *
 * Started by the supervisor alone, with descriptor 3 the socket to it,
 * descriptor 4 the effective configuration, descriptor 5 for log_join() (log.h)
 * and descriptor 6 the milter socket.
 * --version is for people.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <libmilter/mfapi.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/monotime.h"
#include "base/priv.h"
#include "base/process.h"
#include "base/title.h"
#include "config/config.h"
#include "filter/callbacks.h"
#include "filter/connection.h"
#include "filter/filter_confine.h"
#include "filter/filter_state.h"
#include "filter/hangup.h"
#include "filter/msgbuf.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "filter/supervisor_link.h"
#include "filter/transport.h"
#include "hold/hold.h"
#include "scan/engines.h"
#include "scan/scanner.h"
#include "wire/wire.h"

#define SUPERVISOR_FD 3
#define CONFIG_FD 4
#define LOG_FD 5
#define LISTENER_FD 6
#define LISTENER "fd:6" /* the same, as libmilter has it */

/* Connections that may wait for accept(2), as the supervisor has it, too. */
#define BACKLOG 1024

/* Seconds that a session may wait for its MTA's next command: ten years, since
 * libmilter goes by the wall clock, and a step of that (a machine that wakes
 * up, NTP) by more than this would end all sessions between two commands.  A
 * connection ends with its MTA. */
#define MTA_TIMEOUT (10 * 365 * 86400)

static int
print_version(void)
{
	unsigned major, minor, patch;

	smfi_version(&major, &minor, &patch);
	printf("libmilter %u.%u.%u\n", major, minor, patch);
	return EX_OK;
}

/* libmilter waits for HUP, TERM and INT on a thread of its own and stops at
 * HUP; they are the supervisor's business, and blocked everywhere before the
 * first thread starts. */
static void
set_signals(void)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Each session has a connection and perhaps a message in memory; each waiting
 * one may have a spill file besides.  Returns how many connections there may
 * be. */
static unsigned
raise_limits(const struct config *config)
{
	uint64_t capacity = filter_state_capacity(config);
	uint64_t want = 2 * (uint64_t)config->limits_sessions +
	    3 * (uint64_t)config->limits_waiting +
	    4 * (uint64_t)config->limits_queue + 640;
	uint64_t reached = process_raise_nofile(want);

	if (reached >= want)
		return (unsigned)capacity;
	capacity = capacity * reached / want;
	log_msg(LOG_LEVEL_WARNING,
	    "only %llu of %llu descriptors are allowed, and so only %llu "
	    "connections: raise RLIMIT_NOFILE (LimitNOFILE=), or lower "
	    "limits.sessions, limits.waiting and limits.queue",
	    (unsigned long long)reached, (unsigned long long)want,
	    (unsigned long long)capacity);
	return (unsigned)capacity;
}

/* At the start, and with each new configuration. */
static enum error_code
limit_connections(const struct config *config, struct error *err)
{
	struct connections_limits limits = {
		.capacity = raise_limits(config),
		.memory = config->buffer_envelope,
	};
	enum error_code code;

	code = netlist_create(&config->access, &limits.access, err);
	if (code == ERROR_NONE)
		connections_limit(&limits);
	return code;
}

/* libmilter accepts on the socket that the supervisor has opened. */
static enum error_code
open_listener(struct error *err)
{
	static char listener[] = LISTENER;

	if (smfi_setconn(listener) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS ||
	    smfi_opensocket(false) != MI_SUCCESS)
		return error_set(err, ERROR_UNSUPPORTED,
		    "libmilter did not take the milter socket over");
	return ERROR_NONE;
}

/* All that needs root: the limits.  Then root is given up. */
static enum error_code
open_as_root(struct filter_state *filter, struct error *err)
{
	struct priv_account account;
	enum error_code code;

	code = limit_connections(filter->config, err);
	connections_init();
	transport_init(&filter->wakeup);
	if (code == ERROR_NONE)
		code = priv_find(filter->config->user, &account, err);
	if (code == ERROR_NONE)
		code = callbacks_register(filter, err);
	if (code == ERROR_NONE)
		code = open_listener(err);
	if (code == ERROR_NONE)
		code = wakeup_init(&filter->wakeup, err);
	if (code == ERROR_NONE)
		code = priv_drop(&account, err);
	if (code == ERROR_NONE)
		code = wakeup_prepare(&filter->wakeup, err);
	process_set_nondumpable();
	process_die_with_parent();
	filter->descriptors = hangup_open();
	return code;
}

static bool
may_block(void *context)
{
	return filter_state_wait_begin(context);
}

static void
blocks_no_more(void *context)
{
	filter_state_wait_end(context);
}

static enum error_code
create_pool(struct filter_state *filter, struct error *err)
{
	const struct msgpool_waiting waiting = {
		.begin = may_block,
		.end = blocks_no_more,
		.context = filter,
	};
	enum error_code code;

	code = msgpool_create(filter->config, &filter->pool, err);
	if (code == ERROR_NONE)
		msgpool_set_waiting(filter->pool, &waiting);
	return code;
}

static enum error_code
start_parts(struct filter_state *filter, struct supervisor_link *link,
    struct error *err)
{
	const struct config *config = filter->config;
	enum error_code code;

	link->sock = SUPERVISOR_FD;
	link->filter = filter;
	link->reconfigured = limit_connections;
	link->engines = supervisor_link_create_engines(link);
	code = netlist_create(&config->headers_keep_from, &filter->keep_from,
	    err);
	if (code == ERROR_NONE)
		code = connections_start(err);
	if (code == ERROR_NONE)
		code = create_pool(filter, err);
	if (code == ERROR_NONE)
		code = supervisor_link_await(link, err);
	if (code == ERROR_NONE)
		code = scanner_create(config, link->engines, &filter->scanner,
		    err);
	if (code == ERROR_NONE)
		supervisor_link_hear_former(link);
	/* Also where nothing is held by now: there may be mail from before. */
	if (code == ERROR_NONE)
		code = hold_create(config, filter->scanner, &filter->hold, err);
	if (code == ERROR_NONE)
		code = supervisor_link_start(link, err);
	return code;
}

/* What is made here lives until the process ends: libmilter's threads may
 * still be in a callback when smfi_main() has returned. */
static enum error_code
run(struct config *config, struct error *err)
{
	static struct filter_state filter;
	static struct supervisor_link link;
	enum error_code code;

	filter_state_init(&filter, config);
	set_signals();
	smfi_settimeout(MTA_TIMEOUT);
	code = open_as_root(&filter, err);
	if (code == ERROR_NONE)
		filter_confine(&filter);
	if (code == ERROR_NONE)
		code = log_keep(err);
	if (code == ERROR_NONE)
		code = start_parts(&filter, &link, err);
	if (code == ERROR_NONE && smfi_main() != MI_SUCCESS)
		code = error_set(err, ERROR_SYSTEM, "libmilter gave up");
	/* A signal meant for the supervisor came here, too, and libmilter has
	 * stopped listening: what is under way still gets its reply. */
	if (code == ERROR_NONE)
		supervisor_link_drain(&link, false);
	return code;
}

/* The supervisor says it, once, where the administrator looks. */
static void
say_failure(const struct error *err)
{
	struct wire_message failed = wire_make(WIRE_FAILED);
	struct error unsent;

	wire_set_text(&failed, err->text);
	if (wire_send(SUPERVISOR_FD, &failed, -1, &unsent) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR, "the filter can't run", err);
}

int
main(int argc, char **argv)
{
	static struct config *config;
	enum error_code code;
	struct error err;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_version();
	if (argc != 1 || isatty(CONFIG_FD)) {
		fprintf(stderr, "vscan-filter is started by vscan-milter\n");
		return EX_USAGE;
	}
	title_init(argc, argv);
	title_set("vscan-filter", "serves the MTA");
	log_open("vscan-milter/filter", LOG_LEVEL_INFO);
	log_join(LOG_FD);
	code = config_load_fd(CONFIG_FD, "configuration", &config, &err);
	if (code == ERROR_NONE) {
		close(CONFIG_FD);
		log_set_level((enum log_level)config->log_level);
		if (sodium_init() < 0)
			code = error_set(&err, ERROR_UNSUPPORTED,
			    "libsodium does not start");
	}
	if (code == ERROR_NONE)
		code = run(config, &err);
	if (code != ERROR_NONE)
		say_failure(&err);
	if (code == ERROR_NONE)
		return EX_OK;
	return code == ERROR_INPUT ? EX_CONFIG : EX_OSERR;
}
