/* check_mta_internal - what the parts of check_mta share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CHECK_MTA_INTERNAL_H
#define CHECK_MTA_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "ctl/check_mta.h"

/* What has been found until now.  The lines that were printed are kept, since
 * what several services share is said once. */
struct check_mta_report {
	const struct config *config;
	const char *socket; /* vscan-milter's, as the configuration has it */
	struct check_mta_deadlines deadlines;
	unsigned problems;
	unsigned asking;   /* milters, in all lists, that are vscan-milter */
	unsigned mistyped; /* milters that were meant to be vscan-milter */
	size_t count;
	char **lines;
};

/* Each prints "KIND: " and the line, unless that was printed before.
 * check_mta_problem() counts it, too. */
void check_mta_ok(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void check_mta_note(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void check_mta_problem(struct check_mta_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees the lines that were kept. */
void check_mta_report_fini(struct check_mta_report *report);

CHECK_RESULT enum error_code check_mta_postfix(struct check_mta_report *report,
    const char *directory, struct error *err);
CHECK_RESULT enum error_code check_mta_sendmail(struct check_mta_report *report,
    const char *path, struct error *err);

/* Reports a problem where Postfix's account, mail_owner, could not connect to
 * our unix: socket as our configuration makes it or as it is now, or could not
 * search a directory on the way.  The way begins at the root directory if
 * from_root, else at queue_directory where the socket is below that. */
void check_mta_access(struct check_mta_report *report, const char *mail_owner,
    const char *queue_directory, bool from_root);

/* --- the names of sockets --- */

struct check_mta_internet {
	char host[256];
	char port[32];
};

/* The path of a UNIX socket as libmilter and Sendmail take it; NULL if spec is
 * another kind of socket. */
const char *check_mta_unix_path(const char *spec);

/* PORT@HOST of libmilter and Sendmail; false if spec is another kind. */
bool check_mta_split_port_at_host(const char *spec,
    struct check_mta_internet *internet);

/* True if what ours listens on is reached at theirs. */
bool check_mta_same_internet(const struct check_mta_internet *ours,
    const struct check_mta_internet *theirs);

/* True if path, from directory on, is the file ours. */
bool check_mta_same_path(const char *ours, const char *directory,
    const char *path);

/* True if name is a TCP port of this machine, as the MTA writes it.  port_r
 * has then that port. */
bool check_mta_is_here(enum check_mta_kind kind, const char *name, char *port_r,
    size_t size);

/* --- who listens: a connection is opened, and closed at once --- */

/* False if there is no socket at path, or one that nobody listens on.  True
 * where that can't be told. */
bool check_mta_path_listens(const char *path);

/* False if nobody listens on that TCP port of the loopback addresses. */
bool check_mta_port_listens(const char *port);

#endif
