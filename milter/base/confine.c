/* confine - what a process of the service gives up besides its account
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/callfilter.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define INT UINT32_MAX

static const char *const programs[] = { "execve", "execveat", NULL };

static const char *const signals[] = {
	"kill",
	"tkill",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	"pidfd_send_signal",
	NULL,
};

static const struct callfilter_rule filter_rules[] = {
	/* A filter can't see the flags of clone3(2), since they are in memory.
	 * Where it fails the C library uses clone(2). */
	{ "clone3", CALLFILTER_UNKNOWN, 0, 0, 0 },
	{ "clone", CALLFILTER_KILL, 0, CLONE_THREAD, 0 },
	{ "fcntl", CALLFILTER_KILL, 1, INT, F_SETOWN },
	{ "fcntl", CALLFILTER_KILL, 1, INT, F_SETOWN_EX },
	{ "fcntl", CALLFILTER_KILL, 1, INT, F_SETSIG },
	{ "mmap", CALLFILTER_REFUSE, 2, PROT_EXEC, PROT_EXEC },
	{ "mprotect", CALLFILTER_REFUSE, 2, PROT_EXEC, PROT_EXEC },
	{ "pkey_mprotect", CALLFILTER_REFUSE, 2, PROT_EXEC, PROT_EXEC },
};

static const struct callfilter_profile profiles[] = {
	[CONFINE_SUPERVISOR] = {
		.others = CALLFILTER_ALLOW,
		.killed = { callfilter_hostile },
	},
	[CONFINE_RELEASE] = {
		.others = CALLFILTER_ALLOW,
		.killed = { callfilter_hostile },
	},
	[CONFINE_ENGINE] = {
		.others = CALLFILTER_ALLOW,
		.killed = { callfilter_hostile, programs },
	},
	[CONFINE_FILTER] = {
		.others = CALLFILTER_ALLOW,
		.killed = { callfilter_hostile, callfilter_becoming, signals },
		.rules = filter_rules,
		.rules_count = LENGTH(filter_rules),
	},
	[CONFINE_LOG] = {
		.others = CALLFILTER_ALLOW,
		.killed = { callfilter_hostile, callfilter_becoming, signals },
		.rules = filter_rules,
		.rules_count = LENGTH(filter_rules),
	},
};

/* True for a process that signals no other.  (abort(3) signals a thread of its
 * own process.) */
static bool
signals_itself_only(enum confine_role role)
{
	return role == CONFINE_FILTER || role == CONFINE_LOG;
}

enum error_code
confine_calls(enum confine_role role, struct error *err)
{
	struct callfilter filter;
	enum error_code code;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "no_new_privs");
	code = callfilter_compile(&profiles[role], &filter, err);
	if (code == ERROR_NONE && signals_itself_only(role))
		code = callfilter_keep_signals(err);
	if (code == ERROR_NONE)
		code = callfilter_load(&filter, err);
	callfilter_fini(&filter);
	return code;
}

enum error_code
confine_files(const struct landlock_fence *fence, struct error *err)
{
	return landlock_enter(fence, landlock_version(), err);
}
