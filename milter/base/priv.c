/* priv - dropping root, and making sure that it is gone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

/* What capget(2) and capset(2) speak: a set goes by 32 bits to a word. */
struct capabilities {
	struct __user_cap_data_struct word[_LINUX_CAPABILITY_U32S_3];
};

/* These calls are of the calling thread. */
static struct __user_cap_header_struct
header(void)
{
	return (struct __user_cap_header_struct){
		.version = _LINUX_CAPABILITY_VERSION_3
	};
}

static enum error_code
get_capabilities(struct capabilities *capabilities_r, struct error *err)
{
	struct __user_cap_header_struct head = header();

	if (syscall(SYS_capget, &head, capabilities_r->word) < 0)
		return error_sys(err, errno, "reading capabilities");
	return ERROR_NONE;
}

/* Leaves those of kept that are there, in force and permitted; nothing can be
 * inherited, and the ambient set is empty. */
static enum error_code
limit_capabilities(uint64_t kept, struct error *err)
{
	struct __user_cap_header_struct head = header();
	struct capabilities left;
	enum error_code code;

	code = get_capabilities(&left, err);
	if (code != ERROR_NONE)
		return code;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		left.word[i].effective &= (uint32_t)(kept >> 32 * i);
		left.word[i].permitted &= (uint32_t)(kept >> 32 * i);
		left.word[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, left.word) < 0)
		return error_sys(err, errno, "giving up capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_sys(err, errno, "emptying the ambient set");
	return ERROR_NONE;
}

/* The bounding set is what programs that this process starts can have at most.
 * The kernel lets nobody change it who hasn't CAP_SETPCAP. */
static enum error_code
limit_bounding_set(uint64_t kept, struct error *err)
{
	for (unsigned i = 0; i < CAPABILITIES; i++) {
		if ((kept & (uint64_t)1 << i) != 0 ||
		    prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 1 ||
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno != EPERM)
			return error_sys(err, errno,
			    "taking capability %u out of the bounding set", i);
		return error_set(err, ERROR_SYSTEM,
		    "without CAP_SETPCAP capability %u can't be taken out of "
		    "the bounding set; no_new_privs alone keeps programs that "
		    "are started from gaining it; grant CAP_SETPCAP to the "
		    "service, or do not grant capability %u",
		    i, i);
	}
	return ERROR_NONE;
}

/* Empties the bounding set where the kernel allows it.  Where it doesn't,
 * no_new_privs keeps programs from gaining anything all the same. */
static enum error_code
empty_bounding_set(struct error *err)
{
	struct capabilities now;
	enum error_code code;

	code = get_capabilities(&now, err);
	if (code != ERROR_NONE)
		return code;
	if ((now.word[0].effective & (uint32_t)1 << CAP_SETPCAP) == 0)
		return ERROR_NONE;
	return limit_bounding_set(0, err);
}

static enum error_code
forbid_new_privileges(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "no_new_privs");
	return ERROR_NONE;
}

/* The calls above have said so, but this is what all else rests on. */
static enum error_code
check_no_capabilities(struct error *err)
{
	struct capabilities now;
	enum error_code code;

	code = get_capabilities(&now, err);
	if (code != ERROR_NONE)
		return code;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if ((now.word[i].effective | now.word[i].permitted |
			now.word[i].inheritable) != 0)
			return error_set(err, ERROR_SYSTEM,
			    "capabilities are left");
	for (unsigned i = 0; i < CAPABILITIES; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			return error_set(err, ERROR_SYSTEM,
			    "the ambient set is not empty");
	return ERROR_NONE;
}

enum error_code
priv_drop_capabilities(struct error *err)
{
	enum error_code code;

	code = empty_bounding_set(err);
	if (code == ERROR_NONE)
		code = limit_capabilities(0, err);
	if (code == ERROR_NONE)
		code = forbid_new_privileges(err);
	if (code == ERROR_NONE)
		code = check_no_capabilities(err);
	return code;
}

static uint64_t
set_of(const unsigned *capabilities, size_t count)
{
	uint64_t set = 0;

	for (size_t i = 0; i < count; i++)
		set |= (uint64_t)1 << capabilities[i];
	return set;
}

enum error_code
priv_keep_only(const unsigned *capabilities, size_t count, struct error *err)
{
	const uint64_t kept = set_of(capabilities, count);
	enum error_code bounding, code;

	/* The bounding set comes first, since it takes CAP_SETPCAP; where it
	 * can't be changed, the rest is given up nonetheless. */
	bounding = limit_bounding_set(kept, err);
	code = limit_capabilities(kept, err);
	if (code == ERROR_NONE)
		code = forbid_new_privileges(err);
	return code == ERROR_NONE ? bounding : code;
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
	/* Now, since CAP_SETPCAP goes with the account. */
	code = empty_bounding_set(err);
	if (code != ERROR_NONE)
		return code;
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
