/* sandbox_steps - the steps of a worker into its sandbox
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/ns.h"
#include "base/priv.h"
#include "engine/sandbox.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

static bool
has(const struct sandbox *sandbox, enum sandbox_part part)
{
	return (sandbox->parts & part) != 0;
}

/* pivot_root(2): the new root and the place for the old one may be the same
 * directory; the old one is then on top of it, and goes. */
static int
change_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH);
	/* The root of an initial RAM file system can't be changed so, and some
	 * containers forbid it.  A worker has no descriptor, no capability and
	 * no system call to get out of this root either. */
	return chroot(".");
}

static enum error_code
change_to_scratch(struct scratch *scratch, struct error *err)
{
	if (chdir(scratch->path) < 0)
		return error_sys(err, errno, "%s", scratch->path);
	if (change_root() < 0 || chdir("/") < 0)
		return error_sys(err, errno, "changing the root directory");
	strcpy(scratch->path, "/");
	return ERROR_NONE;
}

static enum error_code
enter_root(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	if (has(sandbox, SANDBOX_PART_ROOT))
		return change_to_scratch(scratch, err);
	if (scratch->kind != SCRATCH_TMPFS)
		return ERROR_NONE;
	/* The host's /proc shows every process to whoever is in a new
	 * namespace. */
	return ns_mount_scratch("/proc", 4096, 1, err);
}

static enum error_code
drop_capabilities(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	(void)sandbox;
	(void)scratch;
	return priv_drop_capabilities(err);
}

/* Where the scratch is the root directory this is a second lock on the same
 * door; where there are no namespaces it is the only one. */
static enum error_code
fence_in_scratch(const struct scratch *scratch, struct error *err)
{
	/* The self-test's blind worker has no such directory any more. */
	const struct landlock_place place = {
		.path = scratch->path,
		.write = true,
	};
	const struct landlock_fence fence = { .places = &place, .count = 1 };

	return landlock_enter(&fence, landlock_version(), err);
}

static enum error_code
enter_landlock(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	if (!has(sandbox, SANDBOX_PART_LANDLOCK))
		return ERROR_NONE;
	return fence_in_scratch(scratch, err);
}

static enum error_code
enter_seccomp(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	enum error_code code;

	(void)scratch;
	if (!has(sandbox, SANDBOX_PART_SECCOMP))
		return ERROR_NONE;
	code = callfilter_keep_signals(err);
	if (code == ERROR_NONE)
		code = callfilter_load(&sandbox->calls, err);
	return code;
}

/* The order leaves each step what it needs: mounts need a capability, and after
 * the last step there is no system call left to load another filter with. */
const struct sandbox_step sandbox_steps[SANDBOX_STEPS] = {
	{ SANDBOX_PART_ROOT, "a root directory of their own", enter_root },
	{ 0, "giving up capabilities", drop_capabilities },
	{ SANDBOX_PART_LANDLOCK, "Landlock", enter_landlock },
	{ SANDBOX_PART_SECCOMP, "seccomp", enter_seccomp },
};

void
sandbox_refused(struct sandbox *sandbox, unsigned part, const struct error *err,
    struct error *why)
{
	size_t i, used = strlen(why->text);

	sandbox->parts &= ~part;
	for (i = 0; i < SANDBOX_STEPS; i++)
		if (sandbox_steps[i].part == part)
			snprintf(why->text + used, sizeof why->text - used,
			    "%s%s (%.100s)", used > 0 ? ", " : "",
			    sandbox_steps[i].name, err->text);
}
