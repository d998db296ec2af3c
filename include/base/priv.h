/* priv - dropping root, and making sure that it is gone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_PRIV_H
#define BASE_PRIV_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct priv_account {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* Looks the account up; ERROR_INPUT names it if there is none. */
CHECK_RESULT enum error_code priv_lookup(const char *user,
    struct priv_account *account_r, struct error *err);

/* The account that this service runs as: the one called user if it was started
 * as root, else the one that has started it. */
CHECK_RESULT enum error_code priv_find(const char *user,
    struct priv_account *account_r, struct error *err);

/* Becomes the account for good: groups, gid, uid, no capability, no new
 * privileges; then tries to come back, which must fail.  The bounding set is
 * emptied before, while CAP_SETPCAP is there.  Called as another user than
 * root it only checks that it is that account already. */
CHECK_RESULT enum error_code priv_drop(const struct priv_account *account,
    struct error *err);

/* For a process that stays root: gives up all capabilities but these
 * (linux/capability.h), for good and in all that it starts, and sets
 * no_new_privs.  One that the process doesn't have (a container's root) can't
 * be kept, and is no failure.  ERROR_SYSTEM if one of the others could not be
 * given up; those that could are gone then. */
CHECK_RESULT enum error_code priv_keep_only(const unsigned *capabilities,
    size_t count, struct error *err);

/* Empties the effective, permitted, inheritable and ambient set, and checks
 * that they are empty; empties the bounding set, too, if the process has
 * CAP_SETPCAP; sets no_new_privs.  For a worker, which is root of its own
 * namespace only.  Capabilities are a thread's own: to be called while there
 * is one thread. */
CHECK_RESULT enum error_code priv_drop_capabilities(struct error *err);

#endif
