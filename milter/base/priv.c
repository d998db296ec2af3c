/* priv - dropping root, and making sure that it is gone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* More than there are. */
#define CAPABILITIES 64

enum error_code
priv_lookup(const char *user, struct priv_account *account_r, struct error *err)
{
	struct passwd entry, *found = NULL;
	char room[4096];
	int failed;

	failed = getpwnam_r(user, &entry, room, sizeof room, &found);
	if (failed)
		return error_sys(err, failed, "looking up the account \"%s\"",
		    user);
	if (found == NULL)
		return error_set(err, ERROR_INPUT,
		    "there is no account \"%s\" on this system", user);
	account_r->uid = entry.pw_uid;
	account_r->gid = entry.pw_gid;
	snprintf(account_r->name, sizeof account_r->name, "%s", user);
	return ERROR_NONE;
}

enum error_code
priv_find(const char *user, struct priv_account *account_r, struct error *err)
{
	if (geteuid() == 0)
		return priv_lookup(user, account_r, err);
	account_r->uid = geteuid();
	account_r->gid = getegid();
	snprintf(account_r->name, sizeof account_r->name, "uid %u",
	    (unsigned)account_r->uid);
	return ERROR_NONE;
}

enum error_code
priv_drop_capabilities(struct error *err)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		return error_sys(err, errno, "giving up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "no_new_privs");
	return ERROR_NONE;
}

static uint64_t
set_of(const unsigned *capabilities, size_t count)
{
	uint64_t set = 0;

	for (size_t i = 0; i < count; i++)
		set |= (uint64_t)1 << capabilities[i];
	return set;
}

/* libcap-ng is content where the bounding set can't be changed. */
static bool
is_bounded_by(uint64_t kept)
{
	for (unsigned i = 0; i < CAPABILITIES; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1 &&
		    (kept & (uint64_t)1 << i) == 0)
			return false;
	return true;
}

/* Taken from what there is, for to ask for one that is gone would fail. */
enum error_code
priv_keep_only(const unsigned *capabilities, size_t count, struct error *err)
{
	const capng_type_t everywhere = CAPNG_EFFECTIVE | CAPNG_PERMITTED |
	    CAPNG_INHERITABLE | CAPNG_BOUNDING_SET;
	const uint64_t kept = set_of(capabilities, count);

	if (capng_get_caps_process() < 0)
		return error_sys(err, errno, "reading capabilities");
	for (unsigned i = 0; i < CAPABILITIES; i++)
		if (capng_update(CAPNG_DROP,
			(kept & (uint64_t)1 << i) != 0 ? CAPNG_INHERITABLE
						       : everywhere,
			i) < 0)
			break; /* the kernel knows no more */
	if (capng_apply(CAPNG_SELECT_BOTH) < 0)
		return error_sys(err, errno, "giving up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "no_new_privs");
	if (!is_bounded_by(kept))
		return error_set(err, ERROR_SYSTEM,
		    "the bounding set keeps other capabilities");
	return ERROR_NONE;
}

/* setresuid(2) must fail now for every way back to root. */
static enum error_code
check_gone(const struct priv_account *account, struct error *err)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 ||
	    getresgid(&rgid, &egid, &sgid) < 0)
		return error_sys(err, errno, "reading the account");
	if (ruid != account->uid || euid != ruid || suid != ruid ||
	    rgid != account->gid || egid != rgid || sgid != rgid)
		return error_set(err, ERROR_SYSTEM,
		    "the account did not change to %s", account->name);
	if (account->uid != 0 &&
	    (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0))
		return error_set(err, ERROR_SYSTEM, "root came back");
	return ERROR_NONE;
}

enum error_code
priv_drop(const struct priv_account *account, struct error *err)
{
	enum error_code code;

	if (geteuid() != 0 && geteuid() != account->uid)
		return error_set(err, ERROR_SYSTEM,
		    "only root can change to the account %s", account->name);
	if (geteuid() != 0)
		return check_gone(account, err);
	if (account->uid == 0)
		return error_set(err, ERROR_INPUT, "user must not be root");
	capng_clear(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return error_sys(err, errno, "emptying the bounding set");
	if (initgroups(account->name, account->gid) < 0)
		return error_sys(err, errno, "initgroups");
	if (setresgid(account->gid, account->gid, account->gid) < 0)
		return error_sys(err, errno, "setresgid");
	if (setresuid(account->uid, account->uid, account->uid) < 0)
		return error_sys(err, errno, "setresuid");
	code = check_gone(account, err);
	if (code == ERROR_NONE)
		code = priv_drop_capabilities(err);
	return code;
}
