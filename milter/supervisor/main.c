/* main - vscan-milter's command line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
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
#include "supervisor/activation.h"
#include "supervisor/child.h"
#include "supervisor/findings.h"
#include "supervisor/instance.h"
#include "supervisor/listener.h"
#include "supervisor/order.h"
#include "supervisor/service_manager.h"
#include "supervisor/supervisor.h"
#include "supervisor/supervisor_confine.h"
#include "supervisor/survey.h"
#include "supervisor/survey_engine.h"
#include "supervisor/takeover.h"

struct options {
	const char *path;
	bool foreground;
	bool test;
	bool version;
	bool print;
	bool check; /* as restart.c asks before a restart */
	int (*order)(const struct config *config);
	char **arguments; /* all of them */
};

static const char usage[] =
    "usage: vscan-milter [-c FILE] [-f]\n"
    "       vscan-milter [-c FILE] -t | -V | --print-config\n"
    "       vscan-milter [-c FILE] --reload | --restart | --stop\n"
    "  -c, --config FILE   configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -f, --foreground    stay in the foreground\n"
    "  -t, --test          check the configuration and the machine, and exit\n"
    "  -V, --version       print the versions and exit\n"
    "  -h, --help          print this and exit\n"
    "  --print-config      print all settings as they are in force, and exit\n"
    "  --reload            have the running instance read its configuration\n"
    "  --restart           have the running instance start its programs anew\n"
    "                      without deferring mail; return when they serve\n"
    "  --stop              have the running instance end; return when it has\n";

static const struct option option_names[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "test", no_argument, NULL, 't' },
	{ "version", no_argument, NULL, 'V' },
	{ "print-config", no_argument, NULL, 'P' },
	{ "check-restart", no_argument, NULL, 'K' },
	{ "reload", no_argument, NULL, 'L' },
	{ "restart", no_argument, NULL, 'R' },
	{ "stop", no_argument, NULL, 'S' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* False if it is none of ours, or a cry for help. */
static bool
take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		options->path = optarg;
		return true;
	case 'f':
		return options->foreground = true;
	case 't':
		return options->test = true;
	case 'V':
		return options->version = true;
	case 'P':
		return options->print = true;
	case 'K':
		return options->check = true;
	case 'L':
		options->order = order_reload;
		return true;
	case 'R':
		options->order = order_restart;
		return true;
	case 'S':
		options->order = order_stop;
		return true;
	default:
		return false;
	}
}

/* Returns 0, or the exit status for a wrong command line. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:ftVh", option_names,
		    NULL)) != -1) {
		if (take_option(options, option))
			continue;
		fputs(usage, option == 'h' ? stdout : stderr);
		return option == 'h' ? -1 : EX_USAGE;
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
	sigaddset(&handled, SIGUSR2);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGCHLD);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
print_findings(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		fprintf(stderr, "vscan-milter: %s: %s\n",
		    findings->items[i].level == LOG_LEVEL_ERROR ? "error"
								: "warning",
		    findings->items[i].text);
}

/* The file itself has no mistakes. */
static int
test(struct config *config, const char *path)
{
	struct findings findings;
	int status;

	findings_init(&findings);
	survey_machine(&findings, config);
	survey_services(&findings, config);
	if (findings.errors == 0)
		survey_engine(&findings, config);
	print_findings(&findings);
	if (findings.count == 0)
		printf("%s: no mistakes found\n", path);
	else
		printf("%s: errors: %zu, warnings: %zu\n", path,
		    findings.errors, findings.count - findings.errors);
	status = findings.errors == 0 ? EX_OK : EX_CONFIG;
	findings_fini(&findings);
	return status;
}

/* All that lasts as long as the service. */
struct service {
	struct findings findings;
	struct instance instance;
	struct listener listener;
	struct takeover takeover;
	struct service_manager manager;
	bool took_over;
	bool in_background;
	bool has_said; /* on standard error, why it ends */
	int ready;     /* see daemonize.h */
	char program[PATH_MAX];
};

/* The filter listens. */
static void
on_ready(void *context)
{
	struct service *service = context;

	daemonize_ready(&service->ready);
}

/* Where a later build of this program will be. */
static enum error_code
find_program(struct service *service, struct error *err)
{
	ssize_t len = readlink("/proc/self/exe", service->program,
	    sizeof service->program - 1);

	if (len < 0)
		return error_sys(err, errno, "/proc/self/exe");
	service->program[len] = '\0';
	return ERROR_NONE;
}

static enum error_code
open_instance(struct service *service, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	if (service->took_over)
		return instance_adopt(&service->instance, config, account,
		    service->takeover.lock, err);
	return instance_open(&service->instance, config, account, err);
}

static enum error_code
open_listener(struct service *service, const struct config *config,
    const struct priv_account *account, struct error *err)
{
	const struct takeover *takeover = &service->takeover;

	if (service->took_over) {
		listener_adopt(&service->listener, &takeover->listener,
		    takeover->socket, config, account, err);
		return ERROR_NONE;
	}
	return listener_open(&service->listener, config, account, err);
}

