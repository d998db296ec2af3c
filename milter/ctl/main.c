/* main - vscanctl's command line
 *
 * vscanctl is the administrator's tool.  It is started by hand, answers one
 * question and ends.  It is no part of the service: nothing that handles mail
 * depends on it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "config/config.h"
#include "ctl/check_mta.h"
#include "ctl/deferred.h"

struct command {
	const char *name;
	/* arguments are those that follow the command's name.  Returns the exit
	 * status. */
	int (*run)(const struct config *config, char **arguments, int count);
};

static const char usage[] =
    "usage: vscanctl [-c FILE] COMMAND [ARGUMENT...]\n"
    "       vscanctl -h | -V\n"
    "  -c, --config FILE   configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -h, --help          print this and exit\n"
    "  -V, --version       print the version and exit\n"
    "commands:\n"
    "  check-mta [WHERE...]  check that the settings of Postfix and Sendmail\n"
    "                        fit vscan-milter's; WHERE is a directory with\n"
    "                        a main.cf, or a sendmail.cf\n"
    "                        (/etc/postfix and /etc/mail/sendmail.cf)\n"
    "  deferred [OPTION...]  list the deferred mail that is to be sent again\n"
    "      --json            print each mail as a line with a JSON object\n"
    "      --key KEY         list only mail whose key begins so\n"
    "      --queue-id ID     list only mail that had this ID at its last try\n"
    "      --sender ADDRESS  list only mail from this address\n"
    "      --recipient ADDRESS\n"
    "                        list only mail to this address\n";

static int
check_mta(const struct config *config, char **arguments, int count)
{
	return check_mta_run(config, arguments, (size_t)count);
}

/* Reads the options of "deferred".  False if they make no sense; then the
 * reason has been printed. */
static bool
parse_query(char **arguments, int count, struct deferred_query *query_r)
{
	static const struct option names[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "key", required_argument, NULL, 'k' },
		{ "queue-id", required_argument, NULL, 'q' },
		{ "sender", required_argument, NULL, 's' },
		{ "recipient", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	memset(query_r, 0, sizeof *query_r);
	/* getopt_long() begins anew, and takes the command for the program's
	 * name. */
	optind = 0;
	while ((option = getopt_long(count + 1, arguments - 1, "+", names,
		    NULL)) != -1) {
		if (option == 'j')
			query_r->json = true;
		else if (option == 'k')
			query_r->key = optarg;
		else if (option == 'q')
			query_r->queue_id = optarg;
		else if (option == 's')
			query_r->sender = optarg;
		else if (option == 'r')
			query_r->recipient = optarg;
		else
			return false;
	}
	if (optind < count + 1)
		fprintf(stderr,
		    "vscanctl: deferred: unexpected argument \"%s\"\n",
		    arguments[optind - 1]);
	return optind == count + 1;
}

static int
deferred(const struct config *config, char **arguments, int count)
{
	struct deferred_query query;

	if (parse_query(arguments, count, &query))
		return deferred_run(config, &query);
	fputs(usage, stderr);
	return EX_USAGE;
}

static const struct command commands[] = {
	{ "check-mta", check_mta },
	{ "deferred", deferred },
	{ NULL, NULL },
};

static const struct command *
find_command(const char *name)
{
	const struct command *command;

	for (command = commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* Returns a negative number where a command follows, else the exit status. */
static int
parse_options(int argc, char **argv, const char **path_r)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* "+": options behind the command are the command's own. */
	while ((option = getopt_long(argc, argv, "+c:hV", names, NULL)) != -1) {
		if (option == 'c') {
			*path_r = optarg;
		} else if (option == 'V') {
			printf("vscanctl %s\n", VSCAN_VERSION);
			return EX_OK;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? EX_OK : EX_USAGE;
		}
	}
	if (optind < argc)
		return -1;
	fprintf(stderr, "vscanctl: a command is missing\n%s", usage);
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	const struct command *command;
	struct config *config;
	struct error err;
	int status;

	status = parse_options(argc, argv, &path);
	if (status >= 0)
		return status;
	command = find_command(argv[optind]);
	if (command == NULL) {
		fprintf(stderr, "vscanctl: unknown command \"%s\"\n%s",
		    argv[optind], usage);
		return EX_USAGE;
	}
	if (config_load(path, &config, &err) != ERROR_NONE) {
		fprintf(stderr, "vscanctl: %s\n", err.text);
		return EX_CONFIG;
	}
	status = command->run(config, argv + optind + 1, argc - optind - 1);
	config_destroy(&config);
	return status;
}
