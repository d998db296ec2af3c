/* check_mta_postfix - what Postfix's configuration says about us
 *
 * For mail by SMTP the settings of smtpd count, which passes them on to
 * cleanup; for all other mail those of cleanup, and the ipc_timeout of pickup
 * and qmqpd, which wait for cleanup.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "check_mta_internal.h"

#define NOT_STARTED 127

struct postfix {
	struct check_mta_report *report;
	const char *directory;
	char *main_text, *override_text, *service_text;
	struct check_mta_parameter *parameters; /* overrides first */
	size_t parameter_count;
	struct check_mta_service *services;
	size_t service_count;
	unsigned smtp, local; /* services of each kind that ask us */
};

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

/* Its complaints go to standard error as they are. */
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
read_settings(struct postfix *postfix, struct error *err)
{
	char name[] = "postconf", c[] = "-c", x[] = "-x", P[] = "-P";
	char M[] = "-M", connect[] = "milter_connect_timeout";
	char command[] = "milter_command_timeout";
	char content[] = "milter_content_timeout";
	char action[] = "milter_default_action", ipc[] = "ipc_timeout";
	char smtpd[] = "smtpd_milters", other[] = "non_smtpd_milters";
	char owner[] = "mail_owner", maps[] = "smtpd_milter_maps",
	     queue[] = "queue_directory";
	char *directory = (char *)(uintptr_t)postfix->directory;
	char *const main_argv[] = { name, c, directory, x, connect, command,
		content, action, ipc, smtpd, other, maps, queue, owner, NULL };
	char *const override_argv[] = { name, c, directory, x, P, NULL };
	char *const service_argv[] = { name, c, directory, M, NULL };
	enum error_code code;

	code = run_postconf(main_argv, &postfix->main_text, err);
	if (code == ERROR_NONE)
		code = run_postconf(override_argv, &postfix->override_text,
		    err);
	if (code == ERROR_NONE)
		code = run_postconf(service_argv, &postfix->service_text, err);
	return code;
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
take_parameters(struct postfix *postfix, char *text, bool of_service)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (check_mta_parse_parameter(line, of_service,
			&postfix->parameters[postfix->parameter_count]))
			postfix->parameter_count++;
}

static void
take_services(struct postfix *postfix, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (check_mta_parse_service(line,
			&postfix->services[postfix->service_count]))
			postfix->service_count++;
}

static void
parse_settings(struct postfix *postfix)
{
	postfix->parameters = calloc(count_lines(postfix->main_text) +
		count_lines(postfix->override_text),
	    sizeof *postfix->parameters);
	postfix->services = calloc(count_lines(postfix->service_text),
	    sizeof *postfix->services);
	if (postfix->parameters == NULL || postfix->services == NULL)
		abort();
	take_parameters(postfix, postfix->override_text, true);
	take_parameters(postfix, postfix->main_text, false);
	take_services(postfix, postfix->service_text);
}

/* "smtp/inet" */
static bool
is_name_of(const struct check_mta_service *service, const char *name)
{
	size_t len = strlen(service->name);

	return strncmp(name, service->name, len) == 0 && name[len] == '/' &&
	    strcmp(name + len + 1, service->type) == 0;
}

/* What is in force for a service: its own, or main.cf's, or the default.  An
 * empty one if this Postfix doesn't know the name. */
static struct check_mta_parameter
look_up(const struct postfix *postfix, const struct check_mta_service *service,
    const char *name)
{
	const struct check_mta_parameter none = { NULL, name, "" };

	for (size_t i = 0; i < postfix->parameter_count; i++) {
		const struct check_mta_parameter *found =
		    &postfix->parameters[i];

		if (strcmp(found->name, name) == 0 &&
		    (found->service == NULL ||
			is_name_of(service, found->service)))
			return *found;
	}
	return none;
}

