/* main - vscan-milter's command line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/daemonize.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "config/config.h"
#include "supervisor/child.h"
#include "supervisor/confine.h"
#include "supervisor/instance.h"
#include "supervisor/listener.h"
#include "supervisor/supervisor.h"
#include "supervisor/survey.h"

struct options {
	const char *path;
	bool foreground;
	bool test;
	bool version;
	bool print;
};

static const char usage[] =
    "usage: vscan-milter [-c FILE] [-f] [-t] [-V] [--print-config]\n"
    "  -c, --config FILE   configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -f, --foreground    stay in the foreground\n"
    "  -t, --test          check the configuration and exit\n"
    "  -V, --version       print the versions and exit\n"
    "  --print-config      print the effective configuration and exit\n";

/* Returns 0, or the exit status for a wrong command line. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "print-config", no_argument, NULL, 'P' },
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
		else if (option == 'P')
			options->print = true;
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? -1 : EX_USAGE;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "vscan-milter: unexpected argument \"%s\"\n%s",
	    argv[optind], usage);
	return EX_USAGE;
}

static int
complain(const struct error *err, int status)
{
	fprintf(stderr, "vscan-milter: %s\n", err->text);
	return status;
}

static void
print_mistake(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "vscan-milter: error: %s\n", text);
}

static int
print_versions(void)
{
	struct child_kit kit;
	struct error err;
	enum error_code code;

	printf("vscan-milter %s\n", VSCAN_VERSION);
	code = child_kit_open(&kit, NULL, &err);
	if (code != ERROR_NONE)
		return complain(&err, EX_OSFILE);
	code = child_show_version(kit.filter_program, &err);
	if (code == ERROR_NONE)
		code = child_show_version(kit.engine_program, &err);
	child_kit_close(&kit);
	return code == ERROR_NONE ? EX_OK : complain(&err, EX_SOFTWARE);
}

/* In every thread and child to come, until the supervisor's signalfd. */
static void
block_signals(void)
{
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGCHLD);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
print_findings(const struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		fprintf(stderr, "vscan-milter: %s: %s\n",
		    survey->items[i].level == LOG_LEVEL_ERROR ? "error"
							      : "warning",
		    survey->items[i].text);
}

/* The file itself has no mistakes. */
static int
test(struct config *config, const char *path)
{
	struct survey survey;
	int status;

	survey_init(&survey);
	survey_machine(&survey, config);
	survey_services(&survey, config);
	if (survey.errors == 0)
		survey_engine(&survey, config);
	print_findings(&survey);
	if (survey.count == 0)
		printf("%s: no mistakes found\n", path);
	else
		printf("%s: %zu errors, %zu warnings\n", path, survey.errors,
		    survey.count - survey.errors);
	status = survey.errors == 0 ? EX_OK : EX_CONFIG;
	survey_fini(&survey);
	return status;
}

struct start {
	struct survey survey;
	struct instance instance;
	struct listener listener;
	int ready; /* see daemonize.h */
};

/* The filter listens. */
static void
on_ready(void *context)
{
	struct start *start = context;

	daemonize_ready(&start->ready);
}

/* All that lasts as long as the service. */
static enum error_code
open_service(struct start *start, const struct config *config,
    struct child_kit *kit, struct error *err)
{
	enum error_code code;

	code = instance_open(&start->instance, config, &kit->account, err);
	if (code != ERROR_NONE)
		return code;
	code = listener_open(&start->listener, config, &kit->account, err);
	if (code != ERROR_NONE)
		instance_close(&start->instance);
	kit->listener = &start->listener;
	return code;
}

/* From the start of the process that writes the log to its end. */
static enum error_code
serve_logged(const struct supervisor_plan *plan, struct start *start,
    struct error *err)
{
	const struct config *config = plan->config;
	const struct log_options options = {
		.target = (enum log_target)config->log_target,
		.facility = config->log_facility,
		.path = config->log_file,
		.confined = config->engine_sandbox != SANDBOX_OFF,
	};
	struct log_writer writer;
	enum error_code code;

	log_open("vscan-milter", (enum log_level)config->log_level);
	code = log_writer_start(&writer, &options, err);
	if (code != ERROR_NONE)
		return code;
	plan->kit->log = &writer;
	survey_log(&start->survey);
	confine_supervisor(config);
	if (plan->kit->in_background)
		code = instance_write_pid(&start->instance, err);
	if (code == ERROR_NONE)
		code = supervisor_run(plan, err);
	log_writer_stop(&writer);
	plan->kit->log = NULL;
	return code;
}

static enum error_code
serve(struct config *config, const struct options *options, struct error *err)
{
	struct start start = { .ready = -1 };
	bool foreground = options->foreground;
	struct child_kit kit;
	struct supervisor_plan plan = {
		.config = config,
		.config_path = options->path,
		.kit = &kit,
		.ready = on_ready,
		.context = &start,
	};
	enum error_code code;

	survey_init(&start.survey);
	survey_machine(&start.survey, config);
	if (!foreground)
		print_findings(&start.survey);
	code = child_kit_open(&kit, config, err);
	if (code != ERROR_NONE)
		goto out;
	kit.in_background = !foreground;
	block_signals();
	if (!foreground)
		code = daemonize(&start.ready, err);
	if (code == ERROR_NONE)
		code = open_service(&start, config, &kit, err);
	if (code != ERROR_NONE)
		goto out;
	code = serve_logged(&plan, &start, err);
	listener_close(&start.listener);
	instance_close(&start.instance);
out:
	child_kit_close(&kit);
	survey_fini(&start.survey);
	return code;
}

static int
run(struct config *config, const struct options *options)
{
	enum error_code code;
	struct error err;

	if (options->print) {
		config_print(config, stdout, 1);
		return EX_OK;
	}
	if (options->test)
		return test(config, options->path);
	if (!options->foreground && config->log_target == LOG_TARGET_STDERR) {
		fprintf(stderr,
		    "vscan-milter: log.target = \"stderr\" needs "
		    "-f: in the background nobody reads it\n");
		return EX_CONFIG;
	}
	code = serve(config, options, &err);
	if (code == ERROR_NONE)
		return EX_OK;
	return complain(&err, code == ERROR_INPUT ? EX_CONFIG : EX_OSERR);
}

/* The file is read again at SIGHUP, from another working directory. */
static void
make_absolute(struct options *options)
{
	static char path[2 * PATH_MAX];
	char directory[PATH_MAX];

	if (options->path[0] == '/' ||
	    getcwd(directory, sizeof directory) == NULL)
		return;
	snprintf(path, sizeof path, "%s/%s", directory, options->path);
	options->path = path;
}

int
main(int argc, char **argv)
{
	struct options options = { .path = NULL };
	struct config *config;
	enum error_code code;
	struct error err;
	int status;

	status = parse_options(argc, argv, &options);
	if (status != 0)
		return status < 0 ? EX_OK : status;
	if (options.version)
		return print_versions();
	/* Somebody who has no file yet may want to see what could be in it. */
	if (options.path == NULL)
		options.path = options.print &&
			access(CONFIG_DEFAULT_PATH, F_OK) < 0
		    ? "/dev/null"
		    : CONFIG_DEFAULT_PATH;
	code = config_check(options.path, print_mistake, NULL, &config, &err);
	if (code != ERROR_NONE)
		return code == ERROR_INPUT ? EX_CONFIG
					   : complain(&err, EX_CONFIG);
	make_absolute(&options);
	status = run(config, &options);
	config_destroy(&config);
	return status;
}
