/* check_mta_postfix - what Postfix's configuration says about us
 *
 * For mail by SMTP the settings of smtpd count, which passes them on to
 * cleanup; for all other mail those of cleanup, and the ipc_timeout of pickup
 * and qmqpd, which wait for cleanup.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_mta_internal.h"
#include "postfix_settings.h"

struct postfix {
	struct check_mta_report *report;
	struct postfix_settings settings;
	/* Milters that are ours, in smtpd_milters and in non_smtpd_milters. */
	unsigned smtp, local;
	/* Milters that were meant to be ours. */
	unsigned mistyped;
	/* A service without a chroot uses an absolute path. */
	bool from_root;
	/* A cleanup whose list has us neither as it should nor mistyped. */
	const struct check_mta_service *without;
};

typedef void visit_function(struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list,
    const struct check_mta_milter *milter);

static const char *
value_of(const struct postfix *postfix, const struct check_mta_service *service,
    const char *name)
{
	return postfix_settings_look_up(&postfix->settings, service, name)
	    .value;
}

static const char *
queue_of(const struct postfix *postfix, const struct check_mta_service *service)
{
	return value_of(postfix, service, "queue_directory");
}

static void
judge_parameter(const struct postfix *postfix,
    const struct check_mta_service *service, const char *name)
{
	struct check_mta_parameter parameter =
	    postfix_settings_look_up(&postfix->settings, service, name);
	struct check_mta_finding finding;
	struct postfix_place place;

	if (!check_mta_judge(&postfix->report->deadlines, CHECK_MTA_POSTFIX,
		name, parameter.value, &finding))
		return;
	postfix_settings_place(&postfix->settings, &parameter, NULL, &place);
	if (finding.good)
		check_mta_ok(postfix->report, "%s: %s%s%s: %s", place.file,
		    place.begin, parameter.value, place.end, finding.why);
	else
		check_mta_problem(postfix->report,
		    "%s: %s%s%s: %s; change it to: %s%s%s", place.file,
		    place.begin, parameter.value, place.end, finding.why,
		    place.begin, finding.better, place.end);
	free(place.value);
}

/* Judges a setting for one milter.  own is the value that the list has for this
 * milter alone, or NULL: then the general setting counts. */
static void
judge_of_milter(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list, const char *endpoint,
    const char *name, const char *own)
{
	/* In a list the names lack their beginning, "milter_". */
	const char *attribute = strchr(name, '_') + 1;
	struct check_mta_finding finding;
	struct postfix_place place;
	char whole[1024];

	if (own == NULL) {
		judge_parameter(postfix, service, name);
		return;
	}
	if (!check_mta_judge(&postfix->report->deadlines, CHECK_MTA_POSTFIX,
		name, own, &finding))
		return;
	postfix_settings_place(&postfix->settings, list, endpoint, &place);
	snprintf(whole, sizeof whole, "%s: %s{ %s ... }%s: %s=%.64s",
	    place.file, place.begin, endpoint, place.end, attribute, own);
	free(place.value);
	if (finding.good)
		check_mta_ok(postfix->report, "%s: %s", whole, finding.why);
	else
		check_mta_problem(postfix->report,
		    "%s: %s; change it to: %s=%s", whole, finding.why,
		    attribute, finding.better);
}

/* Writes the value of a list in which better stands in the place of entry.  A
 * "unix:" that stands alone before the entry belongs to the same slip. */
static void
mend(const char *value, const char *entry, const char *better, char *out,
    size_t size)
{
	const char *at = strstr(value, entry);
	size_t len;

	if (at == NULL) {
		snprintf(out, size, "%s", better);
		return;
	}
	len = (size_t)(at - value);
	while (len > 0 && strchr(" \t", value[len - 1]) != NULL)
		len--;
	if (len >= 5 && strncmp(value + len - 5, "unix:", 5) == 0)
		len -= 5;
	else
		len = (size_t)(at - value);
	snprintf(out, size, "%.*s%s%s", (int)len, value, better,
	    at + strlen(entry));
}

/* Reports an entry that doesn't lead to our socket, and the line that does.
 * "change it to" follows why. */
static void
report_entry(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list, const char *entry, const char *why)
{
	const char *queue = queue_of(postfix, service);
	char better[512], mended[2048], ours[PATH_MAX + 64] = "";
	struct postfix_place place;

	if (!check_mta_spell(CHECK_MTA_POSTFIX, postfix->report->socket, queue,
		service->chroot, better, sizeof better)) {
		snprintf(better, sizeof better,
		    "unix:vscan-milter/milter.sock");
		snprintf(ours, sizeof ours,
		    ", and in vscan-milter's configuration: socket = "
		    "\"unix:%s/vscan-milter/milter.sock\"",
		    queue);
	}
	postfix_settings_place(&postfix->settings, list, entry, &place);
	mend(place.value, entry, better, mended, sizeof mended);
	check_mta_problem(postfix->report,
	    "%s: %s%s%s: %s change it to: %s%s%s%s", place.file, place.begin,
	    place.value, place.end, why, place.begin, mended, place.end, ours);
	free(place.value);
}