/* Where a parameter is set, and how it is written there. */
static void
describe_place(const struct postfix *postfix,
    const struct check_mta_parameter *parameter, char *place, size_t place_size,
    char *name, size_t name_size)
{
	bool own = parameter->service != NULL;

	if (own)
		snprintf(place, place_size, "%s/master.cf: %s",
		    postfix->directory, parameter->service);
	else
		snprintf(place, place_size, "%s/main.cf", postfix->directory);
	snprintf(name, name_size, own ? "-o %s=" : "%s = ", parameter->name);
}

static void
report_finding(struct check_mta_report *report, const char *place,
    const char *name, const char *value,
    const struct check_mta_finding *finding)
{
	if (finding->good)
		check_mta_ok(report, "%s: %s%s: %s", place, name, value,
		    finding->why);
	else
		check_mta_problem(report, "%s: %s%s: %s; change it to: %s%s",
		    place, name, value, finding->why, name, finding->better);
}

static void
judge_parameter(const struct postfix *postfix,
    const struct check_mta_service *service, const char *name)
{
	struct check_mta_parameter parameter = look_up(postfix, service, name);
	struct check_mta_finding finding;
	char place[512], setting[128];

	describe_place(postfix, &parameter, place, sizeof place, setting,
	    sizeof setting);
	if (check_mta_judge(&postfix->report->deadlines, CHECK_MTA_POSTFIX,
		name, parameter.value, &finding))
		report_finding(postfix->report, place, setting, parameter.value,
		    &finding);
}

/* own is what the list sets for this milter alone, or NULL. */
static void
judge_of_milter(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list, const char *endpoint,
    const char *name, const char *own)
{
	struct check_mta_finding finding;
	char place[512], list_name[128], whole[1024], setting[128];

	if (own == NULL) {
		judge_parameter(postfix, service, name);
		return;
	}
	describe_place(postfix, list, place, sizeof place, list_name,
	    sizeof list_name);
	snprintf(whole, sizeof whole, "%s: %s{ %s ... }", place, list_name,
	    endpoint);
	/* The list has the names without "milter_". */
	snprintf(setting, sizeof setting, "%s=", strchr(name, '_') + 1);
	if (check_mta_judge(&postfix->report->deadlines, CHECK_MTA_POSTFIX,
		name, own, &finding))
		report_finding(postfix->report, whole, setting, own, &finding);
}

/* The socket is where it would be with the other root directory. */
static void
report_astray(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list, const char *endpoint)
{
	const char *queue = look_up(postfix, service, "queue_directory").value;
	const char *path = strchr(postfix->report->socket, '/');
	size_t len = strlen(queue);
	char place[512], name[128];

	describe_place(postfix, list, place, sizeof place, name, sizeof name);
	if (path == NULL)
		path = "";
	if (strncmp(path, queue, len) == 0 && path[len] == '/')
		check_mta_problem(postfix->report,
		    "%s: %s%s: %s/%s, %s its "
		    "chroot, finds no socket there; change it to: unix:%s",
		    place, name, endpoint, service->name, service->type,
		    service->chroot == 'y' ? "in" : "without", path + len + 1);
	else
		check_mta_problem(postfix->report,
		    "%s: %s%s: %s/%s runs in "
		    "its chroot, %s, and finds no socket there; change it "
		    "to: unix:vscan-milter/milter.sock, and our own to: "
		    "socket = \"unix:%s/vscan-milter/milter.sock\"",
		    place, name, endpoint, service->name, service->type, queue,
		    queue);
}

static void
judge_milter(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list,
    const struct check_mta_milter *milter)
{
	const char *endpoint = milter->endpoint;

	judge_of_milter(postfix, service, list, endpoint,
	    "milter_connect_timeout", milter->connect_timeout);
	judge_of_milter(postfix, service, list, endpoint,
	    "milter_command_timeout", milter->command_timeout);
	judge_of_milter(postfix, service, list, endpoint,
	    "milter_content_timeout", milter->content_timeout);
	judge_of_milter(postfix, service, list, endpoint,
	    "milter_default_action", milter->default_action);
}

