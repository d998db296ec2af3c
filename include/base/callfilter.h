/* callfilter - which system calls a process may still make (seccomp)
 *
 * A profile is data: the names of system calls, and what becomes of each.  One
 * process compiles it, once; each of its children may load it, and can't undo
 * that.
 *
 *   callfilter_compile   makes of a profile what the kernel takes
 *   callfilter_load      puts it in force, for this thread and what it starts
 *
 * A call of another architecture than the program's own ends the process,
 * whatever the profile says: its numbers mean something else.  A name that
 * this architecture or this libseccomp does not know is left out.
 *
 * no_new_privs must be set before a load (priv_drop_capabilities() does that).
 * Where several filters are loaded, the kernel asks all of them and does the
 * harshest of what they say.
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

/* A call that depends on one argument: the action is taken if that argument,
 * masked by mask, is value.  Where no rule for a call fits, the call is treated
 * as the profile's "others". */
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

/* Calls that no process of this service makes.  An attacker would use them to
 * look into other processes, or to reach more of the kernel. */
extern const char *const callfilter_hostile[];

/* Calls by which a process starts programs or processes, or changes its
 * account, namespaces or mounts.  (clone(2) is not among them, since it makes
 * threads, too.) */
extern const char *const callfilter_becoming[];

/* ERROR_UNSUPPORTED if libseccomp refuses the profile; *filter_r is empty
 * then.  callfilter_fini() ends it. */
CHECK_RESULT enum error_code callfilter_compile(const struct callfilter_profile
						    *profile,
    struct callfilter *filter_r, struct error *err);

/* ERROR_SYSTEM: the kernel refused, and nothing has changed. */
CHECK_RESULT enum error_code callfilter_load(const struct callfilter *filter,
    struct error *err);

/* Loads one more filter: a process that signals a thread of another process is
 * ended.  (The call can't be forbidden as a whole, since abort(3) needs it; and
 * the kernel lets it reach every process of the same account.) */
CHECK_RESULT enum error_code callfilter_keep_signals(struct error *err);

/* The first call of a profile that libseccomp knows on no architecture, which
 * is most likely a slip of the pen; NULL if there is none. */
const char *callfilter_misspelt(const struct callfilter_profile *profile);

/* Gives the memory back; harmless when empty. */
void callfilter_fini(struct callfilter *filter);

#endif
