/* postfix_settings - what one instance of Postfix is set to, and where
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "postfix_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define NOT_STARTED 127

static void __attribute__((noreturn))
become_postconf(char *const *argv, int out)
{
	struct error err;

	if (fd_move_to(out, STDOUT_FILENO, &err) == ERROR_NONE) {
		execvp("postconf", argv);
		execv("/usr/sbin/postconf", argv);
		execv("/usr/local/sbin/postconf", argv);
		fprintf(stderr, "postconf: %s\n", strerror(errno));
	}
	_exit(NOT_STARTED);
}

static enum error_code
run_postconf(char *const *argv, char **text_r, struct error *err)
{
	enum error_code code;
	int pipe_fds[2], status = 0;
	pid_t child;

	*text_r = NULL;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	child = fork();
	if (child == 0)
		become_postconf(argv, pipe_fds[1]);
	fd_close(&pipe_fds[1]);
	code = child < 0 ? error_sys(err, errno, "fork")
			 : fd_read_text(pipe_fds[0], "postconf", text_r, err);
	fd_close(&pipe_fds[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "waiting for postconf");
	if (code == ERROR_NONE && status != 0)
		code = error_set(err,
		    WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED
			? ERROR_UNSUPPORTED
			: ERROR_SYSTEM,
		    "postconf -c %s failed", argv[2]);
	return code;
}

static enum error_code
ask_postconf(struct postfix_settings *settings, struct error *err)
{
	char name[] = "postconf", c[] = "-c", x[] = "-x", P[] = "-P";
	char M[] = "-M", connect[] = "milter_connect_timeout";
	char command[] = "milter_command_timeout";
	char content[] = "milter_content_timeout";
	char action[] = "milter_default_action", ipc[] = "ipc_timeout";
	char smtpd[] = "smtpd_milters", other[] = "non_smtpd_milters";
	char owner[] = "mail_owner", maps[] = "smtpd_milter_maps",
	     queue[] = "queue_directory";
	char *directory = (char *)(uintptr_t)settings->directory;
	char *const main_argv[] = { name, c, directory, x, connect, command,
		content, action, ipc, smtpd, other, maps, queue, owner, NULL };
	char *const override_argv[] = { name, c, directory, x, P, NULL };
	char *const service_argv[] = { name, c, directory, M, NULL };
	enum error_code code;

	code = run_postconf(main_argv, &settings->main_text, err);
	if (code == ERROR_NONE)
		code = run_postconf(override_argv, &settings->override_text,
		    err);
	if (code == ERROR_NONE)
		code = run_postconf(service_argv, &settings->service_text, err);
	return code;
}

/* Returns NULL if the file can't be read; then messages have no line numbers.
 */
static char *
read_file(const char *directory, const char *name)
{
	char path[512], *text = NULL;
	struct error err;
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_text(fd, path, &text, &err) != ERROR_NONE)
		text = NULL;
	fd_close(&fd);
	return text;
}

static size_t
count_lines(const char *text)
{
	size_t count = 1;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void
take_parameters(struct postfix_settings *settings, char *text, bool of_service)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (check_mta_parse_parameter(line, of_service,
			&settings->parameters[settings->parameter_count]))
			settings->parameter_count++;
}

static void
take_services(struct postfix_settings *settings, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (check_mta_parse_service(line,
			&settings->services[settings->service_count]))
			settings->service_count++;
}

static void
parse(struct postfix_settings *settings)
{
	settings->parameters = calloc(count_lines(settings->main_text) +
		count_lines(settings->override_text),
	    sizeof *settings->parameters);
	settings->services = calloc(count_lines(settings->service_text),
	    sizeof *settings->services);
	if (settings->parameters == NULL || settings->services == NULL)
		abort();
	take_parameters(settings, settings->override_text, true);
	take_parameters(settings, settings->main_text, false);
	take_services(settings, settings->service_text);
}

enum error_code
postfix_settings_read(struct postfix_settings *settings, const char *directory,
    struct error *err)
{
	enum error_code code;