static enum error_code
open_service(struct service *service, const struct config *config,
    struct child_kit *kit, struct error *err)
{
	enum error_code code;

	code = open_instance(service, config, &kit->account, err);
	if (code != ERROR_NONE)
		return code;
	code = open_listener(service, config, &kit->account, err);
	if (code != ERROR_NONE)
		instance_close(&service->instance);
	kit->listener = &service->listener;
	return code;
}

static void
say_start(const struct service *service, const struct config *config,
    const char *path)
{
	log_msg(LOG_LEVEL_NOTICE,
	    "vscan-milter %s %s: socket %s%s, configuration %s, account %s",
	    VSCAN_VERSION, service->took_over ? "restarts" : "starts",
	    config->socket,
	    service->listener.handed_over ? " (handed over)" : "", path,
	    config->user);
}

/* The process that writes the log runs. */
static enum error_code
supervise(struct service *service, const struct supervisor_plan *plan,
    struct error *err)
{
	enum error_code code = ERROR_NONE;

	say_start(service, plan->config, plan->config_path);
	if (service->listener.handed_over)
		activation_log(service->listener.fd, plan->config->socket,
		    &service->listener.account);
	findings_log(&service->findings);
	supervisor_confine(plan->config);
	if (service->in_background)
		code = instance_write_pid(&service->instance, err);
	if (code == ERROR_NONE)
		code = supervisor_run(plan, err);
	return code;
}

/* From the start of the process that writes the log to its end. */
static enum error_code
serve_logged(struct service *service, const struct supervisor_plan *plan,
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
	code = supervise(service, plan, err);
	if (code != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR, "vscan-milter ends", err);
	service->has_said = code != ERROR_NONE &&
	    config->log_target == LOG_TARGET_STDERR;
	log_writer_stop(&writer);
	plan->kit->log = NULL;
	return code;
}

static enum error_code
serve_with(struct service *service, struct child_kit *kit,
    const struct config *config, const struct options *options,
    struct error *err)
{
	struct supervisor_plan plan = {
		.config = config,
		.config_path = options->path,
		.kit = kit,
		.program = { service->program, options->arguments },
		.takeover = service->took_over ? &service->takeover : NULL,
		.ready = on_ready,
		.context = service,
		.manager = &service->manager,
	};
	enum error_code code = ERROR_NONE;

	kit->in_background = service->in_background;
	block_signals();
	if (service->in_background && !service->took_over)
		code = daemonize(&service->ready, err);
	if (code == ERROR_NONE)
		code = open_service(service, config, kit, err);
	if (code != ERROR_NONE)
		return code;
	plan.lock = service->instance.lock;
	code = serve_logged(service, &plan, err);
	listener_close(&service->listener);
	instance_close(&service->instance);
	return code;
}

static enum error_code
serve(struct service *service, const struct config *config,
    const struct options *options, struct error *err)
{
	struct child_kit kit;
	enum error_code code;

	code = find_program(service, err);
	if (code == ERROR_NONE)
		code = child_kit_open(&kit, config, err);
	if (code != ERROR_NONE)
		return code;
	code = serve_with(service, &kit, config, options, err);
	child_kit_close(&kit);
	return code;
}

/* What a restart needs beside a sound configuration. */
static int
check_restart(const struct config *config)
{
	struct child_kit kit;
	enum error_code code;
	struct error err;

	code = child_kit_open(&kit, config, &err);
	if (code != ERROR_NONE)
		return complain(&err, EX_CONFIG);
	code = instance_check(config, &kit.account, &err);
	child_kit_close(&kit);
	return code == ERROR_NONE ? EX_OK : complain(&err, EX_CONFIG);
}

static int
run_service(struct config *config, const struct options *options)
{
	static struct service service;
	enum error_code code;
	struct error err;

	service.ready = -1;
	service.took_over = takeover_read(&service.takeover);
	service_manager_open(&service.manager, service.took_over);
	service.in_background = service.took_over
	    ? service.takeover.in_background
	    : !options->foreground;
	if (service.in_background && config->log_target == LOG_TARGET_STDERR) {
		fprintf(stderr,
		    "vscan-milter: log.target = \"stderr\" needs "
		    "-f: in the background nobody reads it\n");
		return EX_CONFIG;
	}
	findings_init(&service.findings);
	survey_machine(&service.findings, config);
	if (service.in_background && !service.took_over)
		print_findings(&service.findings);
	code = serve(&service, config, options, &err);
	service_manager_close(&service.manager);
	findings_fini(&service.findings);
	if (code == ERROR_NONE)
		return EX_OK;
	if (!service.has_said)
		(void)complain(&err, EX_OSERR);
	return code == ERROR_INPUT ? EX_CONFIG : EX_OSERR;
}

static int
run(struct config *config, const struct options *options)
{
	if (options->order != NULL)
		return options->order(config);
	if (options->check)
		return check_restart(config);
	if (options->print) {
		config_print(config, stdout, 1);
		return EX_OK;
	}
	if (options->test)
		return test(config, options->path);
	return run_service(config, options);
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
	struct options options = { .arguments = argv };
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
