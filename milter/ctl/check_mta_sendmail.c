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

/* One thing that an X line sets. */
struct part {
	const char *name; /* as check_mta_judge() knows it */
	const char *set;  /* NULL for the default */
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

/* The X line as it should be. */
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
report_part(struct check_mta_report *report, const char *path,
    const char *filter, const struct part *part, const char *better)
{
	bool flags = strcmp(part->name, "F") == 0;
	char setting[128];

	snprintf(setting, sizeof setting, "%s%s%s%.64s%s",
	    flags ? "" : "T=", part->name, flags ? "=" : ":", value_of(part),
	    part->set == NULL ? " (default)" : "");
	if (part->finding.good)
		check_mta_ok(report, "%s: X%s: %s: %s", path, filter, setting,
		    part->finding.why);
	else
		check_mta_problem(report, "%s: X%s: %s: %s; change it to: %s",
		    path, filter, setting, part->finding.why, better);
}

static void
judge_filter(struct check_mta_report *report, const char *path,
    const struct check_mta_filter *filter)
{
	struct part parts[PARTS] = {
		[PART_F] = { .name = "F", .set = filter->flags },
		[PART_C] = { .name = "C", .set = filter->connect },
		[PART_S] = { .name = "S", .set = filter->send },
		[PART_R] = { .name = "R", .set = filter->receive },
		[PART_E] = { .name = "E", .set = filter->end },
	};
	char better[1024];

	for (size_t i = 0; i < PARTS; i++)
		if (!check_mta_judge(&report->deadlines, CHECK_MTA_SENDMAIL,
			parts[i].name, value_of(&parts[i]), &parts[i].finding))
			return;
	compose(filter, parts, better, sizeof better);
	for (size_t i = 0; i < PARTS; i++)
		report_part(report, path, filter->name, &parts[i], better);
}

/* The filters that are asked: all lists of the file, one after another, in
 * the order of the lines.  A daemon's own list counts as the general one. */
struct lists {
	char *global;
	char *daemons[16];
	size_t count;
};

/* I=a;b in DaemonPortOptions. */
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
take_filter(struct check_mta_report *report, const char *path, char *line,
    const struct lists *lists)
{
	struct check_mta_filter filter;
	const char *global = lists->global != NULL ? lists->global : "";

	if (line[0] != 'X' || !check_mta_parse_filter(line + 1, &filter) ||
	    filter.socket == NULL ||
	    !check_mta_match_sendmail(report->socket, filter.socket))
		return;
	report->asking++;
	if (!is_asked(lists, filter.name))
		check_mta_problem(report,
		    "%s: X%s: not in O "
		    "InputMailFilters=%s, so it is not asked and all mail "
		    "passes unscanned; change it to: O InputMailFilters=%s%s%s",
		    path, filter.name, global, global,
		    global[0] != '\0' ? ", " : "", filter.name);
	judge_filter(report, path, &filter);
}

/* The lists may stand before and behind the filters that they name, and
 * parsing cuts: so there is a copy for each pass. */
static enum error_code
judge_text(struct check_mta_report *report, const char *path, char *text,
    char *again, struct error *err)
{
	struct lists lists = { .global = NULL };
	unsigned asking = report->asking;
	bool version = false;
	char *line;

	while ((line = cf_next_line(&text)) != NULL) {
		if (line[0] == 'V' && line[1] >= '0' && line[1] <= '9')
			version = true;
		take_lists(line, &lists);
	}
	if (!version)
		return error_set(err, ERROR_INPUT,
		    "%s: not a sendmail.cf "
		    "(it has no V line)",
		    path);
	while ((line = cf_next_line(&again)) != NULL)
		take_filter(report, path, line, &lists);
	if (report->asking == asking)
		check_mta_note(report, "%s: no X line has our socket, %s", path,
		    report->socket);
	return ERROR_NONE;
}

enum error_code
check_mta_sendmail(struct check_mta_report *report, const char *path,
    struct error *err)
{
	char *text = NULL, *again = NULL;
	enum error_code code;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	code = fd_read_text(fd, path, &text, err);
	fd_close(&fd);
	if (code != ERROR_NONE)
		return code;
	again = strdup(text);
	if (again == NULL)
		abort();
	code = judge_text(report, path, text, again, err);
	free(again);
	free(text);
	return code;
}