/* Reports an entry that would be right if the service were in a chroot, and it
 * isn't, or the other way round. */
static void
report_astray(const struct postfix *postfix,
    const struct check_mta_service *service,
    const struct check_mta_parameter *list, const char *entry)
{
	char why[1024];

	snprintf(why, sizeof why,
	    "%s/%s, %s its chroot, finds no socket at %.500s;", service->name,
	    service->type, service->chroot == 'y' ? "in" : "without", entry);
	report_entry(postfix, service, list, entry, why);
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

/* The setting that lists the milters which a service asks; NULL for a service
 * that asks none. */
static const char *
list_of(const struct check_mta_service *service)
{
	if (strcmp(service->command, "smtpd") == 0)
		return "smtpd_milters";
	return strcmp(service->command, "cleanup") == 0 ? "non_smtpd_milters"
							: NULL;
}

/* Calls visit for each milter that the service may ask. */
static void
for_each_milter(struct postfix *postfix,
    const struct check_mta_service *service, visit_function *visit)
{
	struct check_mta_parameter list;
	struct check_mta_milter milter;
	char *copy, *rest;

	if (list_of(service) == NULL)
		return;
	list = postfix_settings_look_up(&postfix->settings, service,
	    list_of(service));
	rest = copy = strdup(list.value);
	if (copy == NULL)
		abort();
	while (check_mta_next_milter(&rest, &milter))
		visit(postfix, service, &list, &milter);
	free(copy);
}

static void
visit_ours(struct postfix *postfix, const struct check_mta_service *service,
    const struct check_mta_parameter *list,
    const struct check_mta_milter *milter)
{
	enum check_mta_match match =
	    check_mta_match_postfix(postfix->report->socket, milter->endpoint,
		queue_of(postfix, service), service->chroot);
	const char *path = strchr(milter->endpoint, ':');

	if (match == CHECK_MTA_OTHER)
		return;
	if (strcmp(list_of(service), "smtpd_milters") == 0)
		postfix->smtp++;
	else
		postfix->local++;
	if (match == CHECK_MTA_ASTRAY)
		report_astray(postfix, service, list, milter->endpoint);
	else if (service->chroot != 'y' && path != NULL && path[1] == '/')
		postfix->from_root = true;
	judge_milter(postfix, service, list, milter);
}

static bool
path_listens(const struct postfix *postfix,
    const struct check_mta_service *service, const char *path)
{
	char inside[PATH_MAX];

	snprintf(inside, sizeof inside, "%s/%s", queue_of(postfix, service),
	    path);
	if (path[0] != '/' || service->chroot == 'y')
		return check_mta_path_listens(inside);
	return check_mta_path_listens(path) ||
	    (service->chroot == '-' && check_mta_path_listens(inside));
}

/* Writes why the service can't ask this milter.  False if it can, or if that
 * isn't known. */
static bool
find_fault(const struct postfix *postfix,
    const struct check_mta_service *service, const char *entry, char *why,
    size_t size)
{
	const char *path = check_mta_unix_path(entry);
	char port[32];

	if (!check_mta_is_socket(CHECK_MTA_POSTFIX, entry)) {
		snprintf(why, size,
		    "Postfix can't read \"%.500s\" as the name of a socket",
		    entry);
		return true;
	}
	if (path != NULL ? path_listens(postfix, service, path)
			 : !check_mta_is_here(CHECK_MTA_POSTFIX, entry, port,
			       sizeof port) ||
		    check_mta_port_listens(port))
		return false;
	snprintf(why, size, "nobody listens at %.500s%s", entry,
	    path != NULL && path[0] == '/' && service->chroot == 'y'
		? " in the chroot of this service"
		: "");
	return true;
}

/* For a list without our socket: reports a milter that was meant to be ours. */
static void
visit_mistyped(struct postfix *postfix, const struct check_mta_service *service,
    const struct check_mta_parameter *list,
    const struct check_mta_milter *milter)
{
	char fault[600], why[1024];

	if (!check_mta_is_like(postfix->report->socket, milter->endpoint) ||
	    !find_fault(postfix, service, milter->endpoint, fault,
		sizeof fault))
		return;
	postfix->mistyped++;
	snprintf(why, sizeof why, "%s, and vscan-milter's socket is %.300s;",
	    fault, postfix->report->socket);
	report_entry(postfix, service, list, milter->endpoint, why);
}

/* For a Postfix that doesn't ask us at all: reports a milter that can't be
 * asked, since that may be meant to be ours. */
static void
visit_dead(struct postfix *postfix, const struct check_mta_service *service,
    const struct check_mta_parameter *list,
    const struct check_mta_milter *milter)
{
	char fault[600], why[1024];

	if (!find_fault(postfix, service, milter->endpoint, fault,
		sizeof fault))
		return;
	snprintf(why, sizeof why,
	    "%s; if this milter is meant to be vscan-milter,", fault);
	report_entry(postfix, service, list, milter->endpoint, why);
}

static void
note_maps(const struct postfix *postfix,
    const struct check_mta_service *service)
{
	struct check_mta_parameter maps =
	    postfix_settings_look_up(&postfix->settings, service,
		"smtpd_milter_maps");
	struct postfix_place place;

	if (maps.value[0] == '\0')
		return;
	postfix_settings_place(&postfix->settings, &maps, NULL, &place);
	check_mta_note(postfix->report,
	    "%s: %s%s%s: vscanctl doesn't look into these tables; for clients "
	    "that they list, Postfix may ask other milters, or none",
	    place.file, place.begin, maps.value, place.end);
	free(place.value);
}

static bool
runs(const struct check_mta_service *service, const char *command)
{
	return strcmp(service->command, command) == 0;
}

/* Notes that the list of a service lacks our socket, and what follows from
 * that. */
static void
note_missing(const struct postfix *postfix,
    const struct check_mta_service *service)
{
	const char *list = list_of(service);
	char spelt[512];

	if (!check_mta_spell(CHECK_MTA_POSTFIX, postfix->report->socket,
		queue_of(postfix, service), service->chroot, spelt,
		sizeof spelt))
		snprintf(spelt, sizeof spelt, "%.500s",
		    postfix->report->socket);
	if (strcmp(list, "smtpd_milters") == 0)
		check_mta_note(postfix->report,
		    "%s/master.cf: %s/%s: its smtpd_milters doesn't name "
		    "vscan-milter's socket, %s: mail that comes in there is "
		    "not scanned",
		    postfix->settings.directory, service->name, service->type,
		    spelt);
	else
		check_mta_note(postfix->report,
		    "%s/main.cf: non_smtpd_milters doesn't name vscan-milter's "
		    "socket, %s: mail from the sendmail command is not scanned",
		    postfix->settings.directory, spelt);
}

static void
judge_service(struct postfix *postfix, const struct check_mta_service *service)
{
	unsigned asking = postfix->smtp + postfix->local;
	unsigned mistyped = postfix->mistyped;

	if (list_of(service) == NULL)
		return;
	for_each_milter(postfix, service, visit_ours);
	if (runs(service, "smtpd"))
		note_maps(postfix, service);
	if (postfix->smtp + postfix->local == asking)
		for_each_milter(postfix, service, visit_mistyped);
	else if (runs(service, "smtpd"))
		judge_parameter(postfix, service, "ipc_timeout");
	if (postfix->smtp + postfix->local != asking ||
	    postfix->mistyped != mistyped)
		return;
	if (runs(service, "smtpd"))
		note_missing(postfix, service);
	else
		postfix->without = service;
}

static void
for_each_service(struct postfix *postfix,
    void (*judge)(struct postfix *, const struct check_mta_service *))
{
	for (size_t i = 0; i < postfix->settings.service_count; i++)
		judge(postfix, &postfix->settings.services[i]);
}

/* Judges how long the services wait that hand mail to cleanup. */
static void
judge_waiting(struct postfix *postfix, const struct check_mta_service *service)
{
	if (runs(service, "pickup") || runs(service, "qmqpd"))
		judge_parameter(postfix, service, "ipc_timeout");
}

static void
judge_dead(struct postfix *postfix, const struct check_mta_service *service)
{
	for_each_milter(postfix, service, visit_dead);
}

static void
judge_services(struct postfix *postfix)
{
	const struct check_mta_service *any = postfix->settings.services;

	for_each_service(postfix, judge_service);
	if (postfix->local != 0)
		for_each_service(postfix, judge_waiting);
	else if (postfix->without != NULL)
		note_missing(postfix, postfix->without);
	if (postfix->smtp + postfix->local != 0)
		check_mta_access(postfix->report,
		    value_of(postfix, any, "mail_owner"),
		    queue_of(postfix, any), postfix->from_root);
	else if (postfix->mistyped == 0)
		for_each_service(postfix, judge_dead);
	postfix->report->asking += postfix->smtp + postfix->local;
	postfix->report->mistyped += postfix->mistyped;
}

enum error_code
check_mta_postfix(struct check_mta_report *report, const char *directory,
    struct error *err)
{
	struct postfix postfix = { .report = report };
	enum error_code code;

	code = postfix_settings_read(&postfix.settings, directory, err);
	if (code != ERROR_NONE)
		return code;
	judge_services(&postfix);
	postfix_settings_fini(&postfix.settings);
	return ERROR_NONE;
}
