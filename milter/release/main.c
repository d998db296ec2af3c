/* main - vscan-release's command line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/daemonize.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/notify.h"
#include "base/priv.h"
#include "config/config.h"
#include "release/mtas.h"
#include "release/service.h"

struct options {
	const char *path;
	bool foreground;
	bool test;
	bool version;
};

static const char usage[] =
    "usage: vscan-release [-c FILE] [-f]\n"
    "       vscan-release [-c FILE] -t | -V | -h\n"
    "  -c, --config FILE   vscan-milter's configuration (" CONFIG_DEFAULT_PATH
    ")\n"
    "  -f, --foreground    stay in the foreground\n"
    "  -t, --test          check the configuration and exit\n"
    "  -V, --version       print the version and exit\n"
    "  -h, --help          print this and exit\n";

/* Returns 0, the exit status for a wrong command line, or -1 for help. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while (
	    (option = getopt_long(argc, argv, "c:ftVh", names, NULL)) != -1) {
		if (option == 'c')
			options->path = optarg;
		else if (option == 'f')
			options->foreground = true;
		else if (option == 't')
			options->test = true;
		else if (option == 'V')
			options->version = true;
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? -1 : EX_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
		    "vscan-release: unexpected argument \"%s\"\n"
		    "%s",
		    argv[optind], usage);
		return EX_USAGE;
	}
	return 0;
}

static void
print_mistake(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "vscan-release: error: %s\n", text);
}

static int
complain(const struct error *err, int status)
{
	fprintf(stderr, "vscan-release: %s\n", err->text);
	return status;
}

static void
block_signals(void)
{
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* Gives up what the MTA's programs don't need, since they inherit it.
 * Postfix's need root's rights to files, and become the account postfix.
 * Sendmail delivers mail in a process that is started here, as any user and by
 * any program that an administrator or user has set up: for it all is kept. */
static void
confine(const struct config *config)
{
	/* CAP_KILL is for a program that hangs once it is the account
	 * postfix. */
	static const unsigned for_postfix[] = { CAP_DAC_OVERRIDE, CAP_SETUID,
		CAP_SETGID, CAP_KILL };
	struct error err;

	for (size_t i = 0; i < config->hold_mta.count; i++)
		if (!mtas_is_postfix(config->hold_mta.items[i]))
			return;
	if (priv_keep_only(for_postfix,
		sizeof for_postfix / sizeof *for_postfix, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "vscan-release has not given up all that it does not need",
		    &err);
	if (config->engine_sandbox != SANDBOX_OFF &&
	    confine_calls(CONFINE_RELEASE, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "vscan-release is not confined to its system calls", &err);
}

/* With the process that writes the log, from here to its end. */
static enum error_code
serve_logged(const struct config *config, struct service *service, int *ready,
    struct error *err)
{
	const struct log_options options = {
		.target = (enum log_target)config->log_target,
		.facility = config->log_facility,
		.path = config->log_file,
		.confined = config->engine_sandbox != SANDBOX_OFF,
	};
	struct log_writer writer;
	enum error_code code;
	struct notify notify;

	/* Before the first child, which is not to speak for this process. */
	notify_open(&notify);
	log_open("vscan-release", (enum log_level)config->log_level);
	code = log_writer_start(&writer, &options, err);
	if (code != ERROR_NONE)
		return code;
	confine(config);
	log_msg(LOG_LEVEL_NOTICE, "vscan-release %s listens on %s for %s",
	    VSCAN_VERSION, config->hold_release_socket, service->account.name);
	daemonize_ready(ready);
	notify_send(&notify, "READY=1\nMAINPID=%ld", (long)getpid());
	code = service_run(service, &writer, err);
	notify_send(&notify, "STOPPING=1");
	notify_close(&notify);
	log_msg(LOG_LEVEL_NOTICE, "vscan-release has ended");
	log_writer_stop(&writer);
	return code;
}

static enum error_code
serve(const struct config *config, bool foreground, struct error *err)
{
	struct service service;
	enum error_code code = ERROR_NONE;
	int ready = -1;

	block_signals();
	umask(022);
	if (!foreground)
		code = daemonize(&ready, err);
	if (code == ERROR_NONE)
		code = service_open(&service, config, err);
	if (code != ERROR_NONE)
		return code;
	code = serve_logged(config, &service, &ready, err);
	service_close(&service);
	return code;
}

static int
run(const struct config *config, const struct options *options)
{
	enum error_code code;
	struct error err;

	if (options->test) {
		printf("%s: no mistakes found\n", options->path);
		return EX_OK;
	}
	if (geteuid() != 0) {
		fprintf(stderr,
		    "vscan-release: only root can release mail: "
		    "start it as root\n");
		return EX_NOPERM;
	}
	if (!options->foreground && config->log_target == LOG_TARGET_STDERR) {
		fprintf(stderr,
		    "vscan-release: log.target = \"stderr\" needs "
		    "-f: in the background nobody reads it\n");
		return EX_CONFIG;
	}
	code = serve(config, options->foreground, &err);
	if (code == ERROR_NONE)
		return EX_OK;
	return complain(&err, code == ERROR_INPUT ? EX_CONFIG : EX_OSERR);
}

int
main(int argc, char **argv)
{
	struct options options = { .path = CONFIG_DEFAULT_PATH };
	struct config *config;
	enum error_code code;
	struct error err;
	int status;

	status = parse_options(argc, argv, &options);
	if (status != 0)
		return status < 0 ? EX_OK : status;
	if (options.version) {
		printf("vscan-release %s\n", VSCAN_VERSION);
		return EX_OK;
	}
	code = config_check(options.path, print_mistake, NULL, &config, &err);
	if (code != ERROR_NONE)
		return code == ERROR_INPUT ? EX_CONFIG
					   : complain(&err, EX_CONFIG);
	status = run(config, &options);
	config_destroy(&config);
	return status;
}
