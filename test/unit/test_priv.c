/* test_priv - root is given up for good
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/priv.h"
#include "support.h"

static struct priv_account nobody;

/* True if /proc/self/status has this line. */
static bool
status_has(const char *wanted)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[512];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof line, file))
		found = strcmp(line, wanted) == 0;
	if (file != NULL)
		fclose(file);
	return support_check(found, wanted);
}

static bool
has_no_capabilities_but_bounds(void)
{
	return status_has("CapInh:\t0000000000000000\n") &&
	    status_has("CapPrm:\t0000000000000000\n") &&
	    status_has("CapEff:\t0000000000000000\n") &&
	    status_has("CapAmb:\t0000000000000000\n") &&
	    status_has("NoNewPrivs:\t1\n");
}

static bool
has_no_capabilities(void)
{
	return has_no_capabilities_but_bounds() &&
	    status_has("CapBnd:\t0000000000000000\n");
}

static bool
root_is_gone(void)
{
	uid_t uid = nobody.uid, r, e, s;
	gid_t gid = nobody.gid, groups[64], rg, eg, sg;
	int n;

	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return support_check(false, "the account can be read");
	n = getgroups(LENGTH(groups), groups);
	for (int i = 0; i < n; i++)
		if (!support_check(groups[i] != 0, "root's group is gone"))
			return false;
	return support_check(r == uid && e == uid && s == uid,
		   "every uid is the account's") &&
	    support_check(rg == gid && eg == gid && sg == gid,
		"every gid is the account's") &&
	    support_check(setuid(0) < 0 && seteuid(0) < 0 &&
		    setreuid(0, 0) < 0 && setresuid(0, 0, 0) < 0,
		"no way back to uid 0") &&
	    support_check(setgid(0) < 0 && setegid(0) < 0 &&
		    setresgid(0, 0, 0) < 0 && setgroups(0, NULL) < 0,
		"no way back to gid 0") &&
	    support_check(access("/etc/shadow", R_OK) < 0,
		"root's files are closed");
}

static bool
drop_for_good(void *context)
{
	struct error err = { .text = "" };

	(void)context;
	return support_check(priv_drop(&nobody, &err) == ERROR_NONE,
		   err.text) &&
	    root_is_gone() && has_no_capabilities();
}

static void
test_priv_drop_leaves_no_way_back(void **state)
{
	(void)state;
	support_in_child(drop_for_good, NULL);
}

/* CAP_SETUID such that it would outlive a change of account and exec. */
static bool
keep_setuid(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	data[0].inheritable |= 1u << CAP_SETUID;
	return syscall(SYS_capset, &header, data) == 0 &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) ==
	    0 &&
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0;
}

/* All but these are out of force; the bounding set stays as it was. */
static bool
give_up_all_but(const unsigned *kept, size_t count)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

	for (size_t i = 0; i < count; i++)
		data[0].permitted |= 1u << kept[i];
	data[0].effective = data[0].permitted;
	return syscall(SYS_capset, &header, data) == 0;
}

static bool
drop_with_ambient(void *context)
{
	return support_check(keep_setuid(), "a capability is to be kept") &&
	    drop_for_good(context);
}

static void
test_priv_drop_gives_up_kept_and_ambient_capabilities(void **state)
{
	(void)state;
	support_in_child(drop_with_ambient, NULL);
}

static bool
drop_twice(void *context)
{
	struct priv_account other = nobody;
	struct error err;

	(void)context;
	other.uid = nobody.uid - 1;
	return drop_for_good(NULL) &&
	    support_check(priv_drop(&nobody, &err) == ERROR_NONE,
		"dropping to what one is already is fine") &&
	    support_check(priv_drop(&other, &err) != ERROR_NONE,
		"another account is refused");
}

static void
test_priv_drop_as_another_user_only_checks(void **state)
{
	(void)state;
	support_in_child(drop_twice, NULL);
}

static bool
drop_with_root_behind(void *context)
{
	struct error err;

	(void)context;
	return support_check(seteuid(nobody.uid) == 0, "only in effect") &&
	    support_check(priv_drop(&nobody, &err) != ERROR_NONE ||
		    seteuid(0) < 0,
		"root that can come back is no drop");
}

static void
test_priv_drop_is_not_content_with_an_effective_account(void **state)
{
	(void)state;
	support_in_child(drop_with_root_behind, NULL);
}

static bool
drop_to_root(void *context)
{
	const struct priv_account root = { .uid = 0, .name = "root" };
	struct error err;

	(void)context;
	return support_check(priv_drop(&root, &err) == ERROR_INPUT,
		   "the account must not be root") &&
	    support_check(geteuid() == 0, "nothing was changed");
}

static void
test_priv_drop_refuses_root(void **state)
{
	(void)state;
	support_in_child(drop_to_root, NULL);
}