/* How many milters of this list are ours. */
static unsigned
judge_list(const struct postfix *postfix,
    const struct check_mta_service *service, const char *name)
{
	struct check_mta_parameter list = look_up(postfix, service, name);
	const char *queue = look_up(postfix, service, "queue_directory").value;
	char *copy = strdup(list.value), *rest = copy;
	struct check_mta_milter milter;
	unsigned ours = 0;

	if (copy == NULL)
		abort();
	while (check_mta_next_milter(&rest, &milter)) {
		enum check_mta_match match =
		    check_mta_match_postfix(postfix->report->socket,
			milter.endpoint, queue, service->chroot);

		if (match == CHECK_MTA_OTHER)
			continue;
		ours++;
		if (match == CHECK_MTA_ASTRAY)
			report_astray(postfix, service, &list, milter.endpoint);
		judge_milter(postfix, service, &list, &milter);
	}
	free(copy);
	return ours;
}

static void
note_maps(const struct postfix *postfix,
    const struct check_mta_service *service)
{
	struct check_mta_parameter maps = look_up(postfix, service,
	    "smtpd_milter_maps");
	char place[512], name[128];

	if (maps.value[0] == '\0')
		return;
	describe_place(postfix, &maps, place, sizeof place, name, sizeof name);
	check_mta_note(postfix->report,
	    "%s: %s%s: not looked into; clients "
	    "that it lists may be asked about elsewhere or not at all",
	    place, name, maps.value);
}

static bool
runs(const struct check_mta_service *service, const char *command)
{
	return strcmp(service->command, command) == 0;
}

static void
judge_service(struct postfix *postfix, const struct check_mta_service *service)
{
	unsigned ours;

	if (runs(service, "smtpd")) {
		ours = judge_list(postfix, service, "smtpd_milters");
		postfix->smtp += ours;
		note_maps(postfix, service);
		if (ours != 0)
			judge_parameter(postfix, service, "ipc_timeout");
		else
			check_mta_note(postfix->report,
			    "%s/master.cf: %s/%s: "
			    "our socket, %s, is not in its smtpd_milters",
			    postfix->directory, service->name, service->type,
			    postfix->report->socket);
	} else if (runs(service, "cleanup"))
		postfix->local += judge_list(postfix, service,
		    "non_smtpd_milters");
}

static void
judge_services(struct postfix *postfix)
{
	for (size_t i = 0; i < postfix->service_count; i++)
		judge_service(postfix, &postfix->services[i]);
	for (size_t i = 0; i < postfix->service_count && postfix->local != 0;
	     i++)
		if (runs(&postfix->services[i], "pickup") ||
		    runs(&postfix->services[i], "qmqpd"))
			judge_parameter(postfix, &postfix->services[i],
			    "ipc_timeout");
	if (postfix->local == 0)
		check_mta_note(postfix->report,
		    "%s/main.cf: our socket, %s, "
		    "is not in non_smtpd_milters: mail from the sendmail "
		    "command is not scanned",
		    postfix->directory, postfix->report->socket);
	if (postfix->smtp + postfix->local != 0)
		check_mta_access(postfix->report,
		    look_up(postfix, postfix->services, "mail_owner").value,
		    look_up(postfix, postfix->services, "queue_directory")
			.value);
	postfix->report->asking += postfix->smtp + postfix->local;
}

enum error_code
check_mta_postfix(struct check_mta_report *report, const char *directory,
    struct error *err)
{
	struct postfix postfix = { .report = report, .directory = directory };
	enum error_code code;

	code = read_settings(&postfix, err);
	if (code == ERROR_NONE) {
		parse_settings(&postfix);
		judge_services(&postfix);
	}
	free(postfix.services);
	free(postfix.parameters);
	free(postfix.service_text);
	free(postfix.override_text);
	free(postfix.main_text);
	return code;
}
