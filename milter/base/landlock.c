/* landlock - a process shuts itself out of the file system, but for some places
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Rights that were added after Linux 6.1, whose header Debian 12 has. */
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND (UINT64_C(1) << 0)
#define NET_CONNECT (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RULE_NET_PORT 2

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

/* The rights that make sense for a file; a directory has more. */
#define FILE_RIGHTS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

#define WRITE_RIGHTS \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	    LANDLOCK_ACCESS_FS_REFER)

#define OTHER_RIGHTS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | \
	    FS_IOCTL_DEV)

int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

/* All that a version can forbid.  Whatever of it no place is allowed again
 * stays forbidden. */
static struct ruleset
forbid(const struct landlock_fence *fence, int version)
{
	struct ruleset rules = {
		.fs = READ_RIGHTS | WRITE_RIGHTS | OTHER_RIGHTS,
	};

	if (version < 2)
		rules.fs &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
	if (version < 3)
		rules.fs &= ~FS_TRUNCATE;
	if (version >= 4)
		rules.net = NET_BIND | NET_CONNECT;
	if (version < 5)
		rules.fs &= ~FS_IOCTL_DEV;
	if (version >= 6)
		rules.scoped = SCOPE_SIGNAL |
		    (fence->abstract ? 0 : SCOPE_ABSTRACT);
	return rules;
}

static enum error_code
allow_place(int ruleset, const struct ruleset *rules,
    const struct landlock_place *place, struct error *err)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = READ_RIGHTS,
	};
	enum error_code code = ERROR_NONE;
	struct stat st;

	rule.parent_fd = open(place->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0 && errno == ENOENT)
		return ERROR_NONE;
	if (rule.parent_fd < 0)
		return error_sys(err, errno, "%s", place->path);
	if (place->write)
		rule.allowed_access |= WRITE_RIGHTS;
	rule.allowed_access &= rules->fs;
	if (fstat(rule.parent_fd, &st) < 0 || !S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_RIGHTS;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) < 0)
		code = error_sys(err, errno, "Landlock: %s", place->path);
	close(rule.parent_fd);
	return code;
}

static enum error_code
allow_port(int ruleset, const struct ruleset *rules, uint16_t port,
    struct error *err)
{
	struct port_rule rule = { .allowed = NET_CONNECT, .port = port };

	if (rules->net == 0 || port == 0)
		return ERROR_NONE;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) <
	    0)
		return error_sys(err, errno, "Landlock: port %u",
		    (unsigned)port);
	return ERROR_NONE;
}

enum error_code
landlock_enter(const struct landlock_fence *fence, int version,
    struct error *err)
{
	struct ruleset rules = forbid(fence, version);
	enum error_code code = ERROR_NONE;
	int ruleset;
	size_t i;

	if (version == 0)
		return error_set(err, ERROR_UNSUPPORTED,
		    "this kernel has no Landlock");
	/* The struct is larger than an older kernel's, which takes it all the
	 * same if what it doesn't know is 0. */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules,
	    sizeof rules, 0);
	if (ruleset < 0)
		return error_sys(err, errno, "Landlock");
	for (i = 0; i < fence->count && code == ERROR_NONE; i++)
		code = allow_place(ruleset, &rules, &fence->places[i], err);
	if (code == ERROR_NONE)
		code = allow_port(ruleset, &rules, fence->port, err);
	if (code == ERROR_NONE &&
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		code = error_sys(err, errno, "Landlock");
	fd_close(&ruleset);
	return code;
}
