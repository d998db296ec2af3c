/* check_mta_sendmail - what a sendmail.cf says about us
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "check_mta_internal.h"
#include "config/cf.h"

/* The lists of filters that Sendmail asks: the general one, and those that
 * daemons have of their own. */
struct lists {
	char *global;
	char *daemons[16];
	size_t count;
};

struct sendmail {
	struct check_mta_report *report;
	const char *path;
	const char *text; /* the whole file */
	struct lists lists;
	unsigned asking, mistyped;
};

/* number is that of the X line. */
typedef void visit_function(struct sendmail *sendmail,
    const struct check_mta_filter *filter, unsigned number);

/* One part of an X line. */
struct part {
	const char *name; /* the name by which check_mta_judge() knows it */
	const char *set;  /* NULL: the default */
	struct check_mta_finding finding;
};

enum { PART_F, PART_C, PART_S, PART_R, PART_E, PARTS };

static const char *
value_of(const struct part *part)
{
	return part->set != NULL
	    ? part->set
	    : check_mta_standard(CHECK_MTA_SENDMAIL, part->name);
}

static const char *
mended(const struct part *part)
{
	return part->finding.good ? value_of(part) : part->finding.better;
}

/* Writes the X line as it should be. */
static void
compose(const struct check_mta_filter *filter, const struct part *parts,
    char *out, size_t size)
{
	snprintf(out, size, "X%s, S=%s, F=%s, T=C:%s;S:%s;R:%s;E:%s",
	    filter->name, filter->socket, mended(&parts[PART_F]),
	    mended(&parts[PART_C]), mended(&parts[PART_S]),
	    mended(&parts[PART_R]), mended(&parts[PART_E]));
}

static void
report_part(const struct sendmail *sendmail,
    const struct check_mta_filter *filter, unsigned number,
    const struct part *part, const char *better)
{
	bool flags = strcmp(part->name, "F") == 0;
	char setting[128];

	snprintf(setting, sizeof setting, "%s%s%s%.64s%s",
	    flags ? "" : "T=", part->name, flags ? "=" : ":", value_of(part),
	    part->set == NULL ? " (default)" : "");
	if (part->finding.good)
		check_mta_ok(sendmail->report, "%s:%u: X%s: %s: %s",
		    sendmail->path, number, filter->name, setting,
		    part->finding.why);
	else
		check_mta_problem(sendmail->report,
		    "%s:%u: X%s: %s: %s; change it to: %s", sendmail->path,
		    number, filter->name, setting, part->finding.why, better);
}

static bool
judge_parts(const struct check_mta_deadlines *deadlines,
    const struct check_mta_filter *filter, struct part parts[PARTS])
{
	const char *const set[PARTS] = { filter->flags, filter->connect,
		filter->send, filter->receive, filter->end };
	static const char *const names[PARTS] = { "F", "C", "S", "R", "E" };

	for (size_t i = 0; i < PARTS; i++) {
		parts[i].name = names[i];
		parts[i].set = set[i];
		if (!check_mta_judge(deadlines, CHECK_MTA_SENDMAIL, names[i],
			value_of(&parts[i]), &parts[i].finding))
			return false;
	}
	return true;
}

static void
judge_filter(const struct sendmail *sendmail,
    const struct check_mta_filter *filter, unsigned number)
{
	struct part parts[PARTS];
	char better[1024];

	if (!judge_parts(&sendmail->report->deadlines, filter, parts))
		return;
	compose(filter, parts, better, sizeof better);
	for (size_t i = 0; i < PARTS; i++)
		report_part(sendmail, filter, number, &parts[i], better);
}

/* The filters in the I= of DaemonPortOptions ("I=a;b"); NULL if there are none.
 */
static char *
daemon_filters(char *options)
{
	char *field;

	while ((field = strsep(&options, ",")) != NULL) {
		field += strspn(field, " \t");
		if (field[0] == 'I' && strchr(field, '=') != NULL)
			return strchr(field, '=') + 1;
	}
	return NULL;
}

static void
take_lists(char *line, struct lists *lists)
{
	char *value = cf_option(line, "InputMailFilters");

	if (value != NULL) {
		lists->global = value;
		return;
	}
	value = cf_option(line, "DaemonPortOptions");
	value = value == NULL ? NULL : daemon_filters(value);
	if (value != NULL &&
	    lists->count < sizeof lists->daemons / sizeof lists->daemons[0])
		lists->daemons[lists->count++] = value;
}

static bool
is_asked(const struct lists *lists, const char *name)
{
	for (size_t i = 0; i < lists->count; i++)
		if (check_mta_in_list(lists->daemons[i], name))
			return true;
	return lists->global != NULL && check_mta_in_list(lists->global, name);
}

static void
visit_ours(struct sendmail *sendmail, const struct check_mta_filter *filter,
    unsigned number)
{
	const struct lists *lists = &sendmail->lists;
	const char *global = lists->global != NULL ? lists->global : "";

	if (!check_mta_match_sendmail(sendmail->report->socket, filter->socket))
		return;
	sendmail->asking++;
	if (!is_asked(lists, filter->name))
		check_mta_problem(sendmail->report,
		    "%s:%u: X%s: not in O InputMailFilters=%s, so it is not "
		    "asked and all mail passes unscanned; change it to: O "
		    "InputMailFilters=%s%s%s",
		    sendmail->path, number, filter->name, global, global,
		    global[0] != '\0' ? ", " : "", filter->name);
	judge_filter(sendmail, filter, number);
}

