/* check_mta - does an MTA's configuration fit that of vscan-milter?
 *
 * vscan-milter answers by its deadlines.  That helps only if the MTA asks it,
 * may connect to its socket, waits for so long, and does the right thing while
 * vscan-milter is not there.  vscanctl check-mta reads what Postfix and
 * Sendmail are set to, and says what is wrong and which line mends it.  It
 * changes nothing.
 *
 * check_mta_run() is the whole command.  The rest are its pure parts, which
 * hold no state, allocate nothing and take any text: settings are the
 * administrator's, so nothing in them is asserted on.  Parsers cut the text
 * that they are given in place, unless it is const; what they return points
 * into it.
 *
 * For the command line; one thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CTL_CHECK_MTA_H
#define CTL_CHECK_MTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/monotime.h"

struct config;

/* How long the MTA may hear nothing while a message is received: so long the
 * reception may wait for room (filter/msgbuf.h, MSGBUF_PATIENCE). */
#define CHECK_MTA_RECEPTION (5 * MONOTIME_S)

/* By how much an MTA's patience has to exceed the longest silence.  It is no
 * more than this, so that the longest deadline.progress (9s) fits Sendmail's
 * R:10s. */
#define CHECK_MTA_MARGIN_SILENCE (1 * MONOTIME_S)

/* By how much the MTA's limit for the whole end of a message (Sendmail's E) has
 * to exceed the longest deadline for a reply. */
#define CHECK_MTA_MARGIN_REPLY (10 * MONOTIME_S)

/* The same for Postfix's ipc_timeout, in which the message is also read from
 * the queue file and sent here, and other milters are asked. */
#define CHECK_MTA_MARGIN_IPC (30 * MONOTIME_S)

/* Checks where[0] to where[count - 1]: directories with a main.cf, or
 * sendmail.cf files.  If count is 0, it checks the usual places.  Writes one
 * line for each finding to standard output, and to standard error what it can't
 * read.  Returns the exit status: 0 no problem, 1 problems, EX_NOINPUT
 * something couldn't be read, EX_UNAVAILABLE there is nothing to check. */
int check_mta_run(const struct config *config, char *const *where,
    size_t count);

/* --- the comparison --- */

enum check_mta_kind {
	CHECK_MTA_POSTFIX,
	CHECK_MTA_SENDMAIL,
};

struct check_mta_deadlines {
	int64_t silence; /* the longest without a sign of life */
	int64_t reply;   /* the longest of the three replies */
};

struct check_mta_finding {
	bool good;
	char why[256];
	char better[32]; /* the value that mends it; "" if good */
};

void check_mta_deadlines(const struct config *config,
    struct check_mta_deadlines *deadlines_r);

/* The MTA's default of a setting; NULL for a setting that isn't judged.  Names
 * are Postfix's parameters, and Sendmail's C, S, R, E (of T=) and F. */
const char *check_mta_standard(enum check_mta_kind kind, const char *name);

/* Judges one setting.  False if the setting doesn't matter to a milter;
 * *finding_r is then untouched. */
bool check_mta_judge(const struct check_mta_deadlines *deadlines,
    enum check_mta_kind kind, const char *name, const char *value,
    struct check_mta_finding *finding_r);

/* --- times, in nanoseconds --- */

/* Reads a time as the MTA does: for Postfix it is one number with a unit, for
 * Sendmail it may be several.  False if text is no time, or too long a one;
 * *time_r is then untouched. */
bool check_mta_parse_time(enum check_mta_kind kind, const char *text,
    int64_t *time_r);

/* Writes a time in seconds, or in milliseconds if it has a fraction of one.
 * Returns out. */
const char *check_mta_format_time(char *out, size_t size, int64_t time);

/* --- what postconf prints --- */

/* A line of "postconf NAME", where service is NULL, or of "postconf -P", where
 * service is a name such as "smtp/inet". */
struct check_mta_parameter {
	const char *service;
	const char *name;
	const char *value; /* may be "" */
};

