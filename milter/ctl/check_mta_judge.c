/* check_mta_judge - compares one setting of an MTA with our deadlines
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "ctl/check_mta.h"

enum rule {
	RULE_CONNECT, /* the wait for a connection; in Sendmail 0 is no limit */
	RULE_SILENCE, /* a wait that begins anew with each sign of life */
	RULE_TOTAL,   /* a wait that signs of life don't extend */
	RULE_IPC,     /* the wait of Postfix's smtpd for its cleanup */
	RULE_ACTION,
	RULE_FLAGS,
};

static const struct setting {
	enum check_mta_kind kind;
	const char *name;
	enum rule rule;
	const char *standard;
} settings[] = {
	{ CHECK_MTA_POSTFIX, "milter_connect_timeout", RULE_CONNECT, "30s" },
	{ CHECK_MTA_POSTFIX, "milter_command_timeout", RULE_SILENCE, "30s" },
	{ CHECK_MTA_POSTFIX, "milter_content_timeout", RULE_SILENCE, "300s" },
	{ CHECK_MTA_POSTFIX, "milter_default_action", RULE_ACTION, "tempfail" },
	{ CHECK_MTA_POSTFIX, "ipc_timeout", RULE_IPC, "3600s" },
	{ CHECK_MTA_SENDMAIL, "C", RULE_CONNECT, "5m" },
	{ CHECK_MTA_SENDMAIL, "S", RULE_SILENCE, "10s" },
	{ CHECK_MTA_SENDMAIL, "R", RULE_SILENCE, "10s" },
	{ CHECK_MTA_SENDMAIL, "E", RULE_TOTAL, "5m" },
	{ CHECK_MTA_SENDMAIL, "F", RULE_FLAGS, "" },
};

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
check_mta_deadlines(const struct config *config,
    struct check_mta_deadlines *deadlines_r)
{
	deadlines_r->silence = longer(config->deadline_progress,
	    CHECK_MTA_RECEPTION);
	deadlines_r->reply = longer(config->deadline_reply,
	    longer(config->deadline_reply_submission,
		config->deadline_reply_local));
}

static const struct setting *
find(enum check_mta_kind kind, const char *name)
{
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (settings[i].kind == kind &&
		    strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

const char *
check_mta_standard(enum check_mta_kind kind, const char *name)
{
	const struct setting *setting = find(kind, name);

	return setting != NULL ? setting->standard : NULL;
}

/* Fills in a finding: a problem if there is a better value, otherwise better is
 * "". */
static void __attribute__((format(printf, 3, 4)))
find_that(struct check_mta_finding *finding, const char *better,
    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->why, sizeof finding->why, fmt, args);
	va_end(args);
	finding->good = better[0] == '\0';
	snprintf(finding->better, sizeof finding->better, "%s", better);
}

/* How long an MTA has to wait at least, in whole seconds. */
static int64_t
least_time(const struct check_mta_deadlines *deadlines, enum rule rule)
{
	int64_t time = deadlines->silence + CHECK_MTA_MARGIN_SILENCE;

	if (rule == RULE_TOTAL)
		time = deadlines->reply + CHECK_MTA_MARGIN_REPLY;
	else if (rule == RULE_IPC)
		time = deadlines->reply + CHECK_MTA_MARGIN_IPC;
	return (time + MONOTIME_S - 1) / MONOTIME_S * MONOTIME_S;
}

static const char *
why_short(enum rule rule)
{
	switch (rule) {
	case RULE_TOTAL:
		return "for the whole end of a message, which signs of life "
		       "don't extend";
	case RULE_IPC:
		return "past it the client is told to try again, though the "
		       "mail is delivered";
	default:
		return "without a sign of life";
	}
}

/* Fills in the finding about a time.  better is "" for one that is long enough.
 */
static void
compare(const struct check_mta_deadlines *deadlines, enum rule rule,
    const char *better, struct check_mta_finding *finding)
{
	char least[32], ours[32];

	check_mta_format_time(least, sizeof least, least_time(deadlines, rule));
	check_mta_format_time(ours, sizeof ours,
	    rule == RULE_TOTAL || rule == RULE_IPC ? deadlines->reply
						   : deadlines->silence);
	if (better[0] == '\0')
		find_that(finding, better,
		    "at least %s, since vscan-milter may take %s", least, ours);
	else
		find_that(finding, better,
		    "too short, at least %s is needed, since vscan-milter may "
		    "take %s (%s)",
		    least, ours, why_short(rule));
}

static void
judge_time(const struct check_mta_deadlines *deadlines,
    const struct setting *setting, const char *value,
    struct check_mta_finding *finding)
{
	int64_t least = least_time(deadlines, setting->rule), time, standard;
	char better[32];

	/* If the MTA's own default is long enough, that is what is advised. */
	if (check_mta_parse_time(setting->kind, setting->standard, &standard) &&
	    standard >= least)
		snprintf(better, sizeof better, "%s", setting->standard);
	else
		check_mta_format_time(better, sizeof better, least);
	if (!check_mta_parse_time(setting->kind, value, &time))
		find_that(finding, better, "not a time");
	else if (setting->kind == CHECK_MTA_SENDMAIL && time == 0 &&
	    setting->rule == RULE_CONNECT)
		find_that(finding, "", "no limit but the system's");
	else
		compare(deadlines, setting->rule, time >= least ? "" : better,
		    finding);
}

static void
judge_action(const char *value, struct check_mta_finding *finding)
{
	static const char better[] = "tempfail";

	if (strcmp(value, "tempfail") == 0 || strcmp(value, "shutdown") == 0)
		find_that(finding, "",
		    "mail waits while vscan-milter is not there");
	else if (strcmp(value, "accept") == 0)
		find_that(finding, better,
		    "mail passes unscanned whenever vscan-milter is not there");
	else if (strcmp(value, "reject") == 0)
		find_that(finding, better,
		    "good mail is refused whenever vscan-milter is not there");
	else if (strcmp(value, "quarantine") == 0)
		find_that(finding, better,
		    "mail is held unscanned whenever vscan-milter is not "
		    "there, and nothing releases it");
	else
		find_that(finding, better, "not an action that is known here");
}

static void
judge_flags(const char *value, struct check_mta_finding *finding)
{
	if (strchr(value, 'T') != NULL)
		find_that(finding, "",
		    "mail waits while vscan-milter is not there");
	else if (strchr(value, '4') != NULL)
		find_that(finding, "",
		    "mail waits while vscan-milter is not there, and the "
		    "connection is closed");
	else if (strchr(value, 'R') != NULL)
		find_that(finding, "T",
		    "good mail is refused whenever vscan-milter is not there");
	else
		find_that(finding, "T",
		    "mail passes unscanned whenever vscan-milter is not there");
}

bool
check_mta_judge(const struct check_mta_deadlines *deadlines,
    enum check_mta_kind kind, const char *name, const char *value,
    struct check_mta_finding *finding_r)
{
	const struct setting *setting = find(kind, name);

	if (setting == NULL)
		return false;
	if (setting->rule == RULE_ACTION)
		judge_action(value, finding_r);
	else if (setting->rule == RULE_FLAGS)
		judge_flags(value, finding_r);
	else
		judge_time(deadlines, setting, value, finding_r);
	return true;
}
