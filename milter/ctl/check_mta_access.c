/* check_mta_access - whether Postfix's account may connect to our socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check_mta_internal.h"
#include "config/config.h"
#include "config/socket_group.h"

#define MOST_GROUPS 256

/* The account as which Postfix connects, with all its groups. */
struct visitor {
	const char *name;
	uid_t uid;
	gid_t groups[MOST_GROUPS]; /* the primary one is first */
	int count;
};

static bool
find_visitor(const char *name, struct visitor *visitor_r)
{
	const struct passwd *account = getpwnam(name);

	if (account == NULL)
		return false;
	visitor_r->name = name;
	visitor_r->uid = account->pw_uid;
	visitor_r->groups[0] = account->pw_gid;
	visitor_r->count = MOST_GROUPS;
	if (getgrouplist(name, account->pw_gid, visitor_r->groups,
		&visitor_r->count) < 0)
		visitor_r->count = MOST_GROUPS;
	return true;
}

static bool
is_member(const struct visitor *visitor, gid_t group)
{
	for (int i = 0; i < visitor->count; i++)
		if (visitor->groups[i] == group)
			return true;
	return false;
}

/* The permissions that a file gives the visitor, as one octal digit. */
static unsigned
permissions(const struct visitor *visitor, const struct stat *file)
{
	if (visitor->uid == 0)
		return 7;
	if (visitor->uid == file->st_uid)
		return file->st_mode >> 6 & 7;
	if (is_member(visitor, file->st_gid))
		return file->st_mode >> 3 & 7;
	return file->st_mode & 7;
}

/* Fills in owner, group and mode that the service gives its socket by its
 * configuration. */
static void
expect_socket(const struct config *config, struct stat *file_r)
{
	const struct passwd *account = getpwnam(config->user);
	gid_t group;

	memset(file_r, 0, sizeof *file_r);
	file_r->st_mode = (mode_t)config->socket_mode;
	file_r->st_uid = account != NULL ? account->pw_uid : (uid_t)-1;
	file_r->st_gid = account != NULL ? account->pw_gid : (gid_t)-1;
	if (socket_group_find(config->socket_group, &group) &&
	    group != SOCKET_GROUP_NONE)
		file_r->st_gid = group;
}

static const char *
name_of_group(const struct visitor *visitor)
{
	const struct group *group = getgrgid(visitor->groups[0]);

	return group != NULL ? group->gr_name : "postfix";
}

static bool
may_write(const struct visitor *visitor, const struct stat *file)
{
	return (permissions(visitor, file) & 2) != 0;
}

static bool
is_owner_or_member(const struct visitor *visitor, const struct stat *file)
{
	return visitor->uid == file->st_uid || is_member(visitor, file->st_gid);
}

/* Reports a problem if the visitor could not connect to a socket as it is
 * configured.  True if he could. */
static bool
judge_settings(struct check_mta_report *report, const struct visitor *visitor)
{
	const struct config *config = report->config;
	char better[128] = "socket_mode = \"0660\"";
	struct stat file;

	expect_socket(config, &file);
	if (may_write(visitor, &file))
		return true;
	if (!is_owner_or_member(visitor, &file))
		snprintf(better, sizeof better, "socket_group = \"%s\"%s",
		    name_of_group(visitor),
		    (file.st_mode & 020) != 0 ? ""
					      : ", socket_mode = \"0660\"");
	check_mta_problem(report,
	    "Postfix's account, %s, may not connect to vscan-milter's socket, "
	    "%s, by socket_group = \"%s\" and socket_mode = \"%04o\"; change "
	    "vscan-milter's configuration to: %s",
	    visitor->name, report->socket, config->socket_group,
	    (unsigned)file.st_mode, better);
	return false;
}

/* Writes the name of an account, or its number if it has no name. */
static const char *
account_name(uid_t uid, char *out, size_t size)
{
	const struct passwd *account = getpwuid(uid);

	if (account != NULL)
		snprintf(out, size, "%s", account->pw_name);
	else
		snprintf(out, size, "%u", (unsigned)uid);
	return out;
}

static const char *
group_name(gid_t gid, char *out, size_t size)
{
	const struct group *group = getgrgid(gid);

	if (group != NULL)
		snprintf(out, size, "%s", group->gr_name);
	else
		snprintf(out, size, "%u", (unsigned)gid);
	return out;
}

/* Reports a problem if the visitor can't connect to the socket that is there.
 * Somebody has changed it, or the service was started with other settings. */
static void
judge_file(struct check_mta_report *report, const struct visitor *visitor,
    const char *path)
{
	char owner[64], group[64], change[PATH_MAX + 128] = "";
	struct stat file;

	if (stat(path, &file) < 0 || !S_ISSOCK(file.st_mode) ||
	    may_write(visitor, &file))
		return;
	if (!is_owner_or_member(visitor, &file))
		snprintf(change, sizeof change, "chgrp %s %s && ",
		    name_of_group(visitor), path);
	check_mta_problem(report,
	    "Postfix's account, %s, may not connect to vscan-milter's socket, "
	    "%s, which is there with mode %04o, owner %s and group %s, though "
	    "vscan-milter's configuration would let it; stop and start "
	    "vscan-milter, which makes the socket anew, or change it by: "
	    "%schmod 0660 %s",
	    visitor->name, report->socket, (unsigned)file.st_mode & 07777,
	    account_name(file.st_uid, owner, sizeof owner),
	    group_name(file.st_gid, group, sizeof group), change, path);
}

/* Looks at each directory that the visitor has to pass: those from
 * queue_directory on, which is the working directory of Postfix's processes, or
 * all from the root directory on.  One that is missing is no problem, since the
 * service makes it. */
static void
judge_way(struct check_mta_report *report, const struct visitor *visitor,
    const char *path, const char *queue, bool from_root)
{
	size_t len = strlen(queue);
	char way[PATH_MAX];
	struct stat file;
	char *slash = way;

	snprintf(way, sizeof way, "%s", path);
	if (!from_root && strncmp(path, queue, len) == 0 && path[len] == '/')
		slash += len - 1;
	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (stat(way, &file) == 0 &&
		    (permissions(visitor, &file) & 1) == 0)
			check_mta_problem(report,
			    "Postfix's account, %s, may not search %s, which "
			    "is on the way to vscan-milter's socket; change it "
			    "by: chmod a+x %s",
			    visitor->name, way, way);
		*slash = '/';
	}
}

void
check_mta_access(struct check_mta_report *report, const char *mail_owner,
    const char *queue_directory, bool from_root)
{
	const char *path = check_mta_unix_path(report->socket);
	struct visitor visitor;

	if (path == NULL)
		return;
	if (!find_visitor(mail_owner, &visitor)) {
		check_mta_note(report,
		    "this machine has no account %s (mail_owner): whether "
		    "Postfix may connect to vscan-milter's socket is not known",
		    mail_owner);
		return;
	}
	if (judge_settings(report, &visitor))
		judge_file(report, &visitor, path);
	judge_way(report, &visitor, path, queue_directory, from_root);
}
