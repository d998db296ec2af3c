/* check_mta - finds the MTAs' settings and has them judged
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ctl/check_mta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "check_mta_internal.h"
#include "config/config.h"

#define POSTFIX "/etc/postfix"
#define SENDMAIL "/etc/mail/sendmail.cf"

/* Judges one place.  Returns EX_OK, or the exit status that says why it could
 * not be read. */
static int
check_place(struct check_mta_report *report, const char *where)
{
	enum error_code code;
	struct error err;
	struct stat info;

	if (stat(where, &info) < 0) {
		fprintf(stderr, "vscanctl: %s: %s\n", where, strerror(errno));
		return EX_NOINPUT;
	}
	code = S_ISDIR(info.st_mode) ? check_mta_postfix(report, where, &err)
				     : check_mta_sendmail(report, where, &err);
	if (code == ERROR_NONE)
		return EX_OK;
	fprintf(stderr, "vscanctl: %s\n", err.text);
	return code == ERROR_UNSUPPORTED ? EX_UNAVAILABLE : EX_NOINPUT;
}

/* Puts the places where MTAs usually have their configuration into places, if
 * they are there.  Returns their number. */
static size_t
usual_places(char **places)
{
	static char postfix[] = POSTFIX, sendmail[] = SENDMAIL;
	size_t count = 0;

	if (access(POSTFIX "/main.cf", F_OK) == 0)
		places[count++] = postfix;
	if (access(SENDMAIL, F_OK) == 0)
		places[count++] = sendmail;
	return count;
}

static int
check_places(struct check_mta_report *report, char *const *where, size_t count)
{
	int status = EX_OK, place_status;

	for (size_t i = 0; i < count; i++) {
		place_status = check_place(report, where[i]);
		if (place_status != EX_OK)
			status = place_status;
	}
	if (status == EX_OK && report->asking + report->mistyped == 0)
		check_mta_problem(report,
		    "no MTA asks vscan-milter: its socket, %s, is in no list "
		    "of milters; vscan-milter(8) has the lines that it takes",
		    report->socket);
	if (status == EX_OK && report->problems != 0)
		status = 1;
	return status;
}

int
check_mta_run(const struct config *config, char *const *where, size_t count)
{
	struct check_mta_report report = { .config = config,
		.socket = config->socket };
	char *usual[2];
	int status;

	if (strncmp(config->socket, "fd:", 3) == 0) {
		fprintf(stderr,
		    "vscanctl: socket = \"%s\": can't tell by it which milter "
		    "of the MTA is ours\n",
		    config->socket);
		return EX_UNAVAILABLE;
	}
	if (count == 0) {
		count = usual_places(usual);
		where = usual;
	}
	if (count == 0) {
		fprintf(stderr,
		    "vscanctl: neither %s/main.cf nor %s is there; say where "
		    "your MTA's settings are\n",
		    POSTFIX, SENDMAIL);
		return EX_UNAVAILABLE;
	}
	check_mta_deadlines(config, &report.deadlines);
	status = check_places(&report, where, count);
	check_mta_report_fini(&report);
	return status;
}
