/* socket_group - finds the group that the setting socket_group stands for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "config/socket_group.h"

#include <grp.h>
#include <string.h>

bool
socket_group_is_auto(const char *setting)
{
	return strcmp(setting, "auto") == 0;
}

bool
socket_group_find(const char *setting, gid_t *gid_r)
{
	bool automatic = socket_group_is_auto(setting);
	const struct group *group;

	*gid_r = SOCKET_GROUP_NONE;
	if (setting[0] == '\0')
		return true;
	group = getgrnam(automatic ? "postfix" : setting);
	if (group != NULL)
		*gid_r = group->gr_gid;
	return group != NULL || automatic;
}
