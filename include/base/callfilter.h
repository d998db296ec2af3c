/* callfilter - which system calls a process may still make (seccomp)
 *
 * A profile is data: calls by their names, and what becomes of each.  It is
 * compiled once, in a process that can take its time, and loaded by any
 * number of its children, who can't be rid of it again.
 *
 *   callfilter_compile   a profile into what the kernel takes
 *   callfilter_load      from now on, for this thread and what it starts
 *
 * A call of another architecture than the program's own ends the process,
 * whatever the profile says: its numbers mean something else.  A name that
 * this architecture or this libseccomp does not know is left out.
 *
 * no_new_privs must be set before a load (priv_drop_capabilities() does).
 * Several filters add up: of what they say, the harshest is done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_CALLFILTER_H
#define BASE_CALLFILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum callfilter_action {
	CALLFILTER_ALLOW,
	CALLFILTER_KILL,   /* the process ends by SIGSYS */
	CALLFILTER_REFUSE, /* the call fails with EPERM */
	CALLFILTER_UNKNOWN /* it fails with ENOSYS, as in an older kernel:
				 * the C library then does without */
};

/* A call that depends on one argument: its action is taken if argument & mask
 * is value.  Where no rule of a call fits, what the profile says of the
 * others is done. */
struct callfilter_rule {
	const char *call;
	enum callfilter_action action;
	unsigned argument; /* from 0 */
	uint64_t mask;
	uint64_t value;
};

#define CALLFILTER_KILLED 3

/* Lists end with a NULL.  No call may stand in two places. */
struct callfilter_profile {
	enum callfilter_action others;
	const char *const *allowed;                   /* or NULL */
	const char *const *killed[CALLFILTER_KILLED]; /* lists, or NULL */
	const struct callfilter_rule *rules;
	size_t rules_count;
};

struct callfilter {
	void *code;    /* NULL: empty */
	size_t length; /* in instructions */
};

/* Calls that no process of this service makes, and that are there to look into
 * other processes or to reach more of the kernel. */
extern const char *const callfilter_hostile[];

/* Calls by which a process becomes something else, or starts it: programs,
 * processes, namespaces, mounts, accounts.  (clone(2) is not among them, for
 * it makes threads, too.) */
extern const char *const callfilter_becoming[];

/* ERROR_UNSUPPORTED if libseccomp refuses the profile; *filter_r is empty
 * then.  callfilter_fini() ends it. */
CHECK_RESULT enum error_code callfilter_compile(const struct callfilter_profile
						    *profile,
    struct callfilter *filter_r, struct error *err);

/* ERROR_SYSTEM: the kernel refused, and nothing has changed. */
CHECK_RESULT enum error_code callfilter_load(const struct callfilter *filter,
    struct error *err);

/* One more filter: a call that sends a signal to a thread ends the process
 * unless the thread is of this process.  (abort(3) needs it, and no account's
 * rights keep it from the other processes of the account.) */
CHECK_RESULT enum error_code callfilter_keep_signals(struct error *err);

/* The first call of a profile that libseccomp knows on no architecture, which
 * is most likely a slip of the pen; NULL if there is none. */
const char *callfilter_misspelt(const struct callfilter_profile *profile);

/* Gives the memory back; harmless when empty. */
void callfilter_fini(struct callfilter *filter);

#endif
