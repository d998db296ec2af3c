/* supervisor_confine - the supervisor keeps what starting others takes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/supervisor_confine.h"

#include <linux/capability.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/priv.h"
#include "base/process.h"
#include "config/config.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* vscan-milter-security(7) says what each is for; a test compares. */
static const unsigned needed[] = {
	/* The socket, when it is opened anew, and the account's files. */
	CAP_CHOWN,
	CAP_DAC_OVERRIDE,
	CAP_NET_BIND_SERVICE,
	/* A child's limits, then its account. */
	CAP_SYS_RESOURCE,
	CAP_SETGID,
	CAP_SETUID,
	CAP_SETPCAP,
	/* The supervisor ends children that are of another account. */
	CAP_KILL,
	/* Some kernels let only root make user namespaces (sysctl
	 * kernel.unprivileged_userns_clone = 0, AppArmor), and an engine in
	 * namespaces is worth more than this. */
	CAP_SYS_ADMIN,
};

void
supervisor_confine(const struct config *config)
{
	struct error err;

	/* Otherwise it could not map its account into a child's namespace:
	 * the child's files in /proc would be root's. */
	if (geteuid() == 0)
		process_set_nondumpable();
	if (geteuid() == 0 &&
	    priv_keep_only(needed, LENGTH(needed), &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the supervisor has not given up all that it does not "
		    "need",
		    &err);
	if (config->engine_sandbox != SANDBOX_OFF &&
	    confine_calls(CONFINE_SUPERVISOR, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the supervisor is not confined "
		    "to its system calls",
		    &err);
}