	memset(settings, 0, sizeof *settings);
	settings->directory = directory;
	code = ask_postconf(settings, err);
	if (code != ERROR_NONE) {
		postfix_settings_fini(settings);
		return code;
	}
	parse(settings);
	settings->main_cf = read_file(directory, "main.cf");
	settings->master_cf = read_file(directory, "master.cf");
	return ERROR_NONE;
}

void
postfix_settings_fini(struct postfix_settings *settings)
{
	free(settings->services);
	free(settings->parameters);
	free(settings->master_cf);
	free(settings->main_cf);
	free(settings->service_text);
	free(settings->override_text);
	free(settings->main_text);
	memset(settings, 0, sizeof *settings);
}

/* True if name is that of the service, such as "smtp/inet". */
static bool
is_name_of(const struct check_mta_service *service, const char *name)
{
	size_t len = strlen(service->name);

	return strncmp(name, service->name, len) == 0 && name[len] == '/' &&
	    strcmp(name + len + 1, service->type) == 0;
}

struct check_mta_parameter
postfix_settings_look_up(const struct postfix_settings *settings,
    const struct check_mta_service *service, const char *name)
{
	const struct check_mta_parameter none = { NULL, name, "" };

	for (size_t i = 0; i < settings->parameter_count; i++) {
		const struct check_mta_parameter *found =
		    &settings->parameters[i];

		if (strcmp(found->name, name) == 0 &&
		    (found->service == NULL ||
			is_name_of(service, found->service)))
			return *found;
	}
	return none;
}

/* A copy of the value as it stands in the file, but on one line. */
static char *
value_of(const struct check_mta_line *line)
{
	char text[4096];

	check_mta_line_value(line, text, sizeof text);
	return strdup(text);
}

static void
place_in_main(const struct postfix_settings *settings, const char *name,
    unsigned number, struct postfix_place *place)
{
	snprintf(place->begin, sizeof place->begin, "%.100s = ", name);
	place->end[0] = '\0';
	snprintf(place->file, sizeof place->file, "%.400s/main.cf",
	    settings->directory);
	if (number != 0)
		snprintf(place->file + strlen(place->file), 16, ":%u", number);
}

static void
place_in_master(const struct postfix_settings *settings,
    const struct check_mta_parameter *parameter, unsigned number,
    struct postfix_place *place)
{
	bool braces = strpbrk(parameter->value, " \t") != NULL;

	snprintf(place->begin, sizeof place->begin,
	    braces ? "-o { %.100s = " : "-o %.100s=", parameter->name);
	snprintf(place->end, sizeof place->end, "%s", braces ? " }" : "");
	snprintf(place->file, sizeof place->file, "%.300s/master.cf",
	    settings->directory);
	if (number != 0)
		snprintf(place->file + strlen(place->file), 16, ":%u", number);
	snprintf(place->file + strlen(place->file), 160, ": %.150s",
	    parameter->service);
}

static bool
find_line(const struct postfix_settings *settings,
    const struct check_mta_parameter *parameter, struct check_mta_line *line_r)
{
	if (parameter->service != NULL)
		return settings->master_cf != NULL &&
		    check_mta_find_option(settings->master_cf,
			parameter->service, parameter->name, line_r);
	return settings->main_cf != NULL &&
	    check_mta_find_setting(settings->main_cf, parameter->name, line_r);
}

void
postfix_settings_place(const struct postfix_settings *settings,
    const struct check_mta_parameter *parameter, const char *entry,
    struct postfix_place *place_r)
{
	const char *main_cf = settings->main_cf != NULL ? settings->main_cf
							: "";
	struct check_mta_line line = { .number = 0 }, origin;
	bool elsewhere = false;

	place_r->value = NULL;
	if (find_line(settings, parameter, &line) && entry != NULL &&
	    check_mta_find_entry(main_cf, &line, entry, &origin)) {
		elsewhere = origin.value != line.value;
		place_r->value = value_of(&origin);
		line.number = origin.number;
	} else {
		place_r->value = strdup(parameter->value);
	}
	if (place_r->value == NULL)
		abort();
	if (parameter->service == NULL || elsewhere)
		place_in_main(settings,
		    elsewhere ? origin.name : parameter->name, line.number,
		    place_r);
	else
		place_in_master(settings, parameter, line.number, place_r);
}