static bool
keep_only_two(void *context)
{
	static const unsigned kept[] = { CAP_CHOWN, CAP_SETGID };
	static const unsigned more[] = { CAP_CHOWN, CAP_SETGID, CAP_KILL };
	struct error err = { .text = "" };

	(void)context;
	return support_check(keep_setuid(), "a capability is to be kept") &&
	    support_check(priv_keep_only(kept, LENGTH(kept), &err) ==
		    ERROR_NONE,
		err.text) &&
	    status_has("CapInh:\t0000000000000000\n") &&
	    status_has("CapPrm:\t0000000000000041\n") &&
	    status_has("CapEff:\t0000000000000041\n") &&
	    status_has("CapBnd:\t0000000000000041\n") &&
	    status_has("CapAmb:\t0000000000000000\n") &&
	    status_has("NoNewPrivs:\t1\n") &&
	    support_check(syscall(SYS_setgroups, 0, NULL) == 0,
		"what was kept is of use") &&
	    support_check(syscall(SYS_setuid, nobody.uid) < 0,
		"what wasn't is gone") &&
	    support_check(priv_keep_only(kept, LENGTH(kept), &err) ==
		    ERROR_NONE,
		"the same once more is fine") &&
	    support_check(priv_keep_only(more, LENGTH(more), &err) ==
		    ERROR_NONE,
		"what is gone can't be kept, and is no failure") &&
	    support_check(priv_keep_only(kept, 1, &err) == ERROR_SYSTEM,
		"without CAP_SETPCAP the bounds stay") &&
	    status_has("CapEff:\t0000000000000001\n") &&
	    support_check(strstr(err.text, "grant CAP_SETPCAP") != NULL,
		err.text);
}

static void
test_priv_keep_only_gives_up_the_others(void **state)
{
	(void)state;
	support_in_child(keep_only_two, NULL);
}

/* As root of a container may be: the bounding set can't be changed. */
static bool
drop_without_setpcap(void *context)
{
	static const unsigned kept[] = { CAP_SETGID, CAP_SETUID };
	struct error err = { .text = "" };

	(void)context;
	return support_check(give_up_all_but(kept, LENGTH(kept)),
		   "CAP_SETPCAP is gone") &&
	    support_check(priv_drop(&nobody, &err) == ERROR_NONE, err.text) &&
	    root_is_gone() && has_no_capabilities_but_bounds();
}

static void
test_priv_drop_without_cap_setpcap_drops_the_rest(void **state)
{
	(void)state;
	support_in_child(drop_without_setpcap, NULL);
}

/* Not by setgroups(3): it wants the same of all threads, also of one that a
 * sanitizer has, and capabilities are a thread's own. */
static bool
drop_capabilities(void *context)
{
	struct error err = { .text = "" };

	(void)context;
	return support_check(priv_drop_capabilities(&err) == ERROR_NONE,
		   err.text) &&
	    has_no_capabilities() &&
	    support_check(syscall(SYS_setgroups, 0, NULL) < 0,
		"root in name only");
}

static void
test_priv_drop_capabilities_empties_every_set(void **state)
{
	(void)state;
	support_in_child(drop_capabilities, NULL);
}

static void
test_priv_lookup_names_the_account_that_is_missing(void **state)
{
	struct priv_account account;
	struct error err;

	(void)state;
	assert_int_equal(priv_lookup("no-such-user", &account, &err),
	    ERROR_INPUT);
	assert_non_null(strstr(err.text, "\"no-such-user\""));
	assert_int_equal(priv_lookup("root", &account, &err), ERROR_NONE);
	assert_int_equal(account.uid, 0);
	assert_int_equal(account.gid, 0);
	assert_string_equal(account.name, "root");
}

int
main(void)
{
	struct error err;
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_priv_drop_leaves_no_way_back),
		cmocka_unit_test(
		    test_priv_drop_gives_up_kept_and_ambient_capabilities),
		cmocka_unit_test(test_priv_drop_as_another_user_only_checks),
		cmocka_unit_test(
		    test_priv_drop_is_not_content_with_an_effective_account),
		cmocka_unit_test(test_priv_drop_refuses_root),
		cmocka_unit_test(
		    test_priv_drop_without_cap_setpcap_drops_the_rest),
		cmocka_unit_test(test_priv_keep_only_gives_up_the_others),
		cmocka_unit_test(test_priv_drop_capabilities_empties_every_set),
		cmocka_unit_test(
		    test_priv_lookup_names_the_account_that_is_missing),
	};

	if (geteuid() != 0) {
		puts("skipped: only root can give root up");
		return SUPPORT_SKIPPED;
	}
	if (priv_lookup("nobody", &nobody, &err) != ERROR_NONE) {
		printf("skipped: %s\n", err.text);
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
