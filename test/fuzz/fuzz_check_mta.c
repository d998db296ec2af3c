/* fuzz_check_mta - what postconf prints, and sendmail.cf, of any bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_mta_internal.h"
#include "config/cf.h"
#include "fuzz.h"

static const struct check_mta_deadlines deadlines = {
	.silence = 5 * MONOTIME_S,
	.reply = 60 * MONOTIME_S,
};

/* The text that is taken apart: what comes out of it points into it. */
static struct {
	const char *begin, *end;
} text;

void
fuzz_begin(void)
{
}

static void
begin_text(const char *s)
{
	text.begin = s;
	text.end = s + strlen(s);
}

/* NULL, where that may be, or a string within the text, or none. */
static void
check_piece(const char *s, bool may_be_null)
{
	assert(s != NULL || may_be_null);
	if (s != NULL && s[0] != '\0')
		assert(s >= text.begin && s + strlen(s) <= text.end);
}

static void
judge(enum check_mta_kind kind, const char *name, const char *value)
{
	struct check_mta_finding finding;
	int64_t time;

	memset(&finding, 0xff, sizeof finding);
	if (check_mta_judge(&deadlines, kind, name, value, &finding)) {
		assert(fuzz_is_shown(finding.why, sizeof finding.why - 1));
		assert(finding.why[0] != '\0');
		assert(finding.good == (finding.better[0] == '\0'));
		assert(check_mta_standard(kind, name) != NULL);
		/* Whoever does as he is told has no problem. */
		if (!finding.good)
			check_mta_judge(&deadlines, kind, name, finding.better,
			    &finding);
		assert(finding.good);
	}
	time = -1;
	if (check_mta_parse_time(kind, value, &time))
		assert(time >= 0 && time <= 2147483647 * MONOTIME_S);
	else
		assert(time == -1);
}

/* --- postconf --- */

static void
try_parameter(char *line, bool of_service)
{
	struct check_mta_parameter parameter;

	if (!check_mta_parse_parameter(line, of_service, &parameter))
		return;
	check_piece(parameter.service, !of_service);
	check_piece(parameter.name, false);
	check_piece(parameter.value, false);
	assert((parameter.service != NULL) == of_service);
	assert(parameter.name[0] != '\0');
	judge(CHECK_MTA_POSTFIX, parameter.name, parameter.value);
}

static void
try_service(char *line)
{
	struct check_mta_service service;

	if (!check_mta_parse_service(line, &service))
		return;
	check_piece(service.name, false);
	check_piece(service.type, false);
	check_piece(service.command, false);
	assert(service.name[0] != '\0' && service.command[0] != '\0');
}

/* In the place of ctl's own: no socket of this machine is asked. */
bool
check_mta_path_listens(const char *path)
{
	return path[0] == '/';
}

bool
check_mta_port_listens(const char *port)
{
	return port[0] == '1';
}

/* Sockets by name: paths are looked up in the file system. */
static void
match(const char *endpoint)
{
	static const char *const ours[] = {
		"inet:8891@localhost",
		"inet6:8891@::1",
		"inet:8891@0.0.0.0",
	};

	for (size_t i = 0; i < LENGTH(ours); i++) {
		assert(check_mta_match_postfix(ours[i], endpoint, "/q", 'y') !=
		    CHECK_MTA_ASTRAY);
		check_mta_match_sendmail(ours[i], endpoint);
		check_mta_is_like(ours[i], endpoint);
	}
	check_mta_is_like("unix:/q/vs/milter.sock", endpoint);
	check_mta_is_socket(CHECK_MTA_POSTFIX, endpoint);
	check_mta_is_socket(CHECK_MTA_SENDMAIL, endpoint);
}

static void
try_milters(char *list)
{
	size_t most = strlen(list) + 1;
	struct check_mta_milter milter;

	while (check_mta_next_milter(&list, &milter)) {
		assert(most-- > 0);
		check_piece(milter.endpoint, false);
		check_piece(milter.connect_timeout, true);
		check_piece(milter.command_timeout, true);
		check_piece(milter.content_timeout, true);
		check_piece(milter.default_action, true);
		match(milter.endpoint);
		if (milter.default_action != NULL)
			judge(CHECK_MTA_POSTFIX, "milter_default_action",
			    milter.default_action);
	}
	check_piece(list, false);
}

/* Where main.cf and master.cf have a setting and its parts: s is both. */
static void
try_lines(const char *s)
{
	static const char *const names[] = { "a", "smtpd_milters", "" };
	struct check_mta_line line, origin;
	char value[64];

	for (size_t i = 0; i < LENGTH(names); i++) {
		if (check_mta_find_setting(s, names[i], &line)) {
			assert(s <= line.value && line.value <= line.end);
			check_mta_line_value(&line, value, sizeof value);
			if (check_mta_find_entry(s, &line, value, &origin))
				assert(origin.number >= 1 && s <= origin.value);
		}
		if (check_mta_find_option(s, "smtp/inet", names[i], &line)) {
			assert(s <= line.value && line.value <= line.end);
			check_mta_find_entry(s, &line, "unix:x", &origin);
		}
	}
}

/* --- sendmail.cf --- */

static void
try_filter(char *line)
{
	struct check_mta_filter filter;

	if (!check_mta_parse_filter(line, &filter))
		return;
	check_piece(filter.name, false);
	check_piece(filter.socket, true);
	check_piece(filter.flags, true);
	check_piece(filter.connect, true);
	check_piece(filter.send, true);
	check_piece(filter.receive, true);
	check_piece(filter.end, true);
	assert(filter.name[0] != '\0');
	if (filter.receive != NULL)
		judge(CHECK_MTA_SENDMAIL, "R", filter.receive);
	if (filter.connect != NULL)
		judge(CHECK_MTA_SENDMAIL, "C", filter.connect);
	if (filter.flags != NULL)
		judge(CHECK_MTA_SENDMAIL, "F", filter.flags);
	if (filter.socket != NULL)
		match(filter.socket);
}

static void
try_cf(char *cf)
{
	char *line, *value;

	while ((line = cf_next_line(&cf)) != NULL) {
		check_piece(line, false);
		check_piece(cf, false);
		value = cf_option(line, "InputMailFilters");
		check_piece(value, true);
		if (value != NULL)
			check_mta_in_list(value, "vscan");
		else if (line[0] == 'X')
			try_filter(line + 1);
	}
	assert(*cf == '\0');
}

/* All of it, as vscanctl check-mta does it.  Not with a path for our socket. */
static void
try_whole_cf(const char *cf)
{
	struct check_mta_report report = {
		.socket = "inet:8891@localhost",
		.deadlines = deadlines,
	};
	int fd = fuzz_memory(cf, strlen(cf));
	char path[64];
	enum error_code code;
	struct error err;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	code = check_mta_sendmail(&report, path, &err);
	if (code != ERROR_NONE)
		fuzz_check_error(&err, (int)code);
	for (size_t i = 0; i < report.count; i++)
		assert(fuzz_is_shown(report.lines[i], 4096));
	check_mta_report_fini(&report);
	close(fd);
}

void
fuzz_one(struct fuzz_input *in)
{
	unsigned what = fuzz_choice(in, 7);
	char *s = fuzz_rest(in);

	begin_text(s);
	if (what == 0)
		try_parameter(s, false);
	else if (what == 1)
		try_parameter(s, true);
	else if (what == 2)
		try_service(s);
	else if (what == 3)
		try_milters(s);
	else if (what == 4)
		try_cf(s);
	else if (what == 5)
		try_whole_cf(s);
	else
		try_lines(s);
	free(s);
}