/* Writes why Sendmail can't ask this filter.  False if it can, or if that isn't
 * known. */
static bool
find_fault(const char *socket, char *why, size_t size)
{
	const char *path = check_mta_unix_path(socket);
	char port[32];

	if (!check_mta_is_socket(CHECK_MTA_SENDMAIL, socket)) {
		snprintf(why, size,
		    "Sendmail can't read \"%.500s\" as the name of a socket",
		    socket);
		return true;
	}
	if (path != NULL ? check_mta_path_listens(path)
			 : !check_mta_is_here(CHECK_MTA_SENDMAIL, socket, port,
			       sizeof port) ||
		    check_mta_port_listens(port))
		return false;
	snprintf(why, size, "nobody listens at %.500s", socket);
	return true;
}

/* Reports a filter that doesn't lead to our socket, and the line that does.
 * "change it to" follows why. */
static void
report_fault(struct sendmail *sendmail, const struct check_mta_filter *filter,
    unsigned number, const char *why)
{
	struct check_mta_filter mended = *filter;
	struct part parts[PARTS];
	char socket[512], better[1024];

	if (!check_mta_spell(CHECK_MTA_SENDMAIL, sendmail->report->socket, "",
		'n', socket, sizeof socket) ||
	    !judge_parts(&sendmail->report->deadlines, filter, parts))
		return;
	mended.socket = socket;
	compose(&mended, parts, better, sizeof better);
	check_mta_problem(sendmail->report,
	    "%s:%u: X%s: S=%s: %s change it to: %s", sendmail->path, number,
	    filter->name, filter->socket, why, better);
}

/* For a file without our socket: reports a filter that was meant to be ours. */
static void
visit_mistyped(struct sendmail *sendmail, const struct check_mta_filter *filter,
    unsigned number)
{
	char fault[600], why[1024];

	if ((!check_mta_is_like(sendmail->report->socket, filter->socket) &&
		!check_mta_is_like(sendmail->report->socket, filter->name)) ||
	    !find_fault(filter->socket, fault, sizeof fault))
		return;
	sendmail->mistyped++;
	snprintf(why, sizeof why, "%s, and vscan-milter's socket is %.300s;",
	    fault, sendmail->report->socket);
	report_fault(sendmail, filter, number, why);
}

/* For a Sendmail that doesn't ask us at all: reports a filter that can't be
 * asked, since that may be meant to be ours. */
static void
visit_dead(struct sendmail *sendmail, const struct check_mta_filter *filter,
    unsigned number)
{
	char fault[600], why[1024];

	if (!find_fault(filter->socket, fault, sizeof fault))
		return;
	snprintf(why, sizeof why,
	    "%s; if this filter is meant to be vscan-milter,", fault);
	report_fault(sendmail, filter, number, why);
}

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		abort();
	return copy;
}

static unsigned
number_of(const char *text, size_t len)
{
	unsigned number = 1;

	for (size_t i = 0; i < len; i++)
		number += text[i] == '\n';
	return number;
}

/* Calls visit for each X line.  Parsing cuts the text, so each pass has a copy
 * of its own. */
static void
for_each_filter(struct sendmail *sendmail, visit_function *visit)
{
	char *copy = copy_of(sendmail->text), *rest = copy, *line;
	struct check_mta_filter filter;

	while ((line = cf_next_line(&rest)) != NULL) {
		if (line[0] != 'X' ||
		    !check_mta_parse_filter(line + 1, &filter))
			continue;
		if (filter.socket == NULL)
			filter.socket = "";
		visit(sendmail, &filter,
		    number_of(sendmail->text, (size_t)(line - copy)));
	}
	free(copy);
}

static void
judge_filters(struct sendmail *sendmail)
{
	for_each_filter(sendmail, visit_ours);
	if (sendmail->asking == 0)
		for_each_filter(sendmail, visit_mistyped);
	if (sendmail->asking + sendmail->mistyped == 0)
		for_each_filter(sendmail, visit_dead);
	if (sendmail->asking + sendmail->mistyped == 0)
		check_mta_note(sendmail->report,
		    "%s: no X line has vscan-milter's socket, %s",
		    sendmail->path, sendmail->report->socket);
	sendmail->report->asking += sendmail->asking;
	sendmail->report->mistyped += sendmail->mistyped;
}

/* Reads all lists before the filters, since a list may stand anywhere in the
 * file. */
static enum error_code
judge_text(struct sendmail *sendmail, struct error *err)
{
	char *copy = copy_of(sendmail->text), *rest = copy, *line;
	bool version = false;

	while ((line = cf_next_line(&rest)) != NULL) {
		if (line[0] == 'V' && line[1] >= '0' && line[1] <= '9')
			version = true;
		take_lists(line, &sendmail->lists);
	}
	if (version)
		judge_filters(sendmail);
	free(copy);
	return version
	    ? ERROR_NONE
	    : error_set(err, ERROR_INPUT,
		  "%s: not a sendmail.cf (it has no V line)", sendmail->path);
}

enum error_code
check_mta_sendmail(struct check_mta_report *report, const char *path,
    struct error *err)
{
	struct sendmail sendmail = { .report = report, .path = path };
	enum error_code code;
	char *text;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	code = fd_read_text(fd, path, &text, err);
	fd_close(&fd);
	if (code != ERROR_NONE)
		return code;
	sendmail.text = text;
	code = judge_text(&sendmail, err);
	free(text);
	return code;
}