/* False if the line is no such line. */
bool check_mta_parse_parameter(char *line, bool of_service,
    struct check_mta_parameter *parameter_r);

/* A line of "postconf -M". */
struct check_mta_service {
	const char *name;    /* "smtp" */
	const char *type;    /* "inet" */
	char chroot;         /* 'y', 'n'; '-' for the default */
	const char *command; /* "smtpd" */
};

bool check_mta_parse_service(char *line, struct check_mta_service *service_r);

/* One of the milters in smtpd_milters.  A setting that it has not of its own is
 * NULL. */
struct check_mta_milter {
	const char *endpoint;
	const char *connect_timeout;
	const char *command_timeout;
	const char *content_timeout;
	const char *default_action;
};

/* Takes the first milter off *list.  False at its end. */
bool check_mta_next_milter(char **list, struct check_mta_milter *milter_r);

/* --- lines of main.cf and master.cf ---
 *
 * Each file is the whole text of one, NUL-terminated, which stays as it is. */

/* A setting with the lines that continue it. */
struct check_mta_line {
	unsigned number;         /* of the line, from 1 */
	char name[128];          /* the parameter's */
	const char *value, *end; /* in the file, with comments and line ends */
};

/* Finds the line that counts: the last one.  False if no line sets name;
 * *line_r may then have anything in it, as for the two below. */
bool check_mta_find_setting(const char *main_cf, const char *name,
    struct check_mta_line *line_r);

/* The same for -o NAME of a service ("smtp/inet") in master.cf. */
bool check_mta_find_option(const char *master_cf, const char *service,
    const char *name, struct check_mta_line *line_r);

/* Finds the line in which entry, a part of the value of from, is written: one
 * of from's, or of a $variable in main.cf. */
bool check_mta_find_entry(const char *main_cf,
    const struct check_mta_line *from, const char *entry,
    struct check_mta_line *line_r);

/* Copies the value on one line, without comments.  Returns out. */
const char *check_mta_line_value(const struct check_mta_line *line, char *out,
    size_t size);

/* --- sendmail.cf --- */

/* An X line.  A part that it doesn't have is NULL. */
struct check_mta_filter {
	const char *name;
	const char *socket;
	const char *flags;
	const char *connect;
	const char *send;
	const char *receive;
	const char *end;
};

/* Takes apart what follows the X.  False if it has no name. */
bool check_mta_parse_filter(char *line, struct check_mta_filter *filter_r);

/* True if name is in a list of filters. */
bool check_mta_in_list(const char *list, const char *name);

/* --- sockets --- */

enum check_mta_match {
	CHECK_MTA_OTHER, /* another milter */
	CHECK_MTA_OURS,
	CHECK_MTA_ASTRAY, /* would be ours, were it not for the chroot */
};

/* Compares our socket, ours, as the configuration has it, with theirs, as it
 * stands in a list of milters of a service with this chroot column.  Looks at
 * directories to see through symbolic links.  Paths that are not there are
 * compared as text. */
enum check_mta_match check_mta_match_postfix(const char *ours,
    const char *theirs, const char *queue_directory, char chroot);

/* The same for S= of an X line. */
bool check_mta_match_sendmail(const char *ours, const char *theirs);

/* True if the MTA takes name for a socket at all. */
bool check_mta_is_socket(enum check_mta_kind kind, const char *name);

/* True if theirs, which isn't our socket, looks as if it had been meant for
 * it: it has our name in it, or hardly differs.  If nobody listens there
 * either, it was. */
bool check_mta_is_like(const char *ours, const char *theirs);

/* How a service of the MTA has to name our socket.  False if it can't reach
 * it, since it runs in a chroot that our socket lies outside of.  Sendmail
 * needs no queue_directory and no chroot. */
bool check_mta_spell(enum check_mta_kind kind, const char *ours,
    const char *queue_directory, char chroot, char *out, size_t size);

#endif
