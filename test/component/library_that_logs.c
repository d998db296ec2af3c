/* library_that_logs - stands before libmilter and says something to syslog
 * with each macro that the filter asks for, for LD_PRELOAD
 *
 * No MTA can have libmilter log any more; the next version of it may.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <dlfcn.h>
#include <string.h>
#include <syslog.h>

struct smfi_str;

typedef char *getsymval_function(struct smfi_str *ctx, char *name);

char *smfi_getsymval(struct smfi_str *ctx, char *name);

char *
smfi_getsymval(struct smfi_str *ctx, char *name)
{
	void *symbol = dlsym(RTLD_NEXT, "smfi_getsymval");
	getsymval_function *next;

	memcpy(&next, &symbol, sizeof next);
	syslog(LOG_ERR, "asked for the macro %s", name);
	return next(ctx, name);
}
