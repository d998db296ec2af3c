/* confine_sanitized - for builds with a sanitizer: see confine.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <sys/prctl.h>

#include "base/confine.h"

enum error_code
confine_calls(enum confine_role role, struct error *err)
{
	(void)role;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "no_new_privs");
	return ERROR_NONE;
}

enum error_code
confine_files(const struct landlock_fence *fence, struct error *err)
{
	(void)fence;
	(void)err;
	return ERROR_NONE;
}
