/* sandbox_root - the scratch is all that there is of the file system
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/scratch.h"
#include "sandbox_internal.h"

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

enum error_code
sandbox_root_enter(struct scratch *scratch, struct error *err)
{
	if (chdir(scratch->path) < 0)
		return error_sys(err, errno, "%s", scratch->path);
	if (change_root() < 0 || chdir("/") < 0)
		return error_sys(err, errno, "changing the root directory");
	strcpy(scratch->path, "/");
	return ERROR_NONE;
}
