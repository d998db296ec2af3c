/* socket_group - finds the group that the setting socket_group stands for
 *
 * The milter socket is given to this group.  Whoever needs the group asks
 * here, so that the service, its survey and vscanctl agree.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_SOCKET_GROUP_H
#define CONFIG_SOCKET_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* The group of a socket file that keeps the group it has. */
#define SOCKET_GROUP_NONE ((gid_t)-1)

/* True if the setting is "auto": the service looks for the group itself, and
 * may do without it. */
bool socket_group_is_auto(const char *setting);

/* Sets *gid_r to the ID of the group that the setting names.  "auto" is the
 * group "postfix" where this machine has it.  *gid_r is SOCKET_GROUP_NONE for
 * "", and for "auto" without that group.  Returns false, with *gid_r set to
 * SOCKET_GROUP_NONE, if the setting names a group that is not there.  Not for
 * several threads at once, since it uses getgrnam(3). */
bool socket_group_find(const char *setting, gid_t *gid_r);

#endif
