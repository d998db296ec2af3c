/* without - runs a program on a kernel that seems to lack something
 *
 *   without CALL... -- PROGRAM [ARGUMENT...]
 *
 * Each CALL is the name of a system call, which fails with ENOSYS, or with
 * EPERM if a '-' stands before it; or "namespaces": then no user namespace is
 * to be had, as in many containers.  Must be root.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/callfilter.h"

#define RULES 600

static int
load(const struct callfilter_rule *rules, size_t count)
{
	const struct callfilter_profile profile = {
		.others = CALLFILTER_ALLOW,
		.rules = rules,
		.rules_count = count,
	};
	struct callfilter filter;
	struct error err;

	if (callfilter_compile(&profile, &filter, &err) == ERROR_NONE &&
	    callfilter_load(&filter, &err) == ERROR_NONE)
		return EX_OK;
	fprintf(stderr, "without: %s\n", err.text);
	return EX_OSERR;
}

int
main(int argc, char **argv)
{
	static struct callfilter_rule rules[RULES];
	size_t count = 0;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (count == RULES)
			return EX_USAGE;
		rules[count].call = argv[i];
		rules[count].action = CALLFILTER_UNKNOWN;
		if (argv[i][0] == '-') {
			rules[count].call++;
			rules[count].action = CALLFILTER_REFUSE;
		}
		if (strcmp(argv[i], "namespaces") == 0) {
			rules[count].call = "clone";
			rules[count].action = CALLFILTER_REFUSE;
			rules[count].mask = CLONE_NEWUSER;
			rules[count].value = CLONE_NEWUSER;
		}
		count++;
	}
	if (i + 1 >= argc)
		return EX_USAGE;
	if (load(rules, count) != EX_OK)
		return EX_OSERR;
	execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return EX_OSERR;
}
